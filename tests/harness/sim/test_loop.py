"""Virtual time: the clock jumps, nothing hangs, and nothing real is waited for."""

import _thread
import asyncio
import itertools
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from harness.clock import now_ns as real_ns
from harness.errors import HarnessError
from harness.sim.loop import Deadlock, RealWait, VirtualLoop, now_ns, run
from harness.units import NS

#: What a program may ask of the loop; everything else asyncio's own loop offers must raise RealWait.
ALLOWED = frozenset({
    "call_at", "call_exception_handler", "call_later", "call_soon", "call_soon_threadsafe", "close",
    "create_future", "create_task", "default_exception_handler", "get_debug", "get_exception_handler",
    "get_task_factory", "is_closed", "is_running", "run_forever", "run_until_complete", "set_debug",
    "set_exception_handler", "set_task_factory", "shutdown_asyncgens", "shutdown_default_executor", "stop",
    "time",
})  # fmt: skip
REFUSED = sorted(
    {name for name in dir(asyncio.SelectorEventLoop) if not name.startswith("_")}.difference(ALLOWED)
)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own SIGINT handler, whatever the test runner installed."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# The clock.


def test_an_hour_passes_at_once() -> None:
    async def main() -> int:
        assert now_ns() == 0
        await asyncio.sleep(3600)
        return now_ns()

    began_ns = real_ns()
    assert run(main()) == 3600 * 10**9
    assert real_ns() - began_ns < 5 * 10**9


def test_sleepers_wake_in_order_and_on_time() -> None:
    woken: list[tuple[float, int]] = []

    async def sleeper(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append((delay_s, now_ns()))

    async def main() -> None:
        await asyncio.gather(*(sleeper(delay_s) for delay_s in (2.5, 0.1, 1.0)))

    run(main())
    assert woken == [(0.1, 100_000_000), (1.0, 1_000_000_000), (2.5, 2_500_000_000)]


def test_sleepers_of_one_instant_wake_in_the_order_they_lay_down() -> None:
    async def main() -> list[int]:
        woken: list[int] = []

        async def sleeper(number: int) -> None:
            await asyncio.sleep(1)
            woken.append(number)

        await asyncio.gather(*map(sleeper, range(50)))
        return woken

    assert run(main()) == list(range(50))


def test_the_clock_stands_while_anything_is_ready() -> None:
    async def main() -> set[int]:
        asyncio.get_running_loop().call_later(1, lambda: None)
        seen = set()
        for _ in range(1000):
            await asyncio.sleep(0)
            seen.add(now_ns())
        return seen

    assert run(main()) == {0}


def test_a_timer_already_due_runs_while_others_stay_ready() -> None:
    async def main() -> int:
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0, done.set)
        turns = 0
        while not done.is_set():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert run(main()) == 2  # a turn runs what was ready, then what fell due


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(delay_s, lambda: None) for delay_s in (1, 2, 3)]
        timers[0].cancel()
        timers[1].cancel()
        async with asyncio.timeout(2.5):
            await asyncio.sleep(0)
        seen = []
        loop.call_later(3, lambda: seen.append(now_ns()))
        await asyncio.sleep(4)
        assert seen == [3 * NS]
        return now_ns()

    assert run(main()) == 4 * NS

    async def only_cancelled(kept: list[asyncio.AbstractEventLoop]) -> None:
        kept.append(asyncio.get_running_loop())
        kept[0].call_later(1, lambda: None).cancel()
        await kept[0].create_future()

    loops: list[asyncio.AbstractEventLoop] = []
    with pytest.raises(Deadlock):
        run(only_cancelled(loops))
    assert loops[0].time() == 0


def test_the_clock_never_moves_back() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(5)
        overdue: asyncio.Future[int] = loop.create_future()
        loop.call_at(1, lambda: overdue.set_result(now_ns()))
        return await overdue

    assert run(main()) == 5 * NS


