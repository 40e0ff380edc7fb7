"""The two imitated APIs."""

from mockserver.units import US_PER_MS, US_PER_S
from mockserver.wire import anthropic_reply, anthropic_stream, models, openai_reply, openai_stream
from mockserver.wire.anthropic_request import parse_messages
from mockserver.wire.dialect import Dialect
from mockserver.wire.key import anthropic_account, openai_account
from mockserver.wire.openai_request import parse_chat

OPENAI = Dialect(
    account=openai_account,
    parse=parse_chat,
    models=models.openai_models,
    model=models.openai_model,
    common_headers=openai_reply.common_headers,
    limit_headers=openai_reply.limit_headers,
    whole=openai_reply.whole,
    stream=openai_stream.stream,
    error_event=openai_stream.error_event,
    broken=openai_reply.broken,
    refused=openai_reply.refused,
    injected=openai_reply.injected,
    throttled=openai_reply.throttled,
    exhausted=openai_reply.exhausted,
    overloaded=openai_reply.overloaded,
    hint_unit_us=US_PER_MS,
)

ANTHROPIC = Dialect(
    account=anthropic_account,
    parse=parse_messages,
    models=models.anthropic_models,
    model=models.anthropic_model,
    common_headers=anthropic_reply.common_headers,
    limit_headers=anthropic_reply.limit_headers,
    whole=anthropic_reply.whole,
    stream=anthropic_stream.stream,
    error_event=anthropic_stream.error_event,
    broken=anthropic_reply.broken,
    refused=anthropic_reply.refused,
    injected=anthropic_reply.injected,
    throttled=anthropic_reply.throttled,
    exhausted=anthropic_reply.exhausted,
    overloaded=anthropic_reply.overloaded,
    hint_unit_us=US_PER_S,
)
