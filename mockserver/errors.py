"""Everything this package raises on purpose.

MockServerError
├── ProfileError     a profile that cannot be read or does not make sense
├── StartError       the server cannot start: address, port or log file
├── ListenError      the port was taken by another while connections were refused
├── LogError         the request log cannot be written any more
├── AdminError       an admin request that cannot be obeyed
└── WireError        an API request refused before any decision is taken about it
"""


class MockServerError(Exception):
    """Base of every error of this package; its text is meant for the user."""


class ProfileError(MockServerError):
    """A profile is unreadable, or one of its values is not what was expected."""


class StartError(MockServerError):
    """The server cannot listen where it was told to, or cannot write its log."""


class ListenError(MockServerError):
    """The server cannot listen any more: its port was taken while a fault kept it from listening."""


class LogError(MockServerError):
    """The request log cannot be written any more: what it promises to hold would be missing."""


class AdminError(MockServerError):
    """An admin request is malformed; nothing was changed."""


class WireError(MockServerError):
    """An API request is malformed. `status` is of HTTP; the rest fills the dialect's error body, where it has
    a place for it. `allow` is the method that would have been right.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.allow = allow
