"""What is an address of HTTP, and whose."""

import httpx
import pytest

from harness.wire.address import has_user, is_http_address, is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "HTTPS://API.example",
        "http://mock_server:1/a@b?c=d@e",
        "http://[::1]:8000",
        "http://[fd00::1]/v1",
        "http://localhost:",
        "https://api.example?x",
    ],
)
def test_what_is_accepted_has_the_host_that_httpx_calls(url: str) -> None:
    assert is_http_address(url)
    assert not has_user(url)
    assert is_loopback(url) == (httpx.URL(url).host in {"localhost", "127.0.0.1", "::1"})


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1].evil.example",
        "http://[::1]evil.example",
        "http://127.0.0.1\\.evil.example",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1%2eevil.example",
        "http://user@api.example",
        "http://user:word@api.example",
        "http://@api.example",
        "http://[::1",
        "http://[v1.x]",
        "http://[nonsense]",
        "http://a:0",
        "http://a:65536",
        "http://a:b",
        "http://a:1:2",
        "http://:80",
        "http:///v1",
        "http://",
        "ftp://api.example",
        "api.example",
        " http://api.example",
        "http://api.example\n",
    ],
)
def test_what_readers_may_read_differently_is_refused(url: str) -> None:
    assert not is_http_address(url)
