"""The paths of the imitated APIs."""

from collections.abc import Callable
from dataclasses import dataclass

from mockserver.errors import WireError
from mockserver.http.message import HttpRequest
from mockserver.wire import anthropic_reply
from mockserver.wire.answer import Answer
from mockserver.wire.anthropic_request import parse_count
from mockserver.wire.dialect import Dialect
from mockserver.wire.dialects import ANTHROPIC, OPENAI
from mockserver.wire.key import VERSION_HEADER
from mockserver.wire.request import ParsedRequest

CHAT_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"
MESSAGES_PATH = "/v1/messages"
COUNT_PATH = "/v1/messages/count_tokens"


_MODEL_PREFIX = f"{MODELS_PATH}/"
# What a path is called where requests are counted: the caller chooses it, so only a known one is a label.
_MODEL_LABEL = f"{_MODEL_PREFIX}{{model}}"
_OTHER_LABEL = "other"


@dataclass(frozen=True, slots=True)
class Route:
    """One path: its only method, how its body is read, and its answer where nothing has to be generated.

    `parse` and `at_once` raise WireError.
    """

    dialect: Dialect
    method: str
    parse: Callable[[bytes], ParsedRequest]
    at_once: Callable[[ParsedRequest], Answer] | None = None


_ROUTES = {
    CHAT_PATH: Route(OPENAI, "POST", OPENAI.parse),
    MESSAGES_PATH: Route(ANTHROPIC, "POST", ANTHROPIC.parse),
    COUNT_PATH: Route(ANTHROPIC, "POST", parse_count, anthropic_reply.counted),
}


def label_of(path: str) -> str:
    """What a path is counted under."""
    if path in _ROUTES or path == MODELS_PATH:
        return path
    return _MODEL_LABEL if path.startswith(_MODEL_PREFIX) else _OTHER_LABEL


def dialect_of(request: HttpRequest) -> Dialect:
    """The dialect in which a request is answered, whether its path exists or not.

    Where the path does not tell, a caller who names a version of Anthropic's API is one of theirs.
    """
    path = request.path
    route = _ROUTES.get(path)
    if route is not None:
        return route.dialect
    theirs = path.startswith(f"{MESSAGES_PATH}/") or VERSION_HEADER in request.headers
    return ANTHROPIC if theirs else OPENAI


def route_of(request: HttpRequest) -> Route:
    """The route of a request; raises WireError (404, 405)."""
    method, path = request.method, request.path
    dialect = dialect_of(request)
    route = _ROUTES.get(path) or _model_route(dialect, path)
    if route is None:
        raise WireError(404, "Not Found" if dialect is ANTHROPIC else f"Invalid URL ({method} {path})")
    if method != route.method:
        message = f"Only {route.method} requests are accepted at {path}."
        raise WireError(405, message, code="method_not_supported", allow=route.method)
    return route


def _model_route(dialect: Dialect, path: str) -> Route | None:
    """The list of models, or one of them."""
    if path == MODELS_PATH:
        return Route(dialect, "GET", lambda _body: _about(""), lambda _parsed: dialect.models())
    if path.startswith(_MODEL_PREFIX):
        name = path.removeprefix(_MODEL_PREFIX)
        return Route(dialect, "GET", lambda _body: _about(name), lambda parsed: dialect.model(parsed.model))
    return None


def _about(model: str) -> ParsedRequest:
    return ParsedRequest(model, prompt_tokens=0, max_tokens=None)
