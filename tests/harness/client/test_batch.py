"""Many pieces at once."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx

from harness import CallFinished, Fatal, Reply, RequestError, ResilientClient, Tag, next_tag
from harness.policy.config import ConcurrencyConfig
from harness.sim.loop import now_ns
from tests.harness.client.rig import PLAIN, SECOND, completion, play, refusal


class _Server:
    """Echoes the prompt after the seconds it names ("2.0 ..."); "bad" is refused."""

    def __init__(self) -> None:
        self.on_wire = 0
        self.most_on_wire = 0
        self.prompts: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        prompt = json.loads(request.content)["messages"][-1]["content"]
        self.prompts.append(prompt)
        self.on_wire += 1
        self.most_on_wire = max(self.most_on_wire, self.on_wire)
        try:
            await asyncio.sleep(float(prompt.split()[0]))
        finally:
            self.on_wire -= 1
        return refusal(400) if "bad" in prompt else completion(prompt)


def _limit(limit: int) -> Any:
    return replace(PLAIN, concurrency=ConcurrencyConfig(limit=limit))


def test_results_stand_in_the_order_of_the_prompts(api: respx.Route) -> None:
    api.mock(side_effect=_Server())
    prompts = ["3.0 a", "1.0 b", "2.0 c", "0.5 d"]

    async def scenario(client: ResilientClient) -> None:
        results = await client.batch_generate(prompts)
        assert [r.text for r in results if isinstance(r, Reply)] == prompts
        assert now_ns() == 3 * SECOND

    play(scenario)


def test_errors_stand_in_place(api: respx.Route) -> None:
    api.mock(side_effect=_Server())

    async def scenario(client: ResilientClient) -> None:
        results = await client.batch_generate(["1.0 a", "0.5 bad", "2.0 c", "3.0 bad"])
        assert [type(r) for r in results] == [Reply, Fatal, Reply, Fatal]
        errors = [r for r in results if isinstance(r, Fatal)]
        assert [(e.status, e.attempts) for e in errors] == [(400, 1), (400, 1)]

    events = play(scenario)
    assert sum(isinstance(e, CallFinished) for e in events) == 4


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_no_more_are_under_way_than_the_policy_has_permits(api: respx.Route, limit: int) -> None:
    server = _Server()
    api.mock(side_effect=server)

    async def scenario(client: ResilientClient) -> None:
        waiting: list[int] = []

        async def watch() -> None:
            while True:
                waiting.append(client.routes[0].pipeline.gate.waiting)
                await asyncio.sleep(0.3)

        watcher = asyncio.create_task(watch())
        results = await client.batch_generate([f"1.0 {index}" for index in range(30)])
        watcher.cancel()
        assert [r.text for r in results if isinstance(r, Reply)] == [f"1.0 {index}" for index in range(30)]
        # None of the others stands in the line meanwhile: admission cannot turn a batch away.
        assert set(waiting) == {0}
        assert now_ns() == 30 // limit * SECOND

    play(scenario, _limit(limit))
    assert server.most_on_wire == limit


def test_without_permits_a_hundred_are_under_way(api: respx.Route) -> None:
    server = _Server()
    api.mock(side_effect=server)

    async def scenario(client: ResilientClient) -> None:
        assert len(await client.batch_generate(["1.0 a"] * 250)) == 250

    play(scenario, replace(PLAIN, concurrency=ConcurrencyConfig(kind="off")))
    assert server.most_on_wire == 100


def test_retries_within_a_batch(api: respx.Route) -> None:
    api.mock(side_effect=[refusal(500), completion("a"), completion("b")])

    async def scenario(client: ResilientClient) -> None:
        results = await client.batch_generate(["a", "b"])
        assert [r.text for r in results if isinstance(r, Reply)] == ["a", "b"]

    play(scenario, _limit(1))


@pytest.mark.parametrize("bad", ["", "  "])
def test_a_bad_prompt_refuses_the_whole_batch_before_any_request(api: respx.Route, bad: str) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError, match="prompt is empty"):
            await client.batch_generate(["1.0 a", "1.0 b", bad])
        with pytest.raises(RequestError, match="max_tokens = 0"):
            await client.batch_generate(["1.0 a"], max_tokens=0)

    assert play(scenario) == []
    assert api.call_count == 0


def test_an_empty_batch_is_an_empty_list(api: respx.Route) -> None:
    async def scenario(client: ResilientClient) -> None:
        assert await client.batch_generate([]) == []

    assert play(scenario) == []


def test_model_and_length_go_with_every_prompt(api: respx.Route) -> None:
    api.mock(side_effect=_Server())

    async def scenario(client: ResilientClient) -> None:
        await client.batch_generate(["0.0 a", "0.0 b"], "small", 7)

    play(scenario)
    sent = [json.loads(call.request.content) for call in api.calls]
    assert [(body["model"], body["max_tokens"]) for body in sent] == [("small", 7)] * 2


def test_a_cancelled_batch_leaves_nothing_running(api: respx.Route) -> None:
    server = _Server()
    api.mock(side_effect=server)

    async def scenario(client: ResilientClient) -> None:
        batch = asyncio.create_task(client.batch_generate(["5.0 a"] * 20))
        await asyncio.sleep(1)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        permits = client.routes[0].pipeline.gate
        assert (server.on_wire, permits.held, permits.waiting) == (0, 0, 0)
        await asyncio.sleep(100)

    events = play(scenario, _limit(4))
    assert len(server.prompts) == 4
    assert [e.call.outcome for e in events if isinstance(e, CallFinished)] == ["cancelled"] * 4


def test_a_tag_is_asked_for_each_prompt(api: respx.Route) -> None:
    api.mock(side_effect=_Server())
    ids = iter(range(100, 200))

    async def scenario(client: ResilientClient) -> None:
        next_tag.set(lambda: Tag(call_id=next(ids)))
        await client.batch_generate(["1.0 a"] * 10)

    events = play(scenario, _limit(3))
    assert sorted(e.call.call_id for e in events if isinstance(e, CallFinished)) == list(range(100, 110))


def test_two_batches_share_the_permits(api: respx.Route) -> None:
    server = _Server()
    api.mock(side_effect=server)

    async def scenario(client: ResilientClient) -> None:
        both = await asyncio.gather(*(client.batch_generate(["1.0 a"] * 20) for _ in range(2)))
        assert [len(results) for results in both] == [20, 20]

    play(scenario, _limit(5))
    assert server.most_on_wire == 5
