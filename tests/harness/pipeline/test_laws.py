"""Laws with numbers: what the whole pipeline must amount to, whatever the calls."""

import asyncio
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Attempt, AttemptFinished, BreakerChanged, Fault, Outcome, StoppedBy
from harness.pipeline.attempting import Opened, Progress
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    RateConfig,
    RetryConfig,
)
from harness.policy.presets import preset
from harness.sim.loop import now_ns, run
from tests.harness.pipeline.rig import BROKEN, OK, End, Rig, permits, policy, turns

SECOND = 1_000_000_000


def test_littles_law_through_retries_throttles_and_streams() -> None:
    # Mean permits held = attempts a second x mean time of an attempt, in stationarity; exactly, over a whole
    # busy time: the integral of permits held = the sum of all attempts' times.
    seed = 23
    rng = Random(seed)

    async def main() -> None:
        rig = Rig(policy(concurrency=permits(30), retry=RetryConfig(attempts=4, base_s=0.2, cap_s=1.0)))
        samples: list[int] = []

        async def watch() -> None:
            while True:
                await asyncio.sleep(rng.expovariate(10.0))
                samples.append(rig.gate.held)

        def end() -> End:
            outcome = rng.choices([Outcome.OK, Outcome.TRANSIENT, Outcome.THROTTLED], [6, 3, 1])[0]
            streams = outcome is Outcome.OK and rng.random() < 0.3
            return End(outcome, rng.expovariate(1.0), streams=streams)

        async def caller() -> None:
            state = await rig.call(*(end() for _ in range(4)))
            if state.lease is not None:
                await asyncio.sleep(rng.expovariate(0.5))
                rig.end(state)

        watcher = asyncio.create_task(watch())
        async with asyncio.TaskGroup() as group:
            for _ in range(6000):
                await asyncio.sleep(rng.expovariate(8.0))
                group.create_task(caller())
        watcher.cancel()
        attempts = [event.attempt for event in rig.of(AttemptFinished)]
        throughput = len(attempts) / (now_ns() / SECOND)
        mean_s = sum(a.end_ns - a.sent_ns for a in attempts) / len(attempts) / SECOND
        mean_held = sum(samples) / len(samples)
        assert mean_held == pytest.approx(throughput * mean_s, rel=0.02), f"seed {seed}"
        # Independently: attempts a call (1 - 0.4^4) / 0.6; 1 s each, and 2 s more for 0.18 of them.
        expected = 8.0 * (1 - 0.4**4) / 0.6 * (1.0 + 0.6 * 0.3 * 2.0)
        assert mean_held == pytest.approx(expected, rel=0.05), f"seed {seed}"
        rig.assert_idle()

    run(main())


@pytest.mark.parametrize(("most", "failing"), [(1, 0.5), (2, 0.3), (3, 0.5), (4, 0.4), (6, 0.8)])
def test_attempts_a_call_are_a_geometric_sum(most: int, failing: float) -> None:
    seed = 5
    rng = Random(seed)
    calls = 3000

    async def main() -> None:
        rig = Rig(policy(retry=RetryConfig(attempts=most), concurrency=permits(50)))

        async def send(progress: Progress) -> Attempt:
            await asyncio.sleep(rng.expovariate(2.0))
            outcome = Outcome.TRANSIENT if rng.random() < failing else Outcome.OK
            return progress.ended(now_ns(), outcome)

        async def caller(call_id: int) -> bool:
            state = rig.begin(call_id=call_id)
            await rig.pipeline.run(state, send)
            return state.outcome is Outcome.OK

        served = sum(await asyncio.gather(*(caller(call_id) for call_id in range(calls))))
        attempts = len(rig.of(AttemptFinished))
        expected = (1 - failing**most) / (1 - failing)
        assert attempts / calls == pytest.approx(expected, rel=0.04), f"seed {seed}"
        assert 1 - served / calls == pytest.approx(failing**most, abs=0.02), f"seed {seed}"
        rig.assert_idle()

    run(main())


