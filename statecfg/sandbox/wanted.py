"""Which sandbox is wanted: where, how large, from what; also as command-line arguments of `statecfg.sandbox`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DIRECTORY = ".sandbox"
CONTRACTS = 40
MILESTONES = 1200
SEED = 7
PORT = 18440


@dataclass(frozen=True, slots=True)
class Shape:
    """What the world holds. from_file: somebody's legacy export that it is to fit; columns: its headings as YAML.

    existing: open milestones more on contracts that the file doesn't know. settings: knobs of the world by name.
    """

    contracts: int = CONTRACTS
    milestones: int = MILESTONES
    seed: int = SEED
    from_file: Path | None = None
    columns: Path | None = None
    existing: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sandbox to start. port: of the first listener, the others follow; 0 takes free ones.

    keep: the world is kept in the directory, and a later start goes on with it.
    """

    directory: Path = Path(DIRECTORY)
    port: int = PORT
    keep: bool = False
    shape: Shape = Shape()


def shape_values(shape: Shape) -> dict[str, Any]:
    """A shape as plain JSON values; paths are absolute."""
    return {
        "contracts": shape.contracts,
        "milestones": shape.milestones,
        "seed": shape.seed,
        "from_file": str(shape.from_file.absolute()) if shape.from_file else None,
        "columns": str(shape.columns.absolute()) if shape.columns else None,
        "existing": shape.existing,
        "settings": dict(shape.settings),
    }


def shape_from(values: Mapping[str, Any]) -> Shape:
    """The shape that `shape_values` wrote down. Raises ValueError for unknown members or wrong types."""
    unknown = set(values) - set(Shape.__dataclass_fields__)
    if unknown:
        raise ValueError(f"a world's shape has no {', '.join(sorted(unknown))}")
    given = dict(values)
    for name in ("from_file", "columns"):
        given[name] = Path(given[name]) if given.get(name) else None
    for name in ("contracts", "milestones", "seed", "existing"):
        if not isinstance(given.get(name, 0), int):
            raise ValueError(f"{name} is a whole number")
    if not isinstance(given.get("settings", {}), Mapping):
        raise ValueError("settings are an object")
    return Shape(**given)


def arguments(wanted: Wanted) -> list[str]:
    """The arguments with which `python -m statecfg.sandbox` makes this sandbox."""
    shape = json.dumps(shape_values(wanted.shape))
    keep = ["--keep"] if wanted.keep else []
    return ["--dir", str(wanted.directory.absolute()), "--port", str(wanted.port), "--shape", shape, *keep]


def wanted_from(given: Sequence[str]) -> Wanted:
    """The sandbox that these arguments ask for; ends the process with 2 where they are wrong."""
    parser = argparse.ArgumentParser("python -m statecfg.sandbox", description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path(DIRECTORY), help="where it keeps its files")
    parser.add_argument("--port", type=int, default=PORT, help="of the first of five listeners; 0 takes free ones")
    parser.add_argument("--shape", type=_shape, default=Shape(), help="what the world holds, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the world, and go on with one that was kept")
    found = parser.parse_args(given)
    return Wanted(found.dir.absolute(), found.port, found.keep, found.shape)


def _shape(text: str) -> Shape:
    loaded = json.loads(text)
    if not isinstance(loaded, dict):
        raise TypeError("a shape is an object")
    return shape_from(loaded)
