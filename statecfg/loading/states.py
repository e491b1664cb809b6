"""State files: what must hold in each phase, as declarations of the kinds that are handed in.

Knows the language's frame (phase, requires, holds, resources, while, after) and no kind by name; what stands inside
is each kind's own dataclass.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from statecfg.loading.document import ListNode, MapNode, Node, Scalar, plain, read_document
from statecfg.loading.environments import Declared, check_names, refuse_clear_secrets
from statecfg.loading.problems import Problems, advice, shown
from statecfg.loading.references import Reference, check_after, check_chain, settle
from statecfg.loading.shapes import key_of, shape_of
from statecfg.loading.tables.source import record_source
from statecfg.model.address import Address, Source
from statecfg.model.declared import Condition, Desired, Phase, Requirement, StateSet

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_FRAME = ("phase", "next", "description", "vars", "requires", "holds", "resources")
_SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Head:
    """The words at the top of a state file."""

    phase: str
    next: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a state file may declare: name -> class, each with its own `Spec`."""

    kinds: Mapping[str, Any]
    checks: Mapping[str, Any]
    invariants: Mapping[str, Any]


def state_files(folder: Path) -> list[Path]:
    """The state files of a set, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES) if folder.is_dir() else []


def read_states(folder: Path, declared: Declared, vocabulary: Vocabulary, problems: Problems) -> StateSet:
    """All phases of a set, in the order of their chain. What is wrong is noted; phases may then be missing."""
    files = state_files(folder)
    if not files:
        problems.add(
            "no-states", Source(shown(folder)), "there are no state files in it", "name a folder with *.yml, with -s"
        )
    reading = _Reading(declared, vocabulary, problems)
    for path in files:
        reading.add(path)
    return StateSet(folder.name, reading.finished())


@dataclass(slots=True)
class _Reading:
    """The phases read so far, and what they refer to."""

    declared: Declared
    vocabulary: Vocabulary
    problems: Problems
    phases: dict[str, Phase] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    same_as: dict[str, tuple[str, Source]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Read one file."""
        root = read_document(path, self.problems)
        if isinstance(root, MapNode):
            self._add(root)
        elif root is not None or path.stat().st_size == 0:
            self.problems.add("no-phase", Source(shown(path)), "declares no phase", "begin with `phase: NAME`")

    def _add(self, written: MapNode) -> None:
        self._check_frame(written)
        root = self._rendered(written)
        head_keys = {key: node for key, node in root.entries.items() if key in ("phase", "next", "description")}
        head = shape_of(Head).value(replace(root, entries=head_keys), self.problems)
        name = head.phase if head else ""
        phase = Phase(
            name,
            root.source,
            head.next if head else "",
            head.description if head else "",
            tuple(self._requirements(root, "requires", self.vocabulary.checks, name)),
            tuple(self._requirements(root, "holds", self.vocabulary.invariants, name)),
            tuple(self._resources(root, name)),
        )
        self._keep(phase, root)

    def _check_frame(self, root: MapNode) -> None:
        for key in root.entries:
            if key not in _FRAME:
                what = f"`{key}` isn't known at the top of a state file"
                self.problems.add("unknown-key", root.place(key), what, advice(key, _FRAME))

    def _rendered(self, root: MapNode) -> MapNode:
        """The file without expressions; its own `vars` count before the inventory's and after -e."""
        own = root.entries.get("vars")
        variables = self.declared.variables
        if isinstance(own, MapNode):
            check_names(own, self.problems, settings_too=True)
            refuse_clear_secrets(own, self.problems)
            names = {key: node for key, node in own.entries.items() if key not in self.declared.extra}
            variables = variables.over(names)
        elif own is not None and not (isinstance(own, Scalar) and own.is_null):
            self.problems.add("wrong-type", own.source, "`vars` must be a mapping of variables")
        done = variables.rendered(root, self.problems)
        assert isinstance(done, MapNode)
        return done

    def _keep(self, phase: Phase, root: MapNode) -> None:
        if not phase.name:
            return
        if phase.name in self.phases:
            first = self.phases[phase.name].source
            what = f"the phase `{phase.name}` is declared here and in {first.file}"
            self.problems.add("duplicate-phase", root.place("phase"), what, "give one of them another name")
            return
        self.phases[phase.name] = phase
        if phase.next:
            self.references.append(Reference("phase", phase.next, root.place("next"), phase.name, "next"))

    def _requirements(self, root: MapNode, key: str, known: Mapping[str, Any], phase: str) -> Iterator[Requirement]:
        node = root.entries.get(key)
        if key == "holds" and isinstance(node, MapNode) and set(node.entries) == {"same_as"}:
            self._note_same_as(node, phase)
            return
        for item in self._items(node, key):
            entry = MapNode({item.text: MapNode({}, item.source)}, item.source) if isinstance(item, Scalar) else item
            if not isinstance(entry, MapNode) or len(entry.entries) != 1:
                self.problems.add("wrong-type", item.source, f"each line of `{key}` is one name with what it wants")
                continue
            requirement = self._requirement(entry, key, known, phase)
            if requirement:
                yield requirement

    def _note_same_as(self, node: MapNode, phase: str) -> None:
        value = node.entries["same_as"]
        name = value.text if isinstance(value, Scalar) else ""
        self.same_as[phase] = (name, value.source)
        self.references.append(Reference("phase", name, value.source, phase, "same_as"))

    def _requirement(self, entry: MapNode, key: str, known: Mapping[str, Any], phase: str) -> Requirement | None:
        ((name, node),) = entry.entries.items()
        place = entry.place(name)
        if name not in known:
            self.problems.add(f"unknown-{'check' if key == 'requires' else 'invariant'}", place,
                              f"there is no `{name}` in `{key}`", advice(name, known))  # fmt: skip
            return None
        declared = known[name].Spec
        wanted = _spelt_out(node, declared)
        if wanted is None:
            self.problems.add("wrong-type", node.source, f"`{name}` takes no value", f"write {name}: {{}}")
            return None
        spec = shape_of(declared).value(wanted, self.problems, f"`{name}`")
        if spec is None:
            return None
        self._note_references(wanted, phase)
        return Requirement(name, spec, place)

    def _items(self, node: Node | None, key: str) -> tuple[Node, ...]:
        if node is None or (isinstance(node, Scalar) and (node.is_null or node.style == "failed")):
            return ()
        if isinstance(node, ListNode):
            return node.items
        self.problems.add("wrong-type", node.source, f"`{key}` must be a list", "write a line with `- ` for each")
        return ()

    def _resources(self, root: MapNode, phase: str) -> Iterator[Desired]:
        seen: dict[Address, Source] = {}
        for item in self._items(root.entries.get("resources"), "resources"):
            desired = self._resource(item, phase)
            if desired is None:
                continue
            if desired.address in seen:
                what = f"{desired.address} is declared twice (first in line {seen[desired.address].line})"
                self.problems.add("duplicate-resource", desired.source, what)
                continue
            seen[desired.address] = desired.source
            yield desired

    def _resource(self, item: Node, phase: str) -> Desired | None:
        named = self._named(item, "a resource")
        if named is None or not isinstance(item, MapNode):
            return None
        kind, address, place = named
        conditions = tuple(self._conditions(item.entries.get("while"), phase))
        after = tuple(self._after(item.entries.get("after"), phase))
        own = {key: node for key, node in item.entries.items() if key not in (kind, "while", "after")}
        body = replace(item, entries=own)
        declared = self.vocabulary.kinds[kind]
        spec = shape_of(declared.Spec).value(body, self.problems, str(address))
        if spec is None:
            # The address stays known, so that references to it aren't reported as well.
            return Desired(address, None, place, phase, conditions, after)
        self._note_references(body, phase)
        desired = Desired(address, spec, place, phase, conditions, after)
        if getattr(declared, "Row", None) is None:
            return desired
        return replace(desired, records=record_source(spec, body, declared.Row, self.problems))

    def _named(self, item: Node, what: str) -> tuple[str, Address, Source] | None:
        """Kind, address and place of a mapping that begins with `KIND: NAME`."""
        keys = list(item.entries) if isinstance(item, MapNode) else []
        kinds = [key for key in keys if key in self.vocabulary.kinds]
        if not isinstance(item, MapNode) or len(kinds) != 1:
            do = advice(keys[0], self.vocabulary.kinds) if keys and not kinds else "write `KIND: NAME` first"
            found = f"{what} has two kinds: {' and '.join(kinds)}" if kinds else f"{what} has no kind"
            self.problems.add("unknown-kind", item.source, found, do)
            return None
        name = item.entries[kinds[0]]
        if not isinstance(name, Scalar) or not _NAME.match(name.text):
            if not isinstance(name, Scalar) or name.style != "failed":
                do = "use letters, digits, `.`, `_` and `-`"
                self.problems.add("bad-name", name.source, f"this can't be the name of {what}", do)
            return None
        return kinds[0], Address(kinds[0], name.text), item.place(kinds[0])

    def _conditions(self, node: Node | None, phase: str) -> Iterator[Condition]:
        for item in self._items(node, "while"):
            named = self._named(item, "a clause of `while`")
            if named is None or not isinstance(item, MapNode):
                continue
            kind, address, place = named
            wants = self._wants(replace(item, entries={k: v for k, v in item.entries.items() if k != kind}), kind)
            self.references.append(Reference("resource", str(address), place, phase, "while"))
            if wants is not None:
                yield Condition(address, wants, place)

    def _wants(self, clause: MapNode, kind: str) -> Mapping[str, Any] | None:
        """What a clause asks, valid by the kind's `Wants`."""
        declared = getattr(self.vocabulary.kinds[kind], "Wants", None)
        if declared is None:
            self.problems.add("wrong-while", clause.source, f"`while` can't be about {kind}")
            return None
        if shape_of(declared).value(clause, self.problems, f"this `while` on {kind}") is None:
            return None
        given = {key: plain(node) for key, node in clause.entries.items()}
        if not given:
            self.problems.add(
                "wrong-while", clause.source, "this `while` asks for nothing", "say running: and version:"
            )
        # A map that runs on another version would satisfy such a clause (rules 2.1).
        if given.get("running") == "running" and not given.get("version"):
            what = "`while` says running without a version"
            self.problems.add("while-without-version", clause.source, what, "add version: cutover or version: original")
        return given

    def _after(self, node: Node | None, phase: str) -> Iterator[Address]:
        for item in self._items(node, "after"):
            try:
                address = Address.parse(item.text if isinstance(item, Scalar) else "")
            except ValueError as error:
                self.problems.add("bad-address", item.source, str(error))
                continue
            self.references.append(Reference("resource", str(address), item.source, phase, "after"))
            yield address

    def _note_references(self, body: MapNode, phase: str) -> None:
        """`of` names a resource, a kind or a phase; `phase` names a phase."""
        for key in ("of", "phase"):
            node = body.entries.get(key)
            if isinstance(node, Scalar) and node.text:
                to = self.references.append
                to(Reference("any" if key == "of" else "phase", node.text, node.source, phase, key))

    def finished(self) -> dict[str, Phase]:
        """All phases with their references settled: first the chain, then the others."""
        settle(self.references, self.phases, self.problems)
        check_chain(self.phases, self.problems)
        for phase in self.phases.values():
            check_after(phase, self.problems)
        for name in self.same_as:
            if name in self.phases:
                self.phases[name] = replace(self.phases[name], holds=self._held(name, ()))
        chain = StateSet("", self.phases).chain()
        return {name: self.phases[name] for name in (*chain, *(each for each in self.phases if each not in chain))}

    def _held(self, phase: str, on_the_way: tuple[str, ...]) -> tuple[Requirement, ...]:
        if phase in on_the_way:
            self.problems.add("circular-same-as", self.same_as[phase][1], "`same_as` leads back to itself")
            return ()
        if phase in self.same_as:
            return self._held(self.same_as[phase][0], (*on_the_way, phase))
        return self.phases[phase].holds if phase in self.phases else ()


def _spelt_out(node: Node, declared: type) -> MapNode | None:
    """`name: value` as `name: {first field: value}`; nothing as {}; None if it takes no value."""
    if isinstance(node, MapNode):
        return node
    if isinstance(node, Scalar) and node.is_null:
        return MapNode({}, node.source)
    fields = dataclasses.fields(declared)
    if not fields:
        return None
    key = key_of(fields[0].name)
    return MapNode({key: node}, node.source, {key: node.source})
