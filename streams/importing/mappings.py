"""Mappings by name or by file, as the command line names them."""

from pathlib import Path

from agents.mapping import (
    Mapping,
    MappingFileError,
    compile_mapping,
    shipped,
    shipped_names,
    shipped_text,
)
from streams.errors import ExitCode, UserError


def load_mapping(name: str) -> Mapping:
    """Return a shipped mapping by its name, or compile a file. Raises UserError."""
    if name in shipped_names():
        return shipped(name)
    try:
        return compile_mapping(mapping_text(name), name)
    except MappingFileError as error:
        raise UserError(
            str(error), "docs/mapping.md describes the format", ExitCode.USAGE
        ) from None


def mapping_text(name: str) -> str:
    """Return the text of a shipped mapping or of a file. Raises UserError."""
    if name in shipped_names():
        return shipped_text(name)
    path = Path(name)
    if not path.is_file():
        known = ", ".join(shipped_names())
        raise UserError(
            f"There is no mapping {name!r}",
            f"Name a file, or one of {known}",
            ExitCode.USAGE,
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{name} is not UTF-8 text", "Save it as UTF-8", ExitCode.USAGE) from None
