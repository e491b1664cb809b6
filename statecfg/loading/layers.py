"""Variables from several places, laid over one another by precedence into one tree.

Sections of settings are merged key by key, everything else is replaced whole. Two places of which neither overrides
the other must agree. Knows what overrides what, not what the variables mean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, get_args, get_type_hints

from statecfg.loading.document import MapNode, Node, Scalar, plain
from statecfg.loading.problems import Problems
from statecfg.loading.shapes import key_of
from statecfg.model.environment import Secret


class Rank(IntEnum):
    """Sorts of places, low to high."""

    BUILT_IN = 0
    GROUP = 1
    HOST = 2
    EXTRA = 3


@dataclass(frozen=True, slots=True)
class Layer:
    """One place of variables.

    group: whose it is, for rank GROUP; above: the groups that this one is inside of. order: a later file of the same
    group or host overrides an earlier one.
    """

    rank: Rank
    variables: MapNode
    group: str = ""
    above: frozenset[str] = frozenset()
    order: int = 0

    def overrides(self, other: Layer) -> bool:
        """Whether this place counts before another."""
        if self.rank != other.rank:
            return self.rank > other.rank
        if self.group != other.group:
            return other.group in self.above
        return self.order > other.order


Sections = Mapping[str, Any]
"""Key -> the sections below it, for keys whose mappings are merged key by key. Other keys are replaced whole."""


def sections_of(declared: type) -> Sections:
    """The sections of a dataclass: fields that are dataclasses themselves. A secret is one value, never half of two."""
    found = {}
    for name, hint in get_type_hints(declared).items():
        inner = next((each for each in (hint, *get_args(hint)) if dataclasses.is_dataclass(each)), None)
        if isinstance(inner, type) and inner is not Secret:
            found[key_of(name)] = sections_of(inner)
    return found


@dataclass(frozen=True, slots=True)
class _Given:
    layer: Layer
    node: Node


def merged(layers: Sequence[Layer], sections: Sections, problems: Problems) -> MapNode:
    """All layers as one tree; each value and key keeps its place. Disagreements are noted."""
    given = [_Given(layer, layer.variables) for layer in layers]
    return _merged_section(given, sections, (), problems)


def _merged_section(given: Sequence[_Given], sections: Sections, path: tuple[str, ...], problems: Problems) -> MapNode:
    by_key: dict[str, list[_Given]] = {}
    for each in given:
        if isinstance(each.node, MapNode):
            for key, node in each.node.entries.items():
                by_key.setdefault(key, []).append(_Given(each.layer, node))
    top = max(given, key=lambda each: (each.layer.rank, each.layer.order)).node
    entries: dict[str, Node] = {}
    places = {}
    for key, nodes in by_key.items():
        entries[key] = _merged(nodes, sections.get(key), (*path, key), problems)
        places[key] = _key_place(given, key, _winner(nodes))
    return MapNode(entries, top.source, places)


def _merged(given: Sequence[_Given], sections: Sections | None, path: tuple[str, ...], problems: Problems) -> Node:
    wanted = [each for each in given if not _unset(each)] or list(given)
    if sections is not None and all(isinstance(each.node, MapNode) for each in wanted):
        return _merged_section(wanted, sections, path, problems)
    winner = _winner(wanted)
    rivals = [each for each in wanted if each is not winner and _rivals(each, winner, wanted)]
    for rival in rivals:
        if plain(rival.node) != plain(winner.node):
            what = f"`{'.'.join(path)}` is given differently here and in {winner.node.source}"
            do = "neither group is inside the other: say it in host_vars, or in one of them only"
            problems.add("groups-disagree", rival.node.source, what, do)
    return winner.node


def _unset(given: _Given) -> bool:
    return given.layer.rank is Rank.BUILT_IN and isinstance(given.node, Scalar) and given.node.is_null


def _winner(given: Sequence[_Given]) -> _Given:
    """A value that no other one overrides."""
    return next(each for each in reversed(given) if not _overridden(each, given))


def _overridden(one: _Given, given: Sequence[_Given]) -> bool:
    return any(each.layer.overrides(one.layer) for each in given)


def _rivals(one: _Given, winner: _Given, given: Sequence[_Given]) -> bool:
    return not _overridden(one, given) and not one.layer.overrides(winner.layer)


def _key_place(given: Sequence[_Given], key: str, winner: _Given) -> Any:
    node = next(each.node for each in given if each.layer is winner.layer)
    return node.place(key) if isinstance(node, MapNode) else node.source