def test_a_cancelled_callback_does_not_run() -> None:
    reported: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(context))
        loop.call_soon(reported.append, "soon").cancel()
        loop.call_later(1, reported.append, "later").cancel()
        # Two of one instant: the first cancels the second when that has already left the heap.
        victims: list[asyncio.Handle] = []
        loop.call_later(2, lambda: victims[0].cancel())  # noqa: PLW0108 - there is none yet
        victims.append(loop.call_later(2, reported.append, "together"))
        await asyncio.sleep(3)

    run(main())
    assert reported == []


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(10_000):
            async with asyncio.timeout(3600):
                await asyncio.sleep(0.001)
        assert now_ns() == 10 * NS
        return len(loop._timers)

    assert run(main()) < 300


def test_timers_survive_the_sweep_of_cancelled_ones() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        rang: list[int] = []
        for delay_s in range(1, 1001):
            timer = loop.call_later(delay_s, rang.append, delay_s)
            if delay_s % 10:
                timer.cancel()
        await asyncio.sleep(2000)
        return rang

    assert run(main()) == list(range(10, 1001, 10))


def test_an_infinite_sleep_never_ends_but_can_be_cut() -> None:
    async def main() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.sleep(float("inf"))
        return now_ns()

    assert run(main()) == 1_500_000_000
    with pytest.raises(Deadlock):
        run(asyncio.sleep(float("inf")))


# Floating point.


def test_instants_reached_by_different_additions_are_one() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        rang: list[int] = []
        for when in (0.3, 0.1 + 0.2, sum([0.01] * 30)):
            loop.call_at(when, lambda: rang.append(now_ns()))
        await asyncio.sleep(1)
        return rang

    assert run(main()) == [300_000_000] * 3


def test_no_error_gathers_over_hours() -> None:
    async def main() -> int:
        for _ in range(100_000):
            await asyncio.sleep(0.1)
        return now_ns()

    assert run(main()) == 10_000 * NS


@given(
    start_ns=st.integers(min_value=0, max_value=4 * 86_400 * NS),
    wait_ns=st.integers(min_value=1, max_value=3600 * NS),
)
def test_a_wait_of_whole_nanoseconds_is_exact_for_days(start_ns: int, wait_ns: int) -> None:
    async def main() -> None:
        await asyncio.sleep(start_ns / NS)
        assert now_ns() == start_ns
        await asyncio.sleep(wait_ns / NS)
        assert now_ns() == start_ns + wait_ns
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(wait_ns / NS):
                await asyncio.get_running_loop().create_future()
        assert now_ns() == start_ns + 2 * wait_ns

    run(main())


@given(start_s=st.floats(min_value=0, max_value=86_400), wait_s=st.floats(min_value=1e-12, max_value=3600))
def test_nobody_wakes_before_the_instant_asked_for(start_s: float, wait_s: float) -> None:
    async def main() -> None:
        await asyncio.sleep(start_s)
        began_ns = now_ns()
        await asyncio.sleep(wait_s)
        late_ns = now_ns() - (began_ns + wait_s * NS)
        assert -0.15 <= late_ns < 1.15  # an eighth of a nanosecond may be float noise

    run(main())


def test_the_shortest_wait_moves_the_clock() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.3)
        async with asyncio.timeout(1):
            while loop.time() < 0.1 + 0.2:  # noqa: ASYNC110 - the pattern under test
                await asyncio.sleep(0.1 + 0.2 - loop.time())
        return now_ns()

    assert run(main()) == 300_000_001


# Deadlock and endings.


def test_a_deadlock_raises_and_names_who_waits() -> None:
    async def consumer(queue: asyncio.Queue[int]) -> int:
        return await queue.get()

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for number in range(7):
                group.create_task(consumer(queue), name=f"consumer-{number}")

    with pytest.raises(
        Deadlock,
        match=r"no timer is scheduled: .*consumer-0 in .*consumer \(.*test_loop\.py:\d+\).* and 3 more",
    ):
        run(main())
    assert issubclass(Deadlock, HarnessError)


