"""Real traces: three formats, and every malformed line named."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.workload.trace import TraceRow, padding, parse_trace

# The first rows of the Azure 2023 conversation trace.
AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2224670,879,55
"""
BURST_GPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,0,1087,Conversation log
45,GPT-4,417,276,693,API log
"""
MOONCAKE = """{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
{"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids": [46]}
"""


def _parse(text: str) -> list[TraceRow]:
    return parse_trace(text.splitlines(keepends=True), "t.csv")


def _fails(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _parse(text)
    return str(caught.value)


def test_azure() -> None:
    rows = _parse(AZURE)
    assert [row.at_s for row in rows] == pytest.approx([0.0, 4.314579, 4.541877], abs=1e-6)
    assert [(row.prompt_tokens, row.completion_tokens) for row in rows] == [(374, 44), (396, 109), (879, 55)]


def test_azure_over_midnight_and_without_a_fraction() -> None:
    rows = _parse(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59,1,1\n2023-11-17 00:00:00.5000000,1,1\n"
    )
    assert [row.at_s for row in rows] == pytest.approx([0.0, 1.5])


def test_azure_2024_writes_six_digits_and_an_offset() -> None:
    # Rows as in AzureLLMInferenceTrace_conv_1week.csv.
    rows = _parse(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01+00:00,2399,6\n"
    )
    assert [row.at_s for row in rows] == pytest.approx([0.0, 0.99007], abs=1e-6)


def test_burst_gpt_where_a_failed_request_counts_as_one_token() -> None:
    assert _parse(BURST_GPT) == [TraceRow(0.0, 472, 18), TraceRow(40.0, 1087, 1), TraceRow(40.0, 417, 276)]


def test_mooncake() -> None:
    rows = _parse(MOONCAKE)
    assert [row.at_s for row in rows] == pytest.approx([0.0, 3.053])
    assert [(row.prompt_tokens, row.completion_tokens) for row in rows] == [(6955, 52), (6472, 26)]


@pytest.mark.parametrize("text", [AZURE, BURST_GPT, MOONCAKE])
def test_line_ends_and_blank_lines_do_not_matter(text: str) -> None:
    assert _parse(text.replace("\n", "\r\n")) == _parse(text)
    assert _parse("\n" + text.replace("\n", "\n\n")) == _parse(text)
    assert _parse(text.rstrip("\n")) == _parse(text)


def test_columns_may_stand_in_any_order_beside_others() -> None:
    text = "x,GeneratedTokens,TIMESTAMP,ContextTokens\n0,44,2023-11-16 18:15:46.68,374\n"
    assert _parse(text) == [TraceRow(0.0, 374, 44)]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (AZURE + "yesterday,1,1\n", 5, "TIMESTAMP = 'yesterday': expected a time"),
        (AZURE + "2023-11-16 18:16:00.1,1\n", 5, "2 columns: expected 3"),
        (AZURE + "2023-11-16 18:16:00.1,1,1,1\n", 5, "4 columns: expected 3"),
        (AZURE + "2023-11-16 18:16:00.1,many,1\n", 5, "ContextTokens = 'many': expected a whole number"),
        (AZURE + "2023-11-16 18:16:00.1,1,-4\n", 5, "GeneratedTokens = '-4': expected a whole number"),
        (AZURE + "2023-11-16 18:16:00.1,,4\n", 5, "ContextTokens = '': expected a whole number"),
        (AZURE + "2023-11-16 18:15:00.1,1,4\n", 5, "its time is before that of the line above"),
        (AZURE.replace("\n", "\n\n") + "yesterday,1,1\n", 9, "expected a time"),
        (BURST_GPT + "nan,m,1,1,2,l\n", 5, "Timestamp = 'nan': expected a time"),
        (BURST_GPT + "inf,m,1,1,2,l\n", 5, "Timestamp = 'inf': expected a time"),
        (BURST_GPT + "-1,m,1,1,2,l\n", 5, "Timestamp = '-1': expected a time"),
        (BURST_GPT + "44,m,1,1,2,l\n", 5, "its time is before that of the line above"),
        (MOONCAKE + "{\n", 3, "not JSON"),
        (MOONCAKE + "[1]\n", 3, "expected a JSON object"),
        (MOONCAKE + '{"timestamp": 31000, "input_length": 1}\n', 3, "no 'output_length'"),
        (MOONCAKE + '{"timestamp": null, "input_length": 1, "output_length": 1}\n', 3, "no 'timestamp'"),
        (MOONCAKE + '{"timestamp": [], "input_length": 1, "output_length": 1}\n', 3, "expected a time"),
        (
            MOONCAKE + '{"timestamp": 31000, "input_length": "x", "output_length": 1}\n',
            3,
            "input_length = 'x'",
        ),
        (
            MOONCAKE + '{"timestamp": 31000, "input_length": 1.5, "output_length": 1}\n',
            3,
            "input_length = 1.5",
        ),
        (MOONCAKE + '{"timestamp": 100, "input_length": 1, "output_length": 1}\n', 3, "is before"),
    ],
)
def test_a_malformed_line_is_named_with_its_number(text: str, line: int, what: str) -> None:
    message = _fails(text)
    assert message.startswith(f"t.csv, line {line}: ")
    assert what in message


def test_unknown_columns_are_told_the_known_ones() -> None:
    message = _fails("when,how_much\n1,2\n")
    assert message.startswith("t.csv, line 1: unknown columns 'when,how_much'")
    for name in ("TIMESTAMP, ContextTokens, GeneratedTokens", "Request tokens", "output_length"):
        assert name in message


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "Timestamp,Request tokens,Response tokens"],
)
def test_an_empty_trace_is_refused(text: str) -> None:
    assert "t.csv" in _fails(text)


@given(
    head=st.sampled_from(
        ["", "TIMESTAMP,ContextTokens,GeneratedTokens", "Timestamp,Request tokens,Response tokens"]
    ),
    lines=st.lists(
        st.text(max_size=30)
        | st.from_regex(r'[0-9"]{0,4},[0-9.e"]{0,6},[0-9\r"]{0,4}', fullmatch=True)
        | st.from_regex(
            r'\{"timestamp": ?[0-9e]{1,6}, ?"input_length": [0-9e.]{1,6}, "output_length": \d+\}',
            fullmatch=True,
        ),
        max_size=5,
    ),
)
@settings(deadline=None, max_examples=200)
def test_no_text_raises_anything_else(head: str, lines: list[str]) -> None:
    try:
        rows = parse_trace([head, *lines], "t.csv")
    except ConfigError as error:
        assert str(error).startswith("t.csv")  # noqa: PT017
        return
    assert rows[0].at_s == 0
    assert all(later.at_s >= row.at_s for row, later in pairwise(rows))


def test_a_line_beyond_the_csv_readers_limit_is_named() -> None:
    assert _fails(AZURE + "x" * 200_000 + ",1,1\n").startswith("t.csv, line 5: ")


@given(tokens=st.integers(1, 5000), call_id=st.integers(0, 10**9))
@settings(deadline=None)
def test_padding_is_two_characters_a_token_and_never_blank(tokens: int, call_id: int) -> None:
    text = padding(tokens, call_id)
    assert len(text) == 2 * tokens
    assert text.strip()


def test_calls_start_differently() -> None:
    assert len({padding(20, call_id) for call_id in range(50)}) == 50
