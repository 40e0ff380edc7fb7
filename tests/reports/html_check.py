"""What a self-contained page may hold."""

from __future__ import annotations

from html.parser import HTMLParser

ALONE = {"meta", "img", "link", "br", "hr", "input", "path", "use", "rect", "image"}
FORBIDDEN = {"script", "link", "iframe", "object", "embed", "base", "form"}
LOADING = {"src", "href", "xlink:href", "action", "poster", "srcset", "data"}


class Page(HTMLParser):
    """Collects what is wrong with a page, and its ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name.startswith("on"):
                self.wrong.append(f"{name}={value}")
            if name in LOADING and not (value or "").startswith(("#", "data:image/png")):
                self.wrong.append(f"{name}={value}")
        if tag not in ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ALONE:
            return
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)
