"""The columns of a run on disk: the one place where they, their units and their meaning stand.

Times are int64 nanoseconds from the run's start. `reports` reads by these names, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 3

Kind = Literal["int16", "int32", "int64", "float64", "utf8", "int64_list"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its Arrow type, whether it may be null, and what it holds."""

    name: str
    kind: Kind
    doc: str
    nullable: bool = False


CALLS = (
    Column("call_id", "int64", "index in the schedule; unique in a run"),
    Column("worker", "int16", "index of the load process that made the call"),
    Column("shop", "utf8", "the customer of the copywriting service the call was made for"),
    Column("kind", "utf8", "kind of copy asked for"),
    Column("model", "utf8", "model asked for"),
    Column("intended_ns", "int64", "when the schedule wanted the call; latency counts from here"),
    Column("start_ns", "int64", "when the client was entered"),
    Column("end_ns", "int64", "when the call ended"),
    Column("outcome", "utf8", "harness.model.Outcome of the call"),
    Column("stopped_by", "utf8", "harness.model.StoppedBy; null when the call is ok", nullable=True),
    Column("attempts", "int16", "requests sent for this call"),
    Column("permit_wait_ns", "int64", "waited for rate and permits, all attempts"),
    Column("backoff_ns", "int64", "waited between attempts"),
    Column("status", "int16", "last HTTP status", nullable=True),
    Column("code", "utf8", "last error code of the API", nullable=True),
    Column("prompt_tokens", "int32", "as the API counted them; null without a reply", nullable=True),
    Column("completion_tokens", "int32", "as the API counted them; null without a reply", nullable=True),
    Column("planned_prompt_tokens", "int32", "as the schedule or trace asked", nullable=True),
    Column("planned_completion_tokens", "int32", "as the schedule or trace asked", nullable=True),
    Column("detail", "utf8", "the last error in words, without secrets"),
)

ATTEMPTS = (
    Column("call_id", "int64", "the call it belongs to"),
    Column("attempt", "int16", "1 for the first"),
    Column("worker", "int16", "index of the load process"),
    Column("sent_ns", "int64", "permit held, request on its way"),
    Column("headers_ns", "int64", "status line received", nullable=True),
    Column("first_token_ns", "int64", "first output of a stream received", nullable=True),
    Column(
        "output_ns", "int64_list", "when each event with a part of the reply was read; empty of no stream"
    ),
    Column("end_ns", "int64", "ended"),
    Column("outcome", "utf8", "harness.model.Outcome of the attempt"),
    Column("fault", "utf8", "harness.model.Fault: what went wrong, finer than the outcome; empty when ok"),
    Column("status", "int16", "HTTP status", nullable=True),
    Column("code", "utf8", "error code of the API", nullable=True),
    Column("retry_after_ns", "int64", "the API's hint", nullable=True),
    Column("permit_wait_ns", "int64", "waited for rate and permit before it"),
    Column("prompt_tokens", "int32", "as the API counted them", nullable=True),
    Column("completion_tokens", "int32", "as the API counted them", nullable=True),
    Column("request_id", "utf8", "the API's id of the request", nullable=True),
    Column("route", "int16", "0: the first choice, 1: the fallback"),
)

EVENTS = (
    Column("worker", "int16", "index of the load process"),
    Column("at_ns", "int64", "when"),
    Column(
        "name",
        "utf8",
        "breaker | limit | pause (fallback_ before it: of the fallback) | loop_lag | gc_pause | cpu",
    ),
    Column("text", "utf8", "breaker: the state entered (closed, open, half_open); gc_pause: its generation"),
    Column(
        "value",
        "float64",
        "limit: permits from now on; pause, gc_pause: its seconds; loop_lag: seconds late;"
        " cpu: seconds of this process since the last one",
    ),
)

TABLES: dict[str, tuple[Column, ...]] = {"calls": CALLS, "attempts": ATTEMPTS, "events": EVENTS}
