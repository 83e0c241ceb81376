"""Reading other systems' payloads: a mapping file in YAML becomes a pure function to channel
records and commands.

`compile_mapping(text, name)` -> `Mapping`; `Mapping.apply(payload, headers)` -> `MappingResult`;
the mappings that come with manyi are `shipped(name)`. docs/mapping.md describes the language.
"""

from agents.mapping.compiler import compile_mapping
from agents.mapping.engine import Mapping, MappingResult, SkipReason
from agents.mapping.errors import MappingError, MappingFileError, Problem
from agents.mapping.library import shipped, shipped_names, shipped_text
from agents.mapping.unused import unused_fields

__all__ = [
    "Mapping",
    "MappingError",
    "MappingFileError",
    "MappingResult",
    "Problem",
    "SkipReason",
    "compile_mapping",
    "shipped",
    "shipped_names",
    "shipped_text",
    "unused_fields",
]
