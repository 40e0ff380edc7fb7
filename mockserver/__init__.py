"""An OpenAI- and Anthropic-compatible mock server: latency, limits, capacity, faults. Its core is pure.

`python -m mockserver` serves. From Python, `Core` takes the same decisions without a socket or a clock.
"""

from mockserver.core.decide import TICK_US, Core
from mockserver.core.decisions import (
    Arrival,
    Decision,
    Exhausted,
    Fault,
    Generate,
    Overload,
    Start,
    Throttle,
)
from mockserver.core.gate import Gate
from mockserver.errors import AdminError, MockServerError, ProfileError, StartError
from mockserver.profile import Profile
from mockserver.profile_document import as_document
from mockserver.profile_file import bundled_names, load_profile, parse_profile
from mockserver.text import count_tokens

__all__ = [
    "TICK_US",
    "AdminError",
    "Arrival",
    "Core",
    "Decision",
    "Exhausted",
    "Fault",
    "Gate",
    "Generate",
    "MockServerError",
    "Overload",
    "Profile",
    "ProfileError",
    "Start",
    "StartError",
    "Throttle",
    "as_document",
    "bundled_names",
    "count_tokens",
    "load_profile",
    "parse_profile",
]
