"""From a figure to bytes: the look, the size, SVG for pages and PNG for files."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from reports.drawing import theme
from reports.drawing.style import matplotlib_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Size:
    """A figure's size, and how many ticks of time it has room for."""

    width_in: float
    height_in: float
    ticks: int

    @property
    def narrow(self) -> bool:
        """Whether it is drawn for a phone."""
        return self.width_in <= PHONE_IN


#: Of a phone 390 pixels wide a card leaves 340: on 3.8 inches, 273.6 points, a point is 1.24 pixels.
PHONE_IN = 3.8

WIDE = Size(9.0, 2.8, 13)
HALF = Size(4.9, 2.7, 7)
PHONE = Size(PHONE_IN, 2.9, 5)

TEXT_PT, PHONE_TEXT_PT = 9.0, 9.6

Draw: TypeAlias = "Callable[[Figure, Size], None]"

DPI = 100
_ID = re.compile(r'(\bid="|url\(#|href="#)')
_PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


def svg(draw: Draw, size: Size, prefix: str, label: str) -> str:
    """An inline `<svg>` that fills its container and follows the page's colours.

    `prefix` keeps its ids apart from other figures'; `label` is what it says to those who cannot see it.
    """
    buffer = io.StringIO()
    _render(draw, size, buffer, "svg")
    text = _METADATA.sub("", _PROLOGUE.sub("", buffer.getvalue()))
    head, _, body = text.partition(">")
    head = re.sub(r'\s(?:width|height|version)="[^"]*"', "", head)
    head = f'{head} role="img" aria-label="{escape(label)}"'
    return theme.themed(_ID.sub(rf"\g<1>{prefix}-", f"{head}>{body}"))


def png(draw: Draw, size: Size) -> bytes:
    """The figure as a PNG of 100 pixels an inch."""
    buffer = io.BytesIO()
    _render(draw, size, buffer, "png")
    return buffer.getvalue()


def _render(draw: Draw, size: Size, buffer: io.StringIO | io.BytesIO, form: str) -> None:
    # Half a second, which who only reads is spared.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(matplotlib_settings(PHONE_TEXT_PT if size.narrow else TEXT_PT)):
        figure = Figure(figsize=(size.width_in, size.height_in), layout="constrained", dpi=DPI)
        draw(figure, size)
        # Nothing of the day or the library goes into the file: the same run gives the same page.
        about = {"Software": None} if form == "png" else {"Creator": None, "Date": None}
        with warnings.catch_warnings():
            # A name in a script the font lacks is drawn as boxes in a PNG; pages have fonts of their own.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            figure.savefig(buffer, format=form, metadata=about)
