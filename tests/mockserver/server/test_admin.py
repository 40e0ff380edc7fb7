"""The admin interface, over a real socket."""

import http.client
import json
import threading

import pytest

from tests.mockserver.server.raw import send
from tests.mockserver.server.running import CHAT, Mock


def _problem(mock: Mock, method: str, path: str, body: object = None) -> str:
    status, _, answer = mock.request(method, path, body)
    assert status == 400
    return str(json.loads(answer)["error"]["message"])


def test_health_says_what_is_played(mock: Mock) -> None:
    assert mock.admin("GET", "/healthz") == {"status": "ok", "profile": "test", "seed": 1}


def test_stats_count_by_path_status_and_fault(mock: Mock) -> None:
    mock.chat()
    mock.play(request_faults=[{"action": "status", "status": 500, "name": "boom"}])
    mock.chat()
    mock.chat()
    mock.request("GET", "/nowhere")
    stats = mock.stats()
    assert stats["received"] == 3
    assert stats["in_flight"] == 0
    counted = {(row["path"], row["status"], row["fault"]): row["count"] for row in stats["requests"]}
    assert counted == {("/v1/chat/completions", 500, "boom"): 2, ("other", 404, None): 1}
    assert stats["connections"]["open"] == 1
    assert stats["capacity"]["share"] is None


def test_metrics_are_prometheus_text(mock: Mock) -> None:
    mock.chat()
    status, headers, body = mock.request("GET", "/metrics")
    text = body.decode()
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (
        'mockserver_requests_total{path="/v1/chat/completions",status="200",fault="",refused=""} 1'
        in text.splitlines()
    )
    assert "mockserver_connections_open 1" in text.splitlines()


def test_the_last_requests_with_their_times(mock: Mock) -> None:
    for call in (5, 6, 7):
        mock.chat({"x-primetime-call": str(call), "x-primetime-attempt": "2"})
    rows = mock.admin("GET", "/admin/requests?n=2")["requests"]
    assert [(row["call"], row["attempt"], row["arrival"]) for row in rows] == [(6, 2, 1), (7, 2, 2)]
    for row in rows:
        assert row["received_us"] <= row["started_us"] <= row["finished_us"]
    assert "n = '0'" in _problem(mock, "GET", "/admin/requests?n=0")


def test_a_request_without_ids_has_its_arrival_number(mock: Mock) -> None:
    lengths = [mock.chat()[2]["usage"]["completion_tokens"] for _ in range(5)]
    named = [mock.chat({"x-primetime-call": str(call)})[2]["usage"]["completion_tokens"] for call in range(5)]
    assert named == lengths
    rows = mock.admin("GET", "/admin/requests")["requests"]
    assert [(row["call"], row["attempt"]) for row in rows[:5]] == [(call, 1) for call in range(5)]


def test_a_profile_reads_back_and_can_be_put_by_name(mock: Mock) -> None:
    document = mock.admin("GET", "/admin/profile")
    assert mock.admin("PUT", "/admin/profile", document) == document
    assert mock.admin("PUT", "/admin/profile", {"name": "primetime"})["capacity"]["slots"] == 110
    assert mock.admin("GET", "/healthz")["profile"] == "primetime"
    assert {"calm", "primetime", "instant"} <= set(mock.admin("GET", "/admin/profiles")["names"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "primtime"}, "did you mean 'primetime'?"),
        ({"name": "../../etc/passwd.toml"}, "unknown profile"),
        ({"limits": {"rmp": 1}}, "unknown key limits.rmp (did you mean 'rpm'?)"),
        ({"limits": {"rpm": "many"}}, "limits.rpm = 'many': expected a whole number"),
        (b"{", "the body is not JSON"),
        ([], "the body is not a JSON object"),
    ],
)
def test_a_bad_profile_changes_nothing(mock: Mock, body: object, words: str) -> None:
    before = mock.admin("GET", "/admin/profile")
    assert words in _problem(mock, "PUT", "/admin/profile", body)
    assert mock.admin("GET", "/admin/profile") == before


def test_the_clock_is_aligned(mock: Mock) -> None:
    state = mock.admin(
        "POST", "/admin/clock", {"window": "19:00-21:00", "duration_s": 1200, "elapsed_s": 600, "seed": 9}
    )
    assert (state["window"], state["duration_s"], state["evening"], state["seed"]) == (
        "19:00-21:00",
        1200,
        "20:00",
        9,
    )
    assert 600 <= state["elapsed_s"] < 601
    early = mock.admin("POST", "/admin/clock", {"elapsed_s": -0.5})
    assert early["elapsed_s"] == pytest.approx(-0.5, abs=0.3)
    assert early["evening"] == "19:30"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"window": "now"}, "window = 'now': expected a window like"),
        ({"duration_s": 0}, "duration_s = 0: expected a number"),
        ({"elapsed": 1}, "unknown key elapsed (did you mean 'elapsed_s'?)"),
        ({"seed": 1.5}, "seed = 1.5: expected a whole number"),
    ],
)
def test_a_bad_clock_is_refused(mock: Mock, body: object, words: str) -> None:
    assert words in _problem(mock, "POST", "/admin/clock", body)