@pytest.mark.parametrize("probes", [1, 2, 5, 17])
def test_two_hundred_callers_at_once_send_exactly_the_probes(probes: int) -> None:
    async def main() -> None:
        breaker = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=probes)
        rig = Rig(policy(breaker=breaker, retry=RetryConfig(attempts=1), concurrency=permits(100)))
        await rig.call(BROKEN)
        await rig.call(BROKEN)
        await rig.opening_passed()
        crowd = [rig.start(End(Outcome.OK, 1.0), call_id=call_id) for call_id in range(200)]
        await asyncio.sleep(0.5)
        assert rig.on_wire == probes
        states = await asyncio.gather(*crowd)
        assert sum(state.outcome is Outcome.OK for state in states) == probes
        assert sum(state.stopped_by is StoppedBy.BREAKER for state in states) == 200 - probes
        assert rig.pipeline.leases.breaker.state == "closed"
        rig.assert_idle()

    run(main())


@pytest.mark.parametrize("probes", [1, 5])
def test_a_line_of_two_hundred_that_formed_before_sends_exactly_the_probes(probes: int) -> None:
    # They were let in while it was closed: only the second look, with the permit held, stops them.
    async def main() -> None:
        breaker = BreakerConfig(
            window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=probes, ramp=False
        )
        rig = Rig(policy(breaker=breaker, retry=RetryConfig(attempts=1), concurrency=permits(2)))
        for _ in range(2):
            rig.start(End(Outcome.TRANSIENT, 1.0))
        await turns()
        for _ in range(2):
            asyncio.create_task(rig.gate.enter(0))  # noqa: RUF006 - ahead in the line, until the time is over
        await turns()
        crowd = [rig.start(End(Outcome.OK, 1.0), call_id=call_id) for call_id in range(200)]
        await asyncio.sleep(1.5)
        await rig.opening_passed()
        rig.sent_at_ns.clear()
        rig.gate.leave()
        rig.gate.leave()
        await asyncio.sleep(0.5)
        assert rig.on_wire == min(probes, 2)  # two permits
        states = await asyncio.gather(*crowd)
        served = sum(state.outcome is Outcome.OK for state in states)
        assert served == rig.sent == probes
        assert rig.of(BreakerChanged)[-1].after == "closed"
        rig.assert_idle()

    run(main())


