"""The selectors a policy may name are those that occur: the table is held to the code that makes them."""

from itertools import chain

import pytest

from harness.model import Fault, Outcome
from harness.policy.checks import NEVER_RETRIED, OCCURRING
from harness.transport import classify
from harness.wire import envelope
from harness.wire.envelope import ProviderError
from harness.wire.status import outcome_of


def test_every_outcome_of_a_failed_attempt_and_every_fault_has_its_place() -> None:
    assert set(OCCURRING) == set(Outcome) - {Outcome.OK, Outcome.REJECTED, Outcome.CANCELLED}
    assert set(chain(*OCCURRING.values())) == set(Fault) - {Fault.NONE}


def test_what_a_status_means_is_in_the_table() -> None:
    found = {outcome_of(status, code) for status in range(100, 600) for code in (None, "insufficient_quota")}
    assert found == {
        *((outcome, Fault.STATUS) for outcome, faults in OCCURRING.items() if Fault.STATUS in faults),
        (Outcome.FATAL, Fault.QUOTA),
    }


def test_what_an_error_inside_a_stream_or_a_200_means_is_in_the_table() -> None:
    codes = [None, "unheard_of", "insufficient_quota", *envelope._OUTCOMES, *map(str, range(400, 600))]
    errors = [ProviderError(code, None, "") for code in codes]
    found = {meaning for error in errors for meaning in (error.of_stream(), error.of_body())}
    later = {(Outcome.PARTIAL, Fault.STREAM), (Outcome.PARTIAL, Fault.BODY)}  # after a stream's first output
    reported = (Fault.STREAM, Fault.BODY)
    assert found | later == {
        *((outcome, fault) for outcome, faults in OCCURRING.items() for fault in faults if fault in reported),
        (Outcome.FATAL, Fault.QUOTA),
    }


def test_what_an_exception_of_a_transport_means_is_in_the_table() -> None:
    found = {meaning for _, meaning in (*classify._AIOHTTP, *classify._HTTPX)}
    assert all(fault in OCCURRING[outcome] for outcome, fault in found)
    below_http = {Fault.CONNECT, Fault.READ, Fault.PROTOCOL, Fault.CONNECT_TIMEOUT, Fault.READ_TIMEOUT}
    assert {fault for _, fault in found} == below_http | {Fault.POOL}


@pytest.mark.parametrize("selector", NEVER_RETRIED)
def test_what_is_never_retried_does_occur(selector: str) -> None:
    outcome, _, fault = selector.partition(".")
    assert not fault or Fault(fault) in OCCURRING[Outcome(outcome)]
