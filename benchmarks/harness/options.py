"""The command line of one part: sizes with a full and a quick value, and where figures go."""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple


class Size(NamedTuple):
    """A number a part takes: in earnest, as a smoke test, and what it is."""

    full: float
    quick: float
    help: str


def parse(
    about: str | None, sizes: Mapping[str, Size], arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read the options of a part; `--quick` gives the small value where none is given."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it still run?")
    parser.add_argument("--json", type=Path, help="where to write the figures as JSON")
    for name, size in sizes.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(size.full),
            help=f"{size.help} ({size.full:,}; quick: {size.quick:,})",
        )
    options = parser.parse_args(arguments)
    for name, size in sizes.items():
        if getattr(options, name) is None:
            setattr(options, name, size.quick if options.quick else size.full)
    return options


def write(options: argparse.Namespace, part: str, figures: Mapping[str, Any]) -> None:
    """Write the figures of a part with its sizes, if it was asked for."""
    if options.json is None:
        return
    sizes = {name: value for name, value in vars(options).items() if isinstance(value, int | float)}
    document = {
        "part": part,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "sizes": sizes,
        **figures,
    }
    options.json.write_text(json.dumps(document, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What a reader must know about the machine."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2),
    }
