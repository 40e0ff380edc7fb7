"""A picture on a page: how to read it, and what it shows to those who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.drawing import canvas
from reports.drawing.html import Html, element


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot on the page: `key` names it in ids, `full` gives it the whole width.

    `said` is what the picture shows in a sentence or two, for screen readers. Heights, in inches, are given
    where they follow from the data.
    """

    key: str
    title: str
    caption: str
    draw: canvas.Draw
    full: bool = False
    height_in: float | None = None
    phone_height_in: float | None = None
    said: str = ""


def plots(shown: Sequence[Plot]) -> Html:
    """Pictures in reading order."""
    return element("div", *(figure(plot) for plot in shown), cls="plots")


def figure(plot: Plot) -> Html:
    """A plot drawn twice, for wide screens and for phones: text in a picture does not reflow."""
    desk = _resized(canvas.WIDE if plot.full else canvas.HALF, plot.height_in)
    phone = _resized(canvas.PHONE, plot.phone_height_in or plot.height_in)
    label = f"{plot.title}. {plot.said}".strip()
    pictures = [
        element("div", Html(canvas.svg(plot.draw, desk, f"{plot.key}-d", label)), cls="desk"),
        element("div", Html(canvas.svg(plot.draw, phone, f"{plot.key}-p", label)), cls="phone"),
    ]
    # In a figure the caption comes first here: it says how to read what follows.
    heading = element("figcaption", element("h3", plot.title), plot.caption)
    return element("figure", heading, *pictures, cls="full" if plot.full else "")


def _resized(size: canvas.Size, height_in: float | None) -> canvas.Size:
    return size if height_in is None else canvas.Size(size.width_in, height_in, size.ticks)
