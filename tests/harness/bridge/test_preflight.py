"""Workers on other hosts, and what they do not reach."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from locust import HttpUser

from harness.bridge.mock_process import MockProcess
from harness.bridge.preflight import check_counted, check_mock_host, check_reach
from harness.bridge.user import AsyncUser
from harness.errors import ConfigError

HERE = f"{socket.gethostname()}_3f"


@pytest.fixture
def mock() -> Iterator[MockProcess]:
    process = MockProcess("instant", 1, "127.0.0.1")
    yield process
    process.stop()


def test_workers_beside_the_master_reach_everything(mock: MockProcess) -> None:
    check_reach([HERE, HERE], mock, "the run's own Valkey")


def test_a_worker_on_another_host_does_not_reach_a_server_on_loopback(mock: MockProcess) -> None:
    with pytest.raises(
        ConfigError, match=r"^workers on a, b do not reach the bundled mock server on 127\.0\.0\.1: "
    ):
        check_reach(["b_1", HERE, "a_1", "b_2"], mock, "")


def test_nor_what_stands_between(mock: MockProcess) -> None:
    del mock
    with pytest.raises(ConfigError, match=r"^workers on b do not reach the run's own Valkey: do so$"):
        check_reach(["b_1"], None, "the run's own Valkey: do so")


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_an_address_of_this_machine_will_do(address: str) -> None:
    check_mock_host(address)


@pytest.mark.parametrize(
    "address", ["", "0.0.0.0", "::", "192.0.2.7", "load-master", "10.0.0", "127.0.0.1:80"]
)
def test_an_address_that_no_other_host_can_use_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"--mock-host = .*: expected an address of this machine by which"):
        check_mock_host(address)


def test_within_the_reach_of_others_the_mock_server_s_admin_interface_wants_a_secret() -> None:
    mock = MockProcess("instant", 1, "127.0.0.2")
    try:
        mock.prepare("calm", 1, None, 1.0)
        mock.align(0.0)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{mock.host}/admin/stats", timeout=10)
        refused.value.close()
        assert refused.value.code == 401
        assert mock.host.startswith("http://127.0.0.2:")
    finally:
        mock.stop()


def test_no_user_sends_past_a_budget() -> None:
    check_counted([AsyncUser])
    with pytest.raises(ConfigError, match=r"^HttpUser: no budget counts its requests"):
        check_counted([AsyncUser, HttpUser])