@dataclass
class Probe:
    """One attempt as the wire saw it."""

    sent_in: int  # the generation, counted from the breaker's events
    ended: Outcome | None = None


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0, 5.0]),
            st.sampled_from(
                [
                    Outcome.OK,
                    Outcome.OK,
                    Outcome.TRANSIENT,
                    Outcome.THROTTLED,
                    Outcome.FATAL,
                    Outcome.MALFORMED,
                ]
            ),
            st.sampled_from([0.0, 0.5, 1.0, 6.0]),
            st.sampled_from([None, None, None, 0.0, 0.5, 1.0]),
        ),
        min_size=5,
        max_size=60,
    ),
    probes=st.integers(1, 4),
    limit=st.sampled_from([1, 2, 8, None]),
    rate=st.sampled_from([RateConfig(), RateConfig(rpm=60, burst_s=2)]),
    attempts=st.integers(1, 2),
)
@settings(deadline=None, max_examples=200)
def test_no_interleaving_sends_more_probes_than_there_are(  # noqa: C901 - its helpers count
    calls: list[tuple[float, Outcome, float, float | None]],
    probes: int,
    limit: int | None,
    rate: RateConfig,
    attempts: int,
) -> None:
    async def main() -> None:  # noqa: C901
        breaker = BreakerConfig(
            window_s=10, min_calls=3, failure_ratio=0.5, open_s=1, max_open_s=2, probes=probes
        )
        concurrency = ConcurrencyConfig(kind="off") if limit is None else permits(limit)
        rig = Rig(
            policy(
                breaker=breaker,
                concurrency=concurrency,
                rate=rate,
                retry=RetryConfig(attempts=attempts, base_s=0.5, throttle_base_s=0.5, jitter="none"),
            )
        )
        wire: list[Probe] = []

        def generation() -> tuple[int, str]:
            changes = rig.of(BreakerChanged)
            return len(changes), changes[-1].after if changes else "closed"

        def check() -> None:
            number, state = generation()
            assert state == rig.pipeline.leases.breaker.state
            if state == "half_open":
                used = [p for p in wire if p.sent_in == number and p.ended in {None, Outcome.OK}]
                assert len(used) <= probes

        async def send(progress: Progress, outcome: Outcome, after_s: float) -> Attempt | Opened:
            assert generation()[1] != "open"
            probe = Probe(generation()[0])
            wire.append(probe)
            check()
            ended = Outcome.CANCELLED
            try:
                if after_s:
                    await asyncio.sleep(after_s)
                ended = outcome
            finally:
                probe.ended = ended
            return progress.ended(now_ns(), outcome)

        async def caller(call_id: int, outcome: Outcome, after_s: float) -> None:
            state = rig.begin(call_id=call_id)
            await rig.pipeline.run(state, lambda progress: send(progress, outcome, after_s))
            check()

        tasks = []
        for call_id, (gap_s, outcome, after_s, cancel_s) in enumerate(calls):
            await asyncio.sleep(gap_s)
            task = asyncio.create_task(caller(call_id, outcome, after_s))
            tasks.append(task)
            if cancel_s is not None:
                asyncio.get_running_loop().call_later(cancel_s, task.cancel)
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
        for number, change in enumerate(rig.of(BreakerChanged)):
            if (change.before, change.after) == ("half_open", "closed"):
                assert sum(p.sent_in == number and p.ended is Outcome.OK for p in wire) == probes
        assert getattr(rig.pipeline.leases.breaker, "_probing", None) == 0
        rig.assert_idle()

    run(main())


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.05, 0.5]), st.integers(0, 4), st.sampled_from([0.0, 0.1, 1.0])
        ),
        min_size=1,
        max_size=80,
    ),
    ratio=st.sampled_from([0.0, 0.2, 1.0]),
    min_per_s=st.sampled_from([0.0, 1.0]),
    cap=st.sampled_from([1.0, 5.0]),
    limit=st.sampled_from([1, 3, 20]),
)
@settings(deadline=None, max_examples=150)
def test_amplification_stays_within_the_budget(
    calls: list[tuple[float, int, float]], ratio: float, min_per_s: float, cap: float, limit: int
) -> None:
    async def main() -> None:
        rig = Rig(
            policy(
                budget=BudgetConfig(ratio=ratio, min_per_s=min_per_s, cap=cap),
                concurrency=permits(limit),
                retry=RetryConfig(attempts=5, base_s=0.1),
            )
        )
        async with asyncio.TaskGroup() as group:
            for call_id, (gap_s, failures, after_s) in enumerate(calls):
                await asyncio.sleep(gap_s)
                ends = [End(Outcome.TRANSIENT, after_s)] * failures + [End(Outcome.OK, after_s)]
                group.create_task(rig.call(*ends, call_id=call_id))
        retries = rig.sent - len(calls)
        assert retries <= cap + ratio * len(calls) + min_per_s * now_ns() / SECOND + 1e-9
        if min_per_s == 0 and ratio == 0:
            wanted = sum(failures for _, failures, _ in calls)
            assert retries == min(wanted, cap)  # what may be spent is spent

    run(main())


def test_amplification_of_an_outage_is_one_and_the_ratio() -> None:
    async def main() -> None:
        rig = Rig(
            policy(
                budget=BudgetConfig(ratio=0.2, min_per_s=0, cap=10),
                retry=RetryConfig(attempts=6, base_s=0.1),
            )
        )
        async with asyncio.TaskGroup() as group:
            for call_id in range(2000):
                await asyncio.sleep(0.02)
                group.create_task(rig.call(BROKEN, call_id=call_id))
        assert rig.sent / 2000 == pytest.approx(1.2, abs=0.01)

    run(main())


