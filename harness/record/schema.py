"""The columns of a run on disk: the one place where they, their units and their meaning stand.

Times are int64 nanoseconds from the run's start. `reports` reads by these names, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 5

Kind = Literal["int16", "int32", "int64", "float64", "utf8", "int64_list"]


#: Units of columns: an instant counts from the run's start, a stretch from nothing.
INSTANT, STRETCH, TOKENS = "ns from the run's start", "ns", "tokens"
TOKENS_A_MINUTE = "tokens a minute"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its Arrow type, whether it may be null, what it holds, and its unit if any."""

    name: str
    kind: Kind
    doc: str
    nullable: bool = False
    unit: str = ""


CALLS = (
    Column("call_id", "int64", "index in the schedule; unique in a run"),
    Column("worker", "int16", "index of the load process that made the call, or submitted it to the queue"),
    Column("shop", "utf8", "the customer of the copywriting service the call was made for"),
    Column("kind", "utf8", "kind of copy asked for"),
    Column("model", "utf8", "model asked for"),
    Column(
        "intended_ns", "int64", "when the schedule wanted the call; latency counts from here", unit=INSTANT
    ),
    Column("start_ns", "int64", "when the client was entered", unit=INSTANT),
    Column("end_ns", "int64", "when the call ended", unit=INSTANT),
    Column("outcome", "utf8", "harness.model.Outcome of the call"),
    Column("stopped_by", "utf8", "harness.model.StoppedBy; null when the call is ok", nullable=True),
    Column("attempts", "int16", "requests sent for this call"),
    Column("permit_wait_ns", "int64", "waited for rate and permits, all attempts", unit=STRETCH),
    Column("backoff_ns", "int64", "waited between attempts", unit=STRETCH),
    Column("status", "int16", "last HTTP status", nullable=True),
    Column("code", "utf8", "last error code of the API", nullable=True),
    Column(
        "prompt_tokens", "int32", "as the API counted them; null without a reply", nullable=True, unit=TOKENS
    ),
    Column(
        "completion_tokens",
        "int32",
        "as the API counted them; null without a reply",
        nullable=True,
        unit=TOKENS,
    ),
    Column("planned_prompt_tokens", "int32", "as the schedule or trace asked", nullable=True, unit=TOKENS),
    Column(
        "planned_completion_tokens", "int32", "as the schedule or trace asked", nullable=True, unit=TOKENS
    ),
    Column("detail", "utf8", "the last error in words, without secrets"),
    Column(
        "accepted_ns",
        "int64",
        "when the queue had taken it; null of a direct call, and of one it refused",
        nullable=True,
        unit=INSTANT,
    ),
    Column(
        "taken_up_ns",
        "int64",
        "when a worker of the queue first took it up; null where none did",
        nullable=True,
        unit=INSTANT,
    ),
)

ATTEMPTS = (
    Column("call_id", "int64", "the call it belongs to"),
    Column("attempt", "int32", "1 for the first; of a queue's task, 1000 more for every further try"),
    Column("worker", "int16", "index of the process that sent it"),
    Column("sent_ns", "int64", "permit held, request on its way", unit=INSTANT),
    Column("headers_ns", "int64", "status line received", nullable=True, unit=INSTANT),
    Column("first_token_ns", "int64", "first output of a stream received", nullable=True, unit=INSTANT),
    Column(
        "output_ns",
        "int64_list",
        "when each event with a part of the reply was read; empty of no stream",
        unit=INSTANT,
    ),
    Column("end_ns", "int64", "ended", unit=INSTANT),
    Column("outcome", "utf8", "harness.model.Outcome of the attempt"),
    Column("fault", "utf8", "harness.model.Fault: what went wrong, finer than the outcome; empty when ok"),
    Column("status", "int16", "HTTP status", nullable=True),
    Column("code", "utf8", "error code of the API", nullable=True),
    Column("retry_after_ns", "int64", "the API's hint", nullable=True, unit=STRETCH),
    Column("permit_wait_ns", "int64", "waited for rate and permit before it", unit=STRETCH),
    Column("prompt_tokens", "int32", "as the API counted them", nullable=True, unit=TOKENS),
    Column("completion_tokens", "int32", "as the API counted them", nullable=True, unit=TOKENS),
    Column("finish_reason", "utf8", "why the reply ended, in the API's words", nullable=True),
    Column("limit_requests", "int64", "requests a minute the API allows, as its headers tell", nullable=True),
    Column("left_requests", "int64", "requests left of them, as its headers tell", nullable=True),
    Column(
        "limit_tokens",
        "int64",
        "of prompt and reply together, as its headers tell",
        nullable=True,
        unit=TOKENS_A_MINUTE,
    ),
    Column("left_tokens", "int64", "left of them, as its headers tell", nullable=True, unit=TOKENS),
    Column(
        "limit_input_tokens",
        "int64",
        "of prompts alone, as its headers tell",
        nullable=True,
        unit=TOKENS_A_MINUTE,
    ),
    Column(
        "limit_output_tokens",
        "int64",
        "of replies alone, as its headers tell",
        nullable=True,
        unit=TOKENS_A_MINUTE,
    ),
    Column("request_id", "utf8", "the API's id of the request", nullable=True),
    Column("route", "int16", "0: the first choice, 1: the fallback"),
)

EVENTS = (
    Column("worker", "int16", "index of the process"),
    Column("at_ns", "int64", "when", unit=INSTANT),
    Column(
        "name",
        "utf8",
        "breaker | limit | pause (fallback_ before it: of the fallback) | loop_lag | gc_pause | cpu"
        " | queue_depth | queue_age | queue_processing | fault",
    ),
    Column(
        "text",
        "utf8",
        "breaker: the state entered (closed, open, half_open); gc_pause: its generation; fault: what was"
        " injected by hand, empty where all were cleared",
    ),
    Column(
        "value",
        "float64",
        "limit: permits from now on; pause, gc_pause: its seconds; loop_lag: seconds late;"
        " cpu: seconds of this process since the last one; queue_depth, queue_processing: tasks that wait,"
        " tasks that run; queue_age: seconds since the oldest of those that wait was submitted;"
        " fault: for how many seconds",
    ),
)

TABLES: dict[str, tuple[Column, ...]] = {"calls": CALLS, "attempts": ATTEMPTS, "events": EVENTS}
