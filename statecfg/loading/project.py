"""Everything that the files declare: one environment and its phases, or every problem at once.

The only entrance to this package for the rest of the product; contacts nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from statecfg.loading.environments import SETTINGS, chosen_host, declared_environment, extra_variables
from statecfg.loading.inventory import Inventory, read_inventory
from statecfg.loading.problems import Problems, nearest, shown
from statecfg.loading.rendering import Variables
from statecfg.loading.states import Vocabulary, read_states, state_files
from statecfg.loading.tables.source import TableSource, digest_of
from statecfg.model.address import Source
from statecfg.model.declared import Desired, StateSet
from statecfg.model.environment import Environment
from statecfg.model.errors import Problem
from statecfg.model.results import ValidationReport


@dataclass(frozen=True, slots=True)
class Project:
    """What the files declare. digests: name of an input -> SHA-256, names without this machine's folders.

    warnings: what is odd but not wrong.
    """

    environment: Environment
    states: StateSet
    digests: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()


def load_project(
    inventory: Path,
    states: Path,
    *,
    limit: str | None,
    extra: Mapping[str, str],
    kinds: Mapping[str, Any],
    checks: Mapping[str, Any],
    invariants: Mapping[str, Any],
) -> Project:
    """The environment that `limit` names (or the only one) and the phases of a set, with their records.

    inventory, states: folders; a folder that only holds one inventory or one set stands for that. extra: -e KEY=VALUE.
    kinds, checks, invariants: name -> class with its `Spec`. Raises DeclarationError with every problem found.
    """
    problems = Problems()
    place = find_inventory(inventory)
    found = read_inventory(place, problems)
    host = chosen_host(found, limit, problems) if found else None
    vocabulary = Vocabulary(kinds, checks, invariants)
    project = _loaded(found, host, find_states(states, problems), extra, vocabulary, problems)
    problems.close()
    assert project is not None
    return project


def validation_report(
    inventory: Path,
    states: Path,
    *,
    limit: str | None,
    extra: Mapping[str, str],
    kinds: Mapping[str, Any],
    checks: Mapping[str, Any],
    invariants: Mapping[str, Any],
) -> ValidationReport:
    """What the files alone show to be wrong, for one environment or (without `limit`) for each of the inventory."""
    problems = Problems()
    found = read_inventory(find_inventory(inventory), problems)
    folder = find_states(states, problems)
    vocabulary = Vocabulary(kinds, checks, invariants)
    hosts: Iterable[str | None] = [None]
    if found and (limit is not None or not found.hosts):
        hosts = [chosen_host(found, limit, problems)]
    elif found:
        hosts = found.hosts
    projects = [_loaded(found, host, folder, extra, vocabulary, problems) for host in hosts]
    return ValidationReport(problems.found, problems.warnings, _counts(projects))


def _counts(projects: Iterable[Project | None]) -> dict[str, int]:
    whole = [project for project in projects if project]
    phases = {(p.states.name, name): phase for p in whole for name, phase in p.states.phases.items()}
    sources = {
        (desired.records.path, str(desired.address)): desired.records
        for project in whole
        for desired in _declared(project.states)
        if isinstance(desired.records, TableSource)
    }
    return {
        "environments": len(whole),
        "phases": len(phases),
        "resources": sum(len(phase.resources) for phase in phases.values()),
        "rows": sum(source.readable for source in sources.values()),
    }


def _loaded(
    inventory: Inventory | None,
    host: str | None,
    folder: Path,
    extra: Mapping[str, str],
    vocabulary: Vocabulary,
    problems: Problems,
) -> Project | None:
    """One environment with the phases as it makes them; None if it isn't whole."""
    if inventory is None or host is None:
        return None
    given = extra_variables(extra, problems)
    declared = declared_environment(inventory, host, given, problems)
    states = read_states(folder, declared, vocabulary, problems)
    for desired in _declared(states):
        if desired.spec is not None:
            problems.extend(_of_kind(vocabulary.kinds[desired.address.kind], desired))
    _check_extra(declared.extra, declared.variables, problems)
    if declared.environment is None:
        return None
    digests = dict(_digests(inventory, host, folder, states, extra))
    return Project(declared.environment, states, digests, problems.warnings)


def _declared(states: StateSet) -> list[Desired]:
    return [desired for phase in states.phases.values() for desired in phase.resources]


def _of_kind(kind: Any, desired: Desired) -> Iterator[Problem]:
    """What the kind finds wrong itself; records that could not be read at all say nothing."""
    source = desired.records
    if isinstance(source, TableSource) and source.unreadable and not source.readable:
        desired = replace(desired, records=None)
    for problem in kind.problems(desired):
        if source is not None and problem.where.file == source.path:
            problem = replace(problem, where=replace(problem.where, file=shown(Path(source.path))))
        yield problem


def _check_extra(names: Iterable[str], variables: Variables, problems: Problems) -> None:
    """Notes -e variables that nothing asks for: a misspelt one would silently change nothing."""
    for name in sorted(names):
        if name not in variables.used and name not in SETTINGS.keys.values():
            close = nearest(name, SETTINGS.keys.values())
            do = f"did you mean `{close}`?" if close else "correct the name, or leave it out"
            problems.add("unused-extra", Source(f"-e {name}"), f"nothing uses the variable `{name}`", do)


def _digests(
    inventory: Inventory, host: str, folder: Path, states: StateSet, extra: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Every input by a name that is the same on each machine."""
    hosts = [path for path in inventory.folder.glob("hosts.y*ml") if path.is_file()]
    for path in [*hosts, *inventory.files_of(host)]:
        yield f"inventory/{path.relative_to(inventory.folder).as_posix()}", digest_of(path)
    for path in state_files(folder):
        yield f"states/{path.name}", digest_of(path)
    for desired in _declared(states):
        if isinstance(desired.records, TableSource):
            yield f"records/{desired.phase}/{desired.address}", desired.records.digest
    if extra:
        words = "\n".join(f"{key}={value}" for key, value in sorted(extra.items()))
        yield "options -e", hashlib.sha256(words.encode()).hexdigest()


def find_inventory(place: Path) -> Path:
    """The folder of an inventory: `place`, the folder of a hosts.yml, or the only inventory in `place`."""
    if place.is_file() and place.stem == "hosts":
        return place.parent
    if not place.is_dir() or any(place.glob("hosts*")):
        return place
    inside = [path.parent for path in place.glob("*/hosts.y*ml")]
    return inside[0] if len(inside) == 1 else place


def find_states(place: Path, problems: Problems) -> Path:
    """The folder of a set: `place`, or the only set in it."""
    if state_files(place) or not place.is_dir():
        return place
    inside = sorted(path for path in place.iterdir() if path.is_dir() and state_files(path))
    if len(inside) > 1:
        names = ", ".join(str(path) for path in inside)
        problems.add(
            "which-states", Source(shown(place)), f"there are {len(inside)} sets in it", f"choose one with -s: {names}"
        )
    return inside[0] if inside else place
