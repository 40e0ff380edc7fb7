"""Accounts: the same key is the same account, and no account shows its key."""

import pytest

from mockserver.errors import WireError
from mockserver.wire.key import anthropic_account, openai_account

VERSION = {"anthropic-version": "2023-06-01"}


def test_a_bearer_is_an_account_that_does_not_show_it() -> None:
    account = openai_account({"authorization": "Bearer sk-secret"})
    assert account == openai_account({"authorization": "bearer  sk-secret "})
    assert account != openai_account({"authorization": "Bearer sk-other"})
    assert "secret" not in account


def test_an_anthropic_key_comes_in_either_header_its_own_first() -> None:
    account = anthropic_account(VERSION | {"x-api-key": "sk-secret"})
    assert account == anthropic_account(VERSION | {"authorization": "Bearer sk-secret"})
    assert account == anthropic_account(VERSION | {"x-api-key": "sk-secret", "authorization": "Bearer other"})


def test_anthropic_wants_to_know_the_version_once_it_knows_the_key() -> None:
    with pytest.raises(WireError, match=r"^anthropic-version: header is required$") as caught:
        anthropic_account({"x-api-key": "sk-secret"})
    assert caught.value.status == 400


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer "}])
def test_no_key_is_401_in_the_words_of_each(headers: dict[str, str]) -> None:
    with pytest.raises(WireError, match="You didn't provide an API key") as caught:
        openai_account(headers)
    assert caught.value.status == 401
    with pytest.raises(WireError, match="x-api-key header is required") as caught:
        anthropic_account(headers | VERSION | {"x-api-key": " "})
    assert caught.value.status == 401
