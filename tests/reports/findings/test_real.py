"""Situations that virtual time cannot have: a slow way to the server, and a generator that is too weak."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness import clock
from harness.client import ResilientClient
from harness.model import Event
from harness.play.context import current_arrival
from harness.play.offer import Offer, policy_document, schedule_document, steady_offer
from harness.play.player import Player
from harness.play.tally import Tally
from harness.policy.presets import TUNED
from harness.record import folder as run_folder
from harness.record.recorder import Recorder
from mockserver.process import MockServerProcess
from reports.reading.server_log import NAME
from tests.reports.findings import made
from tests.reports.findings.proxy import slow_way
from tests.scenarios.running import play

pytestmark = pytest.mark.slow

OFFER = steady_offer(12.0, 10.0, "poisson", 3)


@pytest.mark.parametrize(("delay_s", "slow"), [(0.6, True), (0.0, False)])
def test_a_slow_way_is_told_from_a_slow_server(tmp_path: Path, delay_s: float, slow: bool) -> None:  # noqa: FBT001
    log = tmp_path / NAME
    with MockServerProcess("--profile", "calm", "--log", str(log)) as server:
        asyncio.run(through(server.port, delay_s, OFFER, tmp_path))
    found = made.found(tmp_path)
    assert ("slow_network" in found) == slow
    if slow:
        assert "% of 1" in found["slow_network"]["evidence"][1]
        # Each request goes there and back: 1.2 s, and a connection's first some more.
        text = found["slow_network"]["text"]
        assert any(f"that a request took, 1.{digit}" in text for digit in "234"), text
    assert not {"server_knee", "limits_low", "rate_limited", "server_overloaded", "no_answer"} & set(found)


async def through(port: int, delay_s: float, offer: Offer, folder: Path) -> None:
    """Play an offer through the proxy, and leave the run in the folder."""
    gathered: list[Event] = []
    begun_ns, tally = clock.now_ns(), Tally()
    async with slow_way(port, delay_s) as near:
        url = f"http://127.0.0.1:{near}/v1"
        client = ResilientClient(url, "sk-mock", policy=TUNED, listeners=[gathered.append], send_ids=True)

        async def body() -> None:
            arrival = current_arrival.get()
            assert arrival is not None
            await client.generate_copy(arrival.prompt, max_tokens=arrival.max_tokens)

        player = Player(tally, begun_ns, gathered.append, print, clock.now_ns)
        schedule = offer.schedule
        assert schedule is not None
        await player.open_loop(schedule, range(len(schedule.at_ns)), schedule.length_ns, lambda _: body)
        await player.drain(30)
        await client.aclose()
    record(folder, offer, tally, begun_ns, gathered)


def record(folder: Path, offer: Offer, tally: Tally, begun_ns: int, events: list[Event]) -> None:
    manifest = run_folder.Manifest(
        run=folder.name,
        scenario="steady",
        started_unix_ns=1_700_000_000_000_000_000,
        seed=3,
        workers=1,
        policy=policy_document(TUNED, 1),
        schedule=schedule_document("steady", offer),
        target={"host": "http://127.0.0.1", "bundled": True, "profile": "calm"},
    )
    run_folder.write_manifest(folder, manifest)
    recorder = Recorder(folder, 0, begun_ns)
    recorder.extend(events)
    recorder.close()
    counts = {"0": tally.scheduled}
    end_ns = clock.now_ns() - begun_ns
    run_folder.write_ending(
        folder, run_folder.Ending("completed", tally.arrivals_end_ns, end_ns, counts, counts, [])
    )


def test_a_generator_that_cannot_keep_its_schedule_says_so(tmp_path: Path) -> None:
    played = play(
        "steady.py",
        *("--rate", "4000", "-t", "3s", "--mock-profile", "instant"),
        *("--transport", "httpx", "--policy", "tuned"),
        run_dir=tmp_path,
    )
    found = made.found(played.folder)
    assert found["generator_saturated"]["severity"] == "problem"
    assert "nothing_wrong" not in found
