"""What the server says of itself, read by Prometheus' own parser."""

import math

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.mockserver.server.raw import CHAT_PATH, MESSAGES_PATH, hear, row, send
from tests.mockserver.server.running import Mock


def _samples(mock: Mock) -> dict[str, list[Sample]]:
    """The samples by their name; the parser refuses what is not of the format."""
    status, _, body = mock.request("GET", "/metrics")
    assert status == 200
    families = list(text_string_to_metric_families(body.decode()))
    assert all(family.documentation and family.type != "unknown" for family in families)
    found: dict[str, list[Sample]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def _of(samples: list[Sample], **labels: str) -> list[Sample]:
    return [sample for sample in samples if labels.items() <= sample.labels.items()]


def test_requests_are_counted_with_their_fate(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500, "first": 1, "name": 'odd "name"'}])
    for _ in range(3):
        mock.chat()
    counted = _samples(mock)["mockserver_requests_total"]
    assert {(s.labels["status"], s.labels["fault"], s.value) for s in counted} == {
        ("500", 'odd "name"', 1),
        ("200", "", 2),
    }


def test_durations_are_those_of_the_log(mock: Mock) -> None:
    """Each observation lies in its bucket, the sum is exact, and a stream has its time to first token."""
    mock.play(ttft={"median_ms": 30, "slow_median_ms": 30, "sigma": 0}, inter_token={"mean_ms": 2, "cv": 0})
    for call, path in enumerate((CHAT_PATH, CHAT_PATH, MESSAGES_PATH)):
        headers = {"connection": "close", "x-primetime-call": str(call), "x-primetime-tokens": "20"}
        with send(mock, path, headers, stream=call == 1) as sock:
            hear(sock, silence_s=5)
    samples = _samples(mock)
    rows = [row(mock, call) for call in range(3)]
    us = [line["finished_us"] - line["received_us"] for line in rows if line["path"] == CHAT_PATH]
    durations = {
        kind: _of(samples[f"mockserver_request_duration_seconds_{kind}"], path=CHAT_PATH, status="200")
        for kind in ("bucket", "sum", "count")
    }
    assert durations["count"][0].value == len(us) == 2
    assert math.isclose(durations["sum"][0].value, sum(us) / 1e6, rel_tol=1e-9)
    for bucket in durations["bucket"]:
        bound_us = float(bucket.labels["le"]) * 1e6
        assert bucket.value == sum(value <= bound_us for value in us)
    (ttft,) = samples["mockserver_ttft_seconds_sum"]
    assert ttft.labels == {"path": CHAT_PATH}
    assert math.isclose(ttft.value, (rows[1]["first_us"] - rows[1]["received_us"]) / 1e6, rel_tol=1e-9)
    assert 0.030 <= ttft.value < min(us) / 1e6
    tokens = {sample.labels["kind"]: sample.value for sample in samples["mockserver_tokens_total"]}
    assert tokens == {"prompt": 3 * rows[0]["prompt_tokens"], "completion": 60, "unread": 0}


def test_waiting_for_a_slot_is_measured_apart(mock: Mock) -> None:
    mock.play(capacity={"slots": 1, "queue": 5}, ttft={"median_ms": 40, "slow_median_ms": 40, "sigma": 0})
    socks = [send(mock, headers={"connection": "close"}) for _ in range(3)]
    for sock in socks:
        with sock:
            hear(sock, silence_s=5)
    samples = _samples(mock)
    (waited,) = samples["mockserver_queue_wait_seconds_sum"]
    rows = mock.admin("GET", "/admin/requests")["requests"]
    assert math.isclose(
        waited.value, sum(line["started_us"] - line["received_us"] for line in rows) / 1e6, rel_tol=1e-9
    )
    assert 0.12 <= waited.value < 1  # 0, 40 and 80 ms


def test_tokens_for_a_caller_who_has_left_are_counted_apart(mock: Mock) -> None:
    mock.play(ttft={"median_ms": 50, "slow_median_ms": 50, "sigma": 0})
    send(mock, headers={"x-primetime-tokens": "7"}).close()
    mock.until("received", 1)
    mock.until("in_flight", 0)
    tokens = {s.labels["kind"]: s.value for s in _samples(mock)["mockserver_tokens_total"]}
    assert (tokens["completion"], tokens["unread"]) == (7, 7)


def test_who_comes_back_too_early_is_counted(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 429, "retry_after_s": 30, "first": 1}])
    for attempt in (1, 2):
        mock.chat({"x-primetime-call": "4", "x-primetime-attempt": str(attempt)})
    mock.chat({"x-primetime-call": "5"})
    early = {s.labels["told"]: s.value for s in _samples(mock)["mockserver_early_total"]}
    assert early == {"call": 1, "account": 2}
    assert mock.stats()["early"] == {"calls": 1, "accounts": 2}
    waits_us = [line["early_us"] for line in mock.admin("GET", "/admin/requests")["requests"]]
    assert waits_us[0] is None
    assert all(29_000_000 < wait_us <= 30_000_000 for wait_us in waits_us[1:])


def test_a_reset_begins_again(mock: Mock) -> None:
    mock.chat()
    mock.admin("POST", "/admin/reset")
    samples = _samples(mock)
    assert "mockserver_requests_total" not in samples
    assert {sample.value for sample in samples["mockserver_tokens_total"]} == {0}
