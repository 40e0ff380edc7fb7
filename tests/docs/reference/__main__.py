"""Write the reference pages: `python -m tests.docs.reference`. `--check` says which are not current."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from tests.docs.reference import commands, metrics, outcomes, policy, profile, record, specs

FOLDER = Path(__file__).parents[3] / "docs" / "reference"

PAGES: dict[str, ModuleType] = {
    "commands": commands,
    "policy": policy,
    "profile": profile,
    "specs": specs,
    "metrics": metrics,
    "outcomes": outcomes,
    "columns": record,
}

NOTE = "<!-- Written by `python -m tests.docs.reference` from the code: change that. -->"


def pages() -> dict[Path, str]:
    """Every page of the reference, as the code has it now."""
    return {
        FOLDER / f"{name}.md": f"{NOTE}\n\n# {module.TITLE}\n{module.page().rstrip()}\n"
        for name, module in PAGES.items()
    }


def main(arguments: list[str]) -> int:
    """Write what changed; with `--check`, name it and exit with 1."""
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        print(f"{'stale' if '--check' in arguments else 'wrote'} {path.relative_to(FOLDER.parents[1])}")
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
