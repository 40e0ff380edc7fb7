"""What a task's end says of its call."""

import pytest

from harness.errors import DeadlineExceeded, Fatal, LocalExhaustion, Rejected, Throttled
from harness.model import Outcome, StoppedBy, Tag, Usage
from harness.queue import QueueClosed, QueueFull, ServerFull, ServerUnreachable, TaskResult, TaskStatus
from harness.queue.errors import QueueError
from harness.queue.tasks import LastCall
from harness.queued.ending import Submission, ended, error_of, refused, reply_of, withdrawn

TAG = Tag(call_id=5, intended_ns=90, shop="noodles", kind="caption")


def sent() -> Submission:
    return Submission(TAG, "gpt-4.1", start_ns=100, accepted_ns=110, taken_up_ns=150)


def failed(error: str, call: LastCall | None = None, attempts: int = 0) -> TaskResult:
    return TaskResult(
        task_id="t", status=TaskStatus.FAILED, error=error, message="why", call=call, attempts=attempts
    )


def test_a_completed_task_is_an_ok_call_with_all_its_instants() -> None:
    result = TaskResult(
        task_id="t",
        status=TaskStatus.COMPLETED,
        text="สวัสดี",
        model="gpt-4.1",
        finish_reason="stop",
        usage=Usage(3, 4),
        call=LastCall(outcome=Outcome.OK, status=200, permit_wait_ns=7, backoff_ns=8),
        attempts=2,
    )
    call = ended(sent(), result, 300)

    assert (call.call_id, call.intended_ns, call.start_ns, call.end_ns) == (5, 90, 100, 300)
    assert (call.accepted_ns, call.taken_up_ns) == (110, 150)
    assert (call.outcome, call.stopped_by, call.attempts, call.status) == (Outcome.OK, None, 2, 200)
    assert (call.permit_wait_ns, call.backoff_ns, call.usage) == (7, 8, Usage(3, 4))
    assert call.tag.shop == "noodles"
    assert reply_of(result).text == "สวัสดี"


@pytest.mark.parametrize(
    ("result", "outcome", "stopped_by", "error"),
    [
        (
            failed("Throttled", LastCall(outcome=Outcome.THROTTLED, stopped_by=StoppedBy.BUDGET, status=429)),
            Outcome.THROTTLED,
            StoppedBy.BUDGET,
            Throttled,
        ),
        (failed("DeadlineExceeded"), Outcome.DEADLINE, StoppedBy.DEADLINE, DeadlineExceeded),
        (failed("RequestError"), Outcome.FATAL, StoppedBy.FATAL, Fatal),
        (failed("WorkerLost"), Outcome.LOCAL, StoppedBy.ATTEMPTS, LocalExhaustion),
    ],
)
def test_a_failed_task_is_its_last_call_or_why_there_was_none(
    result: TaskResult, outcome: Outcome, stopped_by: StoppedBy, error: type[Exception]
) -> None:
    call = ended(sent(), result, 300)

    assert (call.outcome, call.stopped_by, call.detail) == (outcome, stopped_by, "why")
    assert type(error_of(call)) is error


def test_a_cancelled_task_is_cancelled_whatever_its_call_had_come_to() -> None:
    result = failed("Cancelled", LastCall(outcome=Outcome.TIMEOUT), attempts=3)
    call = ended(sent(), result, 300)

    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.CANCELLED, StoppedBy.USER, 3)


@pytest.mark.parametrize(
    "error",
    [QueueFull("evening", 12, 10, None), QueueClosed("it is being drained"), ServerFull("no memory")],
)
def test_back_pressure_is_a_rejected_call_without_attempts(error: QueueError) -> None:
    call = refused(Submission(TAG, "gpt-4.1", 100), error, 104)

    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.REJECTED, StoppedBy.ADMISSION, 0)
    assert (call.accepted_ns, call.taken_up_ns) == (None, None)
    assert isinstance(error_of(call), Rejected)


def test_those_turned_away_by_a_full_queue_say_the_same_whatever_its_depth() -> None:
    details = {
        refused(Submission(TAG, "m", 1), QueueFull("q", depth, 10, wait_s), 2).detail
        for depth, wait_s in ((10, None), (11, 3.0))
    }
    assert details == {"the queue is full: at most 10 tasks may wait or run"}


def test_a_server_that_does_not_answer_is_a_transport_s_failure() -> None:
    call = refused(Submission(TAG, "m", 1), ServerUnreachable("no answer"), 2)
    assert (call.outcome, call.detail) == (Outcome.TRANSIENT, "no answer")


def test_a_withdrawn_task_counts_the_attempts_that_are_known() -> None:
    known = withdrawn(sent(), failed("Cancelled", attempts=4), 300, "left")
    unknown = withdrawn(sent(), None, 300, "left")

    assert (known.outcome, known.attempts, known.detail) == (Outcome.CANCELLED, 4, "left")
    assert (unknown.outcome, unknown.attempts) == (Outcome.CANCELLED, 0)
