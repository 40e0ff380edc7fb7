"""The paths of the imitated APIs."""

from collections.abc import Callable
from dataclasses import dataclass

from mockserver.errors import WireError
from mockserver.http.message import HttpRequest
from mockserver.wire import anthropic_reply, openai_reply
from mockserver.wire.answer import Answer
from mockserver.wire.anthropic_request import parse_count
from mockserver.wire.dialect import Dialect
from mockserver.wire.dialects import ANTHROPIC, OPENAI
from mockserver.wire.request import ParsedRequest

CHAT_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"
MESSAGES_PATH = "/v1/messages"
COUNT_PATH = "/v1/messages/count_tokens"


@dataclass(frozen=True, slots=True)
class Route:
    """One path: its only method, how its body is read, and its answer where nothing has to be generated."""

    dialect: Dialect
    method: str
    parse: Callable[[bytes], ParsedRequest]
    at_once: Callable[[ParsedRequest], Answer] | None = None


def _no_body(_body: bytes) -> ParsedRequest:
    return ParsedRequest(model="", prompt_tokens=0, max_tokens=None)


ROUTES = {
    CHAT_PATH: Route(OPENAI, "POST", OPENAI.parse),
    MODELS_PATH: Route(OPENAI, "GET", _no_body, lambda _parsed: openai_reply.model_list()),
    MESSAGES_PATH: Route(ANTHROPIC, "POST", ANTHROPIC.parse),
    COUNT_PATH: Route(ANTHROPIC, "POST", parse_count, anthropic_reply.counted),
}
KNOWN_PATHS = frozenset(ROUTES)


def dialect_of(request: HttpRequest) -> Dialect:
    """The dialect in which a request is answered, whether its path exists or not."""
    path = request.path
    return ANTHROPIC if path == MESSAGES_PATH or path.startswith(f"{MESSAGES_PATH}/") else OPENAI


def route_of(request: HttpRequest) -> Route:
    """The route of a request; raises WireError (404, 405)."""
    method, path = request.method, request.path
    route = ROUTES.get(path)
    if route is None:
        raise WireError(
            404, "Not Found" if dialect_of(request) is ANTHROPIC else f"Invalid URL ({method} {path})"
        )
    if method != route.method:
        message = f"Only {route.method} requests are accepted at {path}."
        raise WireError(405, message, code="method_not_supported", allow=route.method)
    return route
