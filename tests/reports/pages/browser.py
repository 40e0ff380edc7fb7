"""A Chromium without a window, in a thread of its own: its driver's event loop would stop other tests'."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

PHONE, DESK = (390, 844), (1400, 900)

#: On a screen by day or by night; on paper, printed at night.
Ground = Literal["day", "night", "paper"]

Found = TypeVar("Found")


def executable() -> str | None:
    """The system's Chromium; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that is open, with what it told the console and what it asked of the network."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def measure(self, script: str) -> Any:
        """What a function of JavaScript finds on the page."""
        return self.page.evaluate(script)


class Chromium:
    """One browser, in which a file is opened once; what is done on a page is done in its thread."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(1, "chromium")
        self._driver: Any = None
        self._browser: Browser | None = None
        self._visits: dict[Path, Visit] = {}
        self._thread.submit(self._start, path).result()

    def visit(
        self,
        file: Path,
        do: Callable[[Visit], Found],
        *,
        size: tuple[int, int] = DESK,
        ground: Ground = "day",
        anew: bool = False,
    ) -> Found:
        """What `do` finds on a page; `anew` for what must begin at its top, with all that is folded shut."""
        return self._thread.submit(lambda: do(self._shown(file, size, ground, anew=anew))).result()

    def close(self) -> None:
        """End browser and driver."""
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _start(self, path: str) -> None:
        self._driver = sync_playwright().start()
        self._browser = self._driver.chromium.launch(executable_path=path, args=["--no-sandbox"])

    def _stop(self) -> None:
        if self._browser is not None:
            self._browser.close()
        self._driver.stop()

    def _shown(self, file: Path, size: tuple[int, int], ground: Ground, *, anew: bool) -> Visit:
        if file not in self._visits:
            self._visits[file] = self._opened(file)
        visit = self._visits[file]
        visit.page.set_viewport_size({"width": size[0], "height": size[1]})
        visit.page.emulate_media(
            media="print" if ground == "paper" else "screen",
            color_scheme="light" if ground == "day" else "dark",
            reduced_motion="reduce",
        )
        if anew:
            visit.page.goto("about:blank")
            visit.page.goto(file.as_uri())
        return visit

    def _opened(self, file: Path) -> Visit:
        assert self._browser is not None
        page = self._browser.new_page()
        visit = Visit(page)
        page.on("console", lambda message: visit.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: visit.said.append(str(error)))
        page.on("request", lambda request: visit.asked.append(request.url))
        page.goto(file.as_uri())
        return visit
