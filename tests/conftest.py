"""For all tests: Ctrl-C means what it means in a terminal, even for a background job of a shell; text is as
wide and as plain wherever they run.
"""

import os
import signal

#: The mock server's fixtures, as its users have them; a plugin is named here or nowhere.
pytest_plugins = ["mockserver.pytest_plugin"]


def pytest_configure() -> None:
    """Before any test."""
    # A background job of a shell ignores SIGINT, and so would every process a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["COLUMNS"] = "100"
    for name in ("NO_COLOR", "FORCE_COLOR"):
        os.environ.pop(name, None)
