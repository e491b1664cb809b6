"""From what maps need to the steps that are sent. Pure: data in, steps out.

Maps that must stop for the same reason are stopped in one step; everything else goes one map at a time, and maps
start one after the other, in the order given (rules 2.2, 2.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from statecfg.model.address import Address
from statecfg.model.environment import Environment
from statecfg.model.plan import Change, Step
from statecfg.resources.map.decide import Moves
from statecfg.resources.map.findings import way

# What these did shows only when the map runs on it, or when the version is there to be chosen.
UNSEEN = frozenset(("refresh", "save-version"))
MARKS = {"stop": "~", "start": "~", "switch": "~", "save-version": "+", "apply-version": ">", "refresh": ">"}


def steps(changes: Sequence[Change], environment: Environment) -> tuple[Step, ...]:
    """The steps for several maps: all stops at once, then each map's own, in the order given."""
    stopping = [change for change in changes if "stop" in change.detail.verbs]
    rest = [step for change in changes for step in _own(change, environment)]
    return (*((_stop(stopping, environment),) if stopping else ()), *rest)


def _stop(changes: Sequence[Change], environment: Environment) -> Step:
    targets = tuple(change.desired.address for change in changes)
    names = ", ".join(address.name for address in targets)
    return Step(
        targets[0],
        "stop",
        f"stop {names}",
        targets=targets,
        mark="~",
        detail={"maps": [address.name for address in targets]},
        deadline_s=environment.waits.map_s,
    )


def _own(change: Change, environment: Environment) -> list[Step]:
    moves: Moves = change.detail
    made: list[Step] = []
    for verb in moves.verbs:
        if verb == "save-version":
            made.extend(_save(change, moves, environment))
        elif verb != "stop":
            made.append(_step(change, verb, _detail(change, moves), environment))
    return made


def _save(change: Change, moves: Moves, environment: Environment) -> list[Step]:
    spec = moves.target.spec
    assert spec is not None
    name = change.desired.address.name
    how = way(spec, name, environment)
    names = getattr(environment.maps, name)
    detail = {
        **_detail(change, moves),
        "via": how,
        "description": spec.description,
        "solution": names.solution if how == "solution" else environment.map_row.restore_solution,
        "solution_file": names.solution_file if how == "solution" else "",
    }
    save = _step(change, "save-version", detail, environment)
    return [save] if how == "manual" else [save, _step(change, "apply-version", detail, environment)]


def _detail(change: Change, moves: Moves) -> dict[str, Any]:
    after = moves.after
    wanted, spec = moves.target.version or moves.live.version, moves.target.spec
    added = {"base": moves.base, "added": [asdict(row) for row in spec.mappings]} if spec else {}
    return {
        **added,
        "map": change.desired.address.name,
        "publisher": wanted.publisher,
        "number": wanted.number,
        "original": moves.target.original,
        "from": str(moves.live.version),
        "running": after.state,
    }


def _step(change: Change, verb: str, detail: dict[str, Any], environment: Environment) -> Step:
    address: Address = change.desired.address
    return Step(
        address,
        verb,
        _words(verb, address.name, detail),
        targets=(address,),
        mark=MARKS[verb],  # type: ignore[arg-type]
        detail=detail,
        moment="start" if verb == "start" else "",
        shows=verb not in UNSEEN,
        deadline_s=environment.waits.map_s,
    )


def _words(verb: str, name: str, detail: dict[str, Any]) -> str:
    version = f"{detail['publisher']} {detail['number']}"
    return {
        "refresh": f"refresh the tables of {name}",
        "save-version": f"save {version} of {name} (via {detail.get('via')})",
        "apply-version": f"make {version} of {name} available",
        "switch": f"{name}: {detail['from']} -> {version}",
        "start": f"start {name} on {version}, without initial sync",
    }[verb]


def wait_for_rest(address: Address, environment: Environment) -> Step:
    """A step that waits until a map in initial sync or catch-up has come to rest (rules 2.6)."""
    return Step(
        address,
        "wait",
        f"wait until {address.name} has come to rest",
        targets=(address,),
        detail={"map": address.name},
        sends=False,
        deadline_s=environment.waits.map_s,
    )
