"""The kinds of copy Thai shops ask for, how often, and how long an answer they allow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of copy: its share of the calls (relative) and `max_tokens` of its requests."""

    name: str
    weight: float
    max_tokens: int


# Shares are an assumption: short social copy dominates, long SEO articles are the tail.
KINDS = (
    Kind("caption", 26, 220),
    Kind("product", 18, 350),
    Kind("line_broadcast", 12, 200),
    Kind("live_script", 9, 450),
    Kind("headlines", 10, 160),
    Kind("hashtags", 8, 100),
    Kind("review_reply", 10, 160),
    Kind("email", 5, 450),
    Kind("seo_article", 2, 1000),
)