def test_leftovers_are_cancelled_and_generators_closed() -> None:
    ended: list[str] = []

    async def leftover() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(1)
            ended.append(f"task at {now_ns()}")

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("generator")

    kept: list[object] = []

    async def main() -> str:
        kept.append(asyncio.create_task(leftover()))
        generator = numbers()
        kept.append(generator)
        await anext(generator)
        await asyncio.sleep(2)
        kept.append(asyncio.get_running_loop())
        return "result"

    assert run(main()) == "result"
    assert ended == ["task at 3000000000", "generator"]
    assert isinstance(kept[2], VirtualLoop)
    assert kept[2].is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        kept[2].call_later(1, print)


def test_the_error_of_main_comes_out() -> None:
    async def main() -> None:
        await asyncio.sleep(1)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run(main())


def test_a_callback_that_raises_is_reported_and_the_run_goes_on() -> None:
    reported: list[str] = []

    def burst() -> None:
        raise ValueError("burst")

    async def main() -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        loop.call_later(1, burst)
        await asyncio.sleep(2)
        return now_ns()

    assert run(main()) == 2 * NS
    assert reported == ["burst"]


def test_every_run_starts_at_zero() -> None:
    async def main() -> int:
        began_ns = now_ns()
        await asyncio.sleep(1)
        return began_ns

    assert [run(main()), run(main())] == [0, 0]


def test_the_virtual_clock_is_refused_on_a_real_loop() -> None:
    async def main() -> None:
        now_ns()

    with pytest.raises(TypeError, match=r"harness\.sim\.loop\.run"):
        asyncio.run(main())


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_an_endless_simulation() -> None:
    cancelled: list[bool] = []

    async def main() -> None:
        try:
            for _ in itertools.count():
                await asyncio.sleep(1)
        finally:
            cancelled.append(True)

    patience = threading.Timer(0.05, _thread.interrupt_main)
    patience.start()
    with pytest.raises(KeyboardInterrupt):
        run(main())
    patience.join()
    assert cancelled == [True]


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_ends_a_run_that_ignores_the_first() -> None:
    async def main() -> None:
        for _ in range(2):
            try:
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                continue

    with pytest.raises(KeyboardInterrupt):
        run(main())


# The real world.


@pytest.mark.parametrize("name", REFUSED)
def test_whatever_asyncio_would_wait_for_is_refused(name: str) -> None:
    async def main() -> None:
        getattr(asyncio.get_running_loop(), name)()

    with pytest.raises(RealWait, match=f"^{name}: virtual time cannot wait for the real world"):
        run(main())


def test_what_asyncio_offers_and_we_allow_still_exists() -> None:
    assert set(dir(VirtualLoop)) >= ALLOWED
    assert {"add_reader", "getaddrinfo", "run_in_executor", "sock_recv", "subprocess_exec"} <= set(REFUSED)


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda: asyncio.to_thread(print), "run_in_executor"),
        (lambda: asyncio.open_connection("localhost", 9), "create_connection"),
        (lambda: asyncio.open_unix_connection("/nowhere"), "create_unix_connection"),
        (lambda: asyncio.start_server(print, "localhost", 0), "create_server"),
        (lambda: asyncio.create_subprocess_exec("true"), "subprocess_exec"),
        (lambda: asyncio.create_subprocess_shell("true"), "subprocess_shell"),
    ],
)
def test_asyncios_front_doors_are_refused(ask: Callable[[], Coroutine[Any, Any, Any]], named: str) -> None:
    with pytest.raises(RealWait, match=f"^{named}:"):
        run(ask())


def test_a_client_without_a_mock_is_refused() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get("http://localhost:9/")

    with pytest.raises(RealWait):
        run(main())


