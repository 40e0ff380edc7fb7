"""The keys of a request body, against those the official SDKs can send."""

from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_params
from openai.types.chat import completion_create_params

from mockserver.wire.known_keys import ANTHROPIC_MESSAGES, OPENAI_CHAT, unknown


def _keys(*types: type) -> set[str]:
    """The keys of typed dictionaries and of those they are derived from."""
    return {key for item in types for key in (*item.__required_keys__, *item.__optional_keys__)}  # type: ignore[attr-defined]


def test_what_openais_sdk_can_send_is_known() -> None:
    params = completion_create_params
    assert (
        _keys(params.CompletionCreateParamsNonStreaming, params.CompletionCreateParamsStreaming)
        == OPENAI_CHAT
    )


def test_what_anthropics_sdk_can_send_is_known_but_what_it_sends_as_a_header() -> None:
    keys = _keys(
        message_create_params.MessageCreateParamsStreaming,
        message_count_tokens_params.MessageCountTokensParams,
        beta_params.MessageCreateParamsStreaming,
    )
    assert keys - {"betas"} == ANTHROPIC_MESSAGES - {"temperature", "top_k", "top_p"}


def test_unknown_keys_are_told_in_their_order() -> None:
    assert unknown({"model": 1, "temprature": 2, "n": 3, "zeal": 4}, OPENAI_CHAT) == ["temprature", "zeal"]
