from decimal import Decimal
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.prices import Price, parse, read_prices, shipped
from mockserver.wire.models import _ANTHROPIC, _OPENAI

ROW = "{ prompt = 2.00, completion = 8.00 }"


def table(*lines: str) -> str:
    return "\n".join(("[usd_per_million_tokens]", *lines))


def test_prices_are_picodollars_a_token_exactly() -> None:
    # 0.15 dollars / 1,000,000 tokens = 0.00000015 dollars a token = 150,000 picodollars.
    prices = parse(
        table('"m" = { prompt = 0.15, completion = 10 }', '"n" = { prompt = 0, completion = 0.000001 }'), "x"
    )
    assert prices.models == {"m": Price(150_000, 10_000_000), "n": Price(0, 1)}


def test_a_dated_name_is_priced_as_the_name_before_its_date() -> None:
    prices = parse(table(f'"gpt-4.1" = {ROW}', '"gpt-4.1-2025-09-09" = { prompt = 1, completion = 1 }'), "x")
    for name in ("gpt-4.1", "gpt-4.1-2025-04-14", "gpt-4.1-20250414", "gpt-4.1-latest"):
        assert prices.of(name) == Price(2_000_000, 8_000_000)
    assert prices.of("gpt-4.1-2025-09-09") == Price(1_000_000, 1_000_000)  # its own row comes first


def test_a_longer_name_is_another_model() -> None:
    prices = parse(table(f'"gpt-4.1" = {ROW}'), "x")
    for name in ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "gpt-4", "GPT-4.1", ""):
        assert prices.of(name) is None


def test_the_table_that_ships_has_every_model_of_the_mock_server() -> None:
    prices = shipped()
    assert all(prices.of(name) for name in (*_OPENAI, *_ANTHROPIC))
    assert prices.of("gpt-4.1") == Price(2_000_000, 8_000_000)
    assert all(p.completion > p.prompt > 0 for p in prices.models.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"\[usd_per_million_tokens\] is missing"),
        ("[usd_per_million_tokens]", "expected a table such as"),
        ("usd_per_million_tokens = 3", "usd_per_million_tokens = 3: expected a table"),
        (table(f'"m" = {ROW}') + "\n[currency]", "unknown key currency"),
        (
            table('"m" = { prompt = 1, completion = 1, cached = 1 }'),
            'unknown key usd_per_million_tokens."m".cached',
        ),
        (table('"m" = { promt = 1, completion = 1 }'), r"did you mean 'prompt'\?"),
        (table('"m" = { prompt = 1 }'), '"m".completion is missing'),
        (table('"m" = { prompt = -0.5, completion = 1 }'), '"m".prompt = -0.5: expected US dollars'),
        (table('"m" = { prompt = 1, completion = "8" }'), "\"m\".completion = '8': expected US dollars"),
        (table('"m" = { prompt = true, completion = 1 }'), '"m".prompt = True: expected'),
        (table('"m" = { prompt = nan, completion = 1 }'), '"m".prompt = NaN: expected'),
        (table('"m" = { prompt = inf, completion = 1 }'), '"m".prompt = Infinity: expected'),
        (table('"m" = { prompt = 2e7, completion = 1 }'), r"expected US dollars .* to 1,000,000"),
        (table('"m" = { prompt = 0.0000001, completion = 1 }'), "at most 6 decimals"),
        (table('"m" = { prompt = 1e-999999999, completion = 1 }'), "at most 6 decimals"),
        (table('"m" = 3'), '"m" = 3: expected a table'),
        (table(f'"m" = {ROW}', f'"m" = {ROW}'), "not TOML: Cannot overwrite a value"),
        ("prices", "not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse(text, "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        read_prices(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigError, match=r"latin\.toml: not UTF-8 text: byte 5"):
        read_prices(tmp_path / "latin.toml")


def test_prices_survive_a_sum_that_binary_fractions_do_not() -> None:
    price = parse(table('"m" = { prompt = 0.1, completion = 0.2 }'), "x").models["m"]
    assert Decimal(price.prompt + price.completion).scaleb(-6) == Decimal("0.3")