def test_a_fault_window_follows_the_clock(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 429, "window": "20:02-20:06"}])
    statuses = []
    for elapsed_s in (600, 1920 + 30, 2400):  # 19:40, 20:02:30 and 20:10 of an hour in an hour
        mock.admin(
            "POST", "/admin/clock", {"window": "19:30-20:30", "duration_s": 3600, "elapsed_s": elapsed_s}
        )
        statuses.append(mock.chat()[0])
    assert statuses == [200, 429, 200]


def test_a_reset_empties_buckets_counts_and_seed(mock: Mock) -> None:
    mock.play(limits={"rpm": 1})
    assert [mock.chat()[0] for _ in range(2)] == [200, 429]
    assert mock.admin("POST", "/admin/reset", {"seed": 5}) == {"status": "ok", "profile": "test", "seed": 5}
    stats = mock.stats()
    assert (stats["received"], stats["requests"], stats["seed"]) == (0, [], 5)
    assert mock.chat()[0] == 200
    assert mock.admin("GET", "/admin/requests")["requests"][0]["arrival"] == 0


def test_a_reset_drops_what_is_under_way_and_says_so_in_the_log(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "hang", "path": "/v1/chat/completions"}])
    other = Mock(mock.process, mock.ready, None)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            other.chat({"x-primetime-call": "777001"})
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    mock.until("in_flight", 1)
    mock.admin("POST", "/admin/reset")
    thread.join(5)
    other._connection.close()
    assert [type(error) for error in errors] == [ConnectionResetError]
    assert (mock.stats()["in_flight"], mock.stats()["received"]) == (0, 0)


def test_admin_requests_are_not_counted_faulted_or_limited(mock: Mock) -> None:
    mock.play(limits={"rpm": 1}, request_faults=[{"action": "reset"}])
    assert [mock.request("GET", "/healthz")[0] for _ in range(10)] == [200] * 10
    assert mock.stats()["received"] == 0


def test_unknown_admin_paths_and_methods(mock: Mock) -> None:
    assert mock.request("GET", "/admin/nothing")[0] == 404
    status, _, body = mock.request("POST", "/admin/stats")
    assert status == 405
    assert "/admin/stats takes GET" in body.decode()


def test_requests_that_come_during_a_reset_belong_to_what_begins(mock: Mock) -> None:
    """A reset waits for what it cut, here for a reply of which the kernel has not taken everything."""
    mock.play(capacity={"slots": 1, "queue": 50})
    stop = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=10)
        body = json.dumps(CHAT | {"messages": [{"role": "user", "content": "x"}]})
        while not stop.is_set():
            try:
                connection.request("POST", "/v1/chat/completions", body, {"authorization": "Bearer k"})
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            except (ConnectionError, http.client.HTTPException):
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        mock.admin("POST", "/admin/reset")
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    mock.until("in_flight", 0)
    stats = mock.stats()
    assert 200 in statuses
    assert stats["received"] == sum(row["count"] for row in stats["requests"])
    assert (stats["capacity"]["running"], stats["capacity"]["queued"]) == (0, 0)


def test_the_log_has_what_a_reset_cut_before_the_reset_is_answered(mock: Mock) -> None:
    with send(mock, headers={"x-mock-fault": "hang", "x-primetime-call": "77"}):
        mock.until("in_flight", 1)
        mock.admin("POST", "/admin/reset")
        (row,) = [row for row in mock.rows() if row["call"] == 77][-1:]
    assert (row["fault"], row["status"]) == ("hang", None)


def test_a_name_that_nobody_can_write_is_refused(mock: Mock) -> None:
    assert "expected a printable text" in _problem(
        mock, "PUT", "/admin/profile", {"name": "\ud800", "evening": {}}
    )
    assert mock.request("GET", "/healthz")[0] == mock.request("HEAD", "/healthz")[0] == 200


def test_a_rule_more_does_not_arm_those_that_are_used_up(mock: Mock) -> None:
    first = {"action": "status", "status": 429, "first": 1}
    mock.play(request_faults=[first])
    assert [mock.chat()[0] for _ in range(2)] == [429, 200]
    profile = mock.admin("GET", "/admin/profile")
    more = {"action": "status", "status": 503, "first": 1}
    mock.admin("PUT", "/admin/profile", profile | {"request_faults": [*profile["request_faults"], more]})
    assert [mock.chat()[0] for _ in range(2)] == [503, 200]
