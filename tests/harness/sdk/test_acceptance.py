"""The acceptance line: where a bare SDK without retries fails, the same SDK on our transport succeeds."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from harness import Policy, Waited
from harness.units import NS
from tests.harness.sdk.asking import EACH_SDK, EACH_WAY, Said, Sdk, ask
from tests.harness.sdk.rig import IMPATIENT, PLAIN, Bench, assert_conserved, played, rows
from tests.mockserver.server.running import Mock

SILENCE_S = 0.2


@dataclass(frozen=True)
class Trouble:
    """A fault of the first requests; how each attempt it hits ends, whole and streamed; what the bare SDK
    raises, by the names both SDKs share.
    """

    rule: dict[str, Any]
    whole: str
    streamed: str
    bare: tuple[str, ...]
    policy: Policy = PLAIN
    bare_timeout_s: float = 5.0


def _silent(rule: dict[str, Any]) -> Trouble:
    return Trouble(
        rule,
        "timeout.attempt_timeout",
        "timeout.first_token_timeout",
        ("APITimeoutError", "ReadTimeout"),
        IMPATIENT,
        SILENCE_S,
    )


_UNREADABLE = ("APIResponseValidationError", "JSONDecodeError")

TROUBLES = {
    "429": Trouble(
        {"action": "status", "status": 429, "retry_after_s": 0.1},
        "throttled.status",
        "throttled.status",
        ("RateLimitError",),
    ),
    "500": Trouble(
        {"action": "status", "status": 500, "first": 2},
        "transient.status",
        "transient.status",
        ("InternalServerError",),
    ),
    "503": Trouble(
        {"action": "status", "status": 503, "first": 2},
        "overloaded.status",
        "overloaded.status",
        ("InternalServerError", "ServiceUnavailableError"),
    ),
    "reset": Trouble(
        {"action": "reset", "first": 2}, "transient.read", "transient.read", ("APIConnectionError",)
    ),
    "garbage": Trouble(
        {"action": "garbage", "first": 2}, "transient.protocol", "transient.protocol", ("APIConnectionError",)
    ),
    "reset within": Trouble(
        {"action": "reset_mid", "after_events": 0},
        "transient.read",
        "transient.read",
        ("APIConnectionError", "ReadError", "RemoteProtocolError"),
    ),
    "cut short": Trouble(
        {"action": "truncate", "after_events": 0},
        "transient.read",
        "transient.read",
        ("APIConnectionError", "ReadError", "RemoteProtocolError"),
    ),
    "half json": Trouble(
        {"action": "half_json", "after_events": 0, "first": 2},
        "malformed.body",
        "malformed.body",
        _UNREADABLE,
    ),
    "hang": _silent({"action": "hang"}),
    "hang after headers": _silent({"action": "hang_after_headers"}),
    "stall": _silent({"action": "stall", "after_events": 0}),
}
EACH_TROUBLE = pytest.mark.parametrize("name", TROUBLES)


async def bare_error(sdk: Sdk, mock: Mock, *, stream: bool, timeout_s: float) -> Exception | None:
    """What the SDK as it comes, without retries, raises."""
    async with sdk.client(mock.port, timeout=timeout_s) as client:
        try:
            await ask(sdk, client, stream=stream)
        except Exception as error:  # noqa: BLE001 - which one is the question
            return error
    return None


@EACH_SDK
@EACH_WAY
@EACH_TROUBLE
def test_a_call_survives_what_a_bare_sdk_does_not(
    mock: Mock, right: Said, sdk: Sdk, name: str, *, stream: bool
) -> None:
    trouble = TROUBLES[name]
    rule = {"first": 1} | trouble.rule
    failures = rule["first"]
    bench = Bench(trouble.policy)
    said: list[Said] = []

    async def main() -> None:
        error = await bare_error(sdk, mock, stream=stream, timeout_s=trouble.bare_timeout_s)
        assert type(error).__name__ in trouble.bare
        mock.play(request_faults=[rule])  # the first again
        async with bench.client(sdk, mock.port) as client:
            said.append(await ask(sdk, client, stream=stream))

    mock.play(request_faults=[rule])
    played(main)
    assert said == [right]
    assert bench.selectors == [trouble.streamed if stream else trouble.whole] * failures + ["ok"]
    assert (bench.call.outcome, bench.call.attempts) == ("ok", failures + 1)
    assert bench.call.usage is not None
    assert (bench.call.usage.prompt_tokens, bench.call.usage.completion_tokens) == (12, 30)
    assert_conserved(mock, bench)
    logged = rows(mock)
    assert [row["stream"] for row in logged] == [stream] * (failures + 1)
    waits = [event.duration_ns for event in bench.events if isinstance(event, Waited)]
    hints_s = [attempt.retry_after_s or 0 for attempt in bench.attempts[:-1]]
    assert (hints_s[0] > 0) is (name == "429")
    for wait_ns, hint_s, (before, after) in zip(waits, hints_s, pairwise(logged), strict=True):
        assert wait_ns >= hint_s * NS
        assert after["received_us"] - before["received_us"] >= hint_s * 1e6


@EACH_SDK
@EACH_WAY
def test_an_error_the_api_reports_instead_of_output_is_survived(
    mock: Mock, right: Said, sdk: Sdk, *, stream: bool
) -> None:
    rule = {"action": "stream_error", "after_events": 0, "first": 2}
    outcome = "transient" if sdk.name == "openai" else "overloaded"
    bench = Bench()

    async def main() -> None:
        error = await bare_error(sdk, mock, stream=stream, timeout_s=5.0)
        assert isinstance(error, sdk.errors.APIError)
        mock.play(request_faults=[rule])
        async with bench.client(sdk, mock.port) as client:
            assert await ask(sdk, client, stream=stream) == right

    mock.play(request_faults=[rule])
    played(main)
    assert bench.selectors == [f"{outcome}.{'stream' if stream else 'status'}"] * 2 + ["ok"]
    assert_conserved(mock, bench)