def test_a_descriptor_cannot_come_in_by_the_back_door() -> None:
    left, right = socket.socketpair()

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with pytest.raises(RealWait, match="_selector"):
            loop._selector.register(left, 1)
        with pytest.raises(RealWait, match="_add_reader"):
            loop._add_reader(left.fileno(), print)
        with pytest.raises(RealWait, match="_add_writer"):
            loop._add_writer(left.fileno(), print)

    with left, right:
        run(main())


def test_a_refusal_heard_only_by_the_log_ends_the_run() -> None:
    left, right = socket.socketpair()

    async def main() -> None:
        # As asyncio's own transports do it: from a callback, where raising stops nobody.
        loop: Any = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        loop.call_soon(loop._add_reader, left.fileno(), print)
        await asyncio.sleep(1)

    with left, right, pytest.raises(RealWait, match="_add_reader"):
        run(main())


def test_a_call_from_another_thread_raises_there_and_here() -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        with ThreadPoolExecutor(1, thread_name_prefix="stranger") as pool:
            call = pool.submit(future.get_loop().call_soon_threadsafe, future.set_result, None)
            assert isinstance(call.exception(), RealWait)
        await asyncio.wait_for(future, 10)

    with pytest.raises(RealWait, match=r"call_soon_threadsafe from thread 'stranger_0'"):
        run(main())


def test_the_loops_own_thread_may_call_threadsafe() -> None:
    async def main() -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon_threadsafe(future.set_result, "here")
        return await future

    assert run(main()) == "here"


# Unmodified libraries.


def test_timeouts_run_on_it() -> None:
    async def main() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.sleep(10)
        return now_ns()

    assert run(main()) == 1_500_000_000


def test_httpx_and_tenacity_wait_in_virtual_time() -> None:
    sent_ns: list[int] = []

    async def answer(_: httpx.Request) -> httpx.Response:
        sent_ns.append(now_ns())
        await asyncio.sleep(0.25)
        return httpx.Response(503 if len(sent_ns) < 4 else 200)

    @retry(
        wait=wait_exponential(multiplier=1),
        stop=stop_after_attempt(5),
        retry=retry_if_exception_type(httpx.HTTPStatusError),
    )
    async def call(client: httpx.AsyncClient) -> int:
        return (await client.get("http://api/")).raise_for_status().status_code

    async def main() -> tuple[int, int]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await call(client), now_ns()

    assert run(main()) == (200, 8 * NS)
    assert sent_ns == [0, 1_250_000_000, 3_500_000_000, 7_750_000_000]


def test_respx_answers_in_virtual_time() -> None:
    async def slowly(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        return httpx.Response(204)

    async def main() -> tuple[int, int]:
        with respx.mock:
            respx.get("http://api/").mock(side_effect=slowly)
            async with httpx.AsyncClient() as client:
                return (await client.get("http://api/")).status_code, now_ns()

    assert run(main()) == (204, 30 * NS)


def test_three_runs_of_a_random_simulation_are_identical() -> None:
    def simulate() -> list[tuple[int, str]]:
        rng = Random(7)
        log: list[tuple[int, str]] = []

        async def serve(queue: asyncio.Queue[str]) -> None:
            while True:
                name = await queue.get()
                try:
                    async with asyncio.timeout(0.05):
                        await asyncio.sleep(rng.expovariate(1 / 0.03))
                    log.append((now_ns(), f"{name} done"))
                except TimeoutError:
                    log.append((now_ns(), f"{name} timed out"))
                queue.task_done()

        async def main() -> None:
            queue: asyncio.Queue[str] = asyncio.Queue()
            async with asyncio.TaskGroup() as group:
                servers = [group.create_task(serve(queue)) for _ in range(4)]
                for number in range(500):
                    await asyncio.sleep(rng.expovariate(100))
                    queue.put_nowait(f"call {number}")
                await queue.join()
                for server in servers:
                    server.cancel()

        run(main())
        return log

    first = simulate()
    assert len(first) == 500
    assert {outcome.split(maxsplit=2)[2] for _, outcome in first} == {"done", "timed out"}
    assert simulate() == first
    assert simulate() == first
