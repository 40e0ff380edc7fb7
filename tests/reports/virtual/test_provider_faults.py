"""Every fault of the mock server, over sockets and in virtual time: the same in all but effort."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import Any, get_args

import pytest

from harness.client.endpoint import WireName
from mockserver import Core
from mockserver.rules import ConnectionAction, RefusingAction, SpoilingAction
from tests.mockserver.server.seen import CONNECTIONS_BY_FAST, OPTIONS, SEEN_BY_FAST
from tests.reports.virtual.sides import SEED, Asker, Kind, bare, in_virtual_time, late_s, on_sockets, profile

WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])
KINDS = pytest.mark.parametrize("kind", ["whole", "stream"])

ACTIONS = [*get_args(RefusingAction), *get_args(SpoilingAction)]

#: Every action, and options that end otherwise, by the text of the header.
FAULTS = [
    *("; ".join(filter(None, [action, OPTIONS.get(action)])) for action in ACTIONS),
    "",
    "delay; delay_ms=600",
    "slow_drip; bytes_per_s=20000",
    "slow_drip; bytes_per_s=900",
    "wrong_length; after_events=0",
    "wrong_length; length_off=-16",
    "wrong_length; length_off=-100000",
    "wrong_length; length_off=1",
    "wrong_length; length_off=2",
    "wrong_length; length_off=400",
    "wrong_length; length_off=900",
    "wrong_length; length_off=900; after_events=4",
    "stall; after_events=0",
    "reset_mid; after_events=0",
    "truncate; after_events=5",
    "half_json; after_events=3",
    "half_json; after_events=9",
    "malformed_sse; after_events=0",
    "stream_error; after_events=0",
    "stream_error; after_events=9",
    "status; status=429; retry_after_s=2",
    "status; status=429; retry_after_s=1.5; retry_after_as_date=true",
    'status; status=503; retry_after="soon"',
    "status; status=429; code=insufficient_quota",
    "status; status=529; should_retry=false",
    "no such fault",
]

#: 30 ms to the first of 5 tokens, 25 ms to each of the others and to the end.
TIMES: dict[str, Any] = {
    "ttft": {"median_ms": 30, "sigma": 0, "slow_share": 0, "per_1k_prompt_ms": 0},
    "inter_token": {"mean_ms": 25, "cv": 0},
}
SILENCE_S = 1.5

#: A timer of the loop may be a millisecond early; what a busy machine may add; and what all add usually.
EARLY_S = 0.005
LATE_S = 0.5
USUALLY_LATE_S = 0.02


def test_the_table_has_every_action() -> None:
    assert set(ACTIONS) == set(SEEN_BY_FAST)
    assert {fault.partition(";")[0] for fault in FAULTS} >= set(ACTIONS)


@WIRES
@KINDS
def test_a_fault_is_in_virtual_time_what_it_is_over_sockets(wire: WireName, kind: Kind) -> None:
    """All at the same time. Before and after them as many good calls: to open a connection for each, and to
    see how many had to be opened anew.
    """

    async def main(asker: Asker) -> None:
        await asyncio.gather(*(asker.ask(x_primetime_tokens="1") for _ in FAULTS))
        await asyncio.gather(
            *(asker.ask(kind, x_mock_fault=f, x_primetime_tokens="5") for f in FAULTS if f),
            asker.ask(kind, x_primetime_tokens="5"),
        )
        asker.note()
        await asyncio.gather(*(asker.ask(x_primetime_tokens="1") for _ in FAULTS))

    policy, played = bare(read_timeout_s=SILENCE_S), profile(**TIMES)
    real = on_sockets(main, played, policy, wire=wire)
    virtual = in_virtual_time(main, played, policy, wire=wire)
    assert real.ends == virtual.ends
    assert real.stats == virtual.stats
    late = late_s(real, virtual)
    assert -EARLY_S < min(late) < max(late) < LATE_S
    assert median(late) < USUALLY_LATE_S


@KINDS
@pytest.mark.parametrize("action", ["hang", "reset"])
def test_a_spoiled_connection_ends_a_call_as_it_does_over_sockets(action: str, kind: Kind) -> None:
    """Over sockets a reset may come before the client looks at its new connection: `transient.connect`."""

    async def main(asker: Asker) -> None:
        for _ in range(3):
            await asker.ask(kind)

    policy, played = bare(read_timeout_s=0.2), profile(connection_faults=[{"action": action}])
    real = on_sockets(main, played, policy)
    virtual = in_virtual_time(main, played, policy)
    assert {a.selector for a in real.attempts} <= set(CONNECTIONS_BY_FAST[action])
    assert {a.selector for a in virtual.attempts} <= set(CONNECTIONS_BY_FAST[action])
    assert real.stats == virtual.stats
    assert [a.end_ns - a.sent_ns for a in virtual.attempts] == [200_000_000 * (action == "hang")] * 3
    assert set(get_args(ConnectionAction)) == {"refuse", "hang", "reset"}


def test_where_nobody_listens_a_call_is_refused_in_the_same_stretches_of_time() -> None:
    """Half of the tenths of a second, drawn by the same seed; asked in the middle of each. The real server
    looks every tenth of a second, too, but at a phase of its own: it may be one of them behind.
    """

    async def main(asker: Asker) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for tenth in range(10):
            await asyncio.sleep(begun_s + tenth / 10 + 0.05 - loop.time())
            await asker.ask()

    policy = bare(reuse=False)
    played = profile(connection_faults=[{"action": "refuse", "probability": 0.5}])
    core = Core(played, SEED)
    drawn = ["transient.connect" if core.refusing(100_000 * tenth) else "ok" for tenth in range(10)]
    real, virtual = on_sockets(main, played, policy), in_virtual_time(main, played, policy)
    assert [a.selector for a in virtual.attempts] == drawn
    assert set(drawn) == {"ok", "transient.connect"}
    for attempt, now, before in zip(real.attempts, drawn, ["ok", *drawn], strict=False):
        assert attempt.selector in {now, before}