def test_a_server_of_small_capacity_recovers_with_a_budget_and_not_without() -> None:
    # Metastable failure: 10 calls a second meet a server of 16 a second. An outage of 20 s; attempts of
    # clients without a budget then come at up to 30 a second, each slower than its timeout, for good.
    def play(budget: BudgetConfig) -> float:
        async def main() -> float:
            rig = Rig(
                policy(
                    budget=budget,
                    attempt_timeout_s=2.0,
                    retry=RetryConfig(attempts=3, base_s=0.1, jitter="full"),
                )
            )
            rng = Random(3)
            free_at = 0.0  # a first-come-first-served server that works on what its clients gave up, too

            async def send(progress: Progress) -> Attempt:
                nonlocal free_at
                loop = asyncio.get_running_loop()
                down_until = 30.0 if 10.0 <= loop.time() < 30.0 else 0.0
                free_at = max(free_at, loop.time(), down_until) + 1 / 16
                await asyncio.sleep(free_at - loop.time())
                return progress.ended(now_ns(), Outcome.OK)

            async def caller(call_id: int) -> bool:
                state = rig.begin(call_id=call_id)
                await rig.pipeline.run(state, send)
                return state.outcome is Outcome.OK

            late = []
            async with asyncio.TaskGroup() as group:
                for call_id in range(3000):
                    await asyncio.sleep(rng.expovariate(10.0))
                    task = group.create_task(caller(call_id))
                    if call_id >= 2000:
                        late.append(task)
            return sum(task.result() for task in late) / len(late)

        return run(main())

    assert play(BudgetConfig(kind="off")) < 0.1
    assert play(BudgetConfig(ratio=0.1, min_per_s=0, cap=10)) > 0.95


def test_faults_are_told_as_they_were() -> None:
    async def main() -> None:
        rig = Rig(policy(retry=RetryConfig(attempts=2, on=("transient.connect",))))
        await rig.call(
            End(Outcome.TRANSIENT, fault=Fault.CONNECT), End(Outcome.TRANSIENT, fault=Fault.READ), OK
        )
        assert [e.attempt.selector for e in rig.of(AttemptFinished)] == [
            "transient.connect",
            "transient.read",
        ]

    run(main())


def test_an_overload_of_long_replies_is_served_at_capacity_and_not_all_too_late() -> None:
    # The head of a line is its oldest. Were it sent with less time left than a reply takes, it would be cut
    # at its deadline, and so would everyone after it, for good.
    async def main() -> list[float]:
        line = AdmissionConfig(max_waiting=160)
        rig = Rig(policy(deadline_s=45.0, concurrency=permits(100), admission=line))
        ok_at_s: list[float] = []

        async def call(call_id: int) -> None:
            state = await rig.call(End(Outcome.OK, after_s=20.0), call_id=call_id)
            if state.outcome is Outcome.OK:
                ok_at_s.append(now_ns() / SECOND)

        async with asyncio.TaskGroup() as group:
            for call_id in range(6 * 600):  # 6 a second for ten minutes; 100 permits serve 5
                group.create_task(call(call_id))
                await asyncio.sleep(1 / 6)
        rig.assert_idle()
        return ok_at_s

    ok_at_s = run(main())
    last_minutes = [at_s for at_s in ok_at_s if 300 <= at_s < 600]
    assert len(last_minutes) >= 0.95 * 5 * 300


def test_after_an_outage_long_replies_are_all_served_again() -> None:
    async def main() -> list[tuple[float, Outcome]]:
        rig = Rig(preset("tuned"))
        ends: list[tuple[float, Outcome]] = []

        async def call(call_id: int, end: End) -> None:
            began_s = now_ns() / SECOND
            ends.append((began_s, (await rig.call(end, call_id=call_id)).outcome))

        async with asyncio.TaskGroup() as group:
            for call_id in range(2 * 300):  # 2 a second: 32 of 138 permits
                down = 20 <= call_id / 2 < 40
                end = End(Outcome.TRANSIENT, 0.1) if down else End(Outcome.OK, 16.0)
                group.create_task(call(call_id, end))
                await asyncio.sleep(0.5)
        rig.assert_idle()
        return ends

    late = [outcome for began_s, outcome in run(main()) if began_s >= 120]
    assert late.count(Outcome.OK) >= 0.95 * len(late)
