"""The mappings that come with manyi, as package data in `shipped/`."""

from functools import cache
from importlib.resources import files

from agents.mapping.compiler import compile_mapping
from agents.mapping.engine import Mapping

_FOLDER = files("agents.mapping") / "shipped"


@cache
def shipped_names() -> tuple[str, ...]:
    """List the shipped mappings, sorted."""
    found = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


@cache
def shipped_text(name: str) -> str:
    """Give the file of a shipped mapping. Raises KeyError for an unknown name."""
    if name not in shipped_names():
        raise KeyError(name)
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def shipped(name: str) -> Mapping:
    """Compile a shipped mapping, once. Raises KeyError for an unknown name."""
    return compile_mapping(shipped_text(name), f"{name}.yaml")
