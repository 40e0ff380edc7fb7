"""A JSON document that a command of ours left, read back."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from harness.files import why
from reports.errors import RunError

Form = TypeVar("Form")


def read_document(path: Path, form: type[Form]) -> Form:
    """The document in a file. Raises RunError naming the file and what of it is not of this form."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {why(error, path)}") from error
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: damaged, or of another version: {error}") from error
