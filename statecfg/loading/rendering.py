"""Variables and the expressions that ask for them: a tree with expressions in, the same tree with their results out.

Rendered after YAML is parsed, so lines stay true and no value can become structure. Variables may refer to each other
in any order; they are computed when asked for, once, and a circle is named. Knows nothing of schemas.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from statecfg.loading.document import ListNode, MapNode, Node, Scalar, guess, node_of, text_of
from statecfg.loading.expressions import ExpressionError, Template, evaluate, has_marks, template
from statecfg.loading.problems import Problems, advice, nearest
from statecfg.model.address import Source
from statecfg.model.errors import Problem

LONGEST_CHAIN = 25


class _Unrenderable(Exception):
    """An expression that can't be computed, with its problem at its own place."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class Variables:
    """Names and their values, for the expressions of one file. used: names that any expression asked for."""

    def __init__(self, names: Mapping[str, Node], used: set[str] | None = None) -> None:
        self._names = dict(names)
        self._known: dict[int, tuple[Scalar, Any]] = {}
        self._active: list[int] = []
        self._asked: list[str] = []
        self.used = set() if used is None else used

    def over(self, names: Mapping[str, Node]) -> Variables:
        """These variables with others on top."""
        return Variables({**self._names, **names}, self.used)

    def rendered(self, node: Node, problems: Problems) -> Node:
        """A tree without expressions. What can't be computed is noted, and stands as a scalar that failed."""
        if isinstance(node, ListNode):
            return replace(node, items=tuple(self.rendered(item, problems) for item in node.items))
        if isinstance(node, MapNode):
            entries = {key: self.rendered(value, problems) for key, value in node.entries.items()}
            return replace(node, entries=entries)
        try:
            return self._rendered_scalar(node)
        except _Unrenderable as error:
            problems.extend([error.problem])
            return replace(node, style="failed")

    def _rendered_scalar(self, scalar: Scalar) -> Node:
        if has_marks(scalar.text) and scalar.style != "made":
            return node_of(self._value(scalar), scalar.source)
        return replace(scalar, text=_absolute(scalar.text, scalar)) if scalar.is_path else scalar

    def native(self, node: Node) -> Any:
        """A tree as an expression sees it: mappings look their values up when asked."""
        if isinstance(node, MapNode):
            return _LazyMap(node, self)
        if isinstance(node, ListNode):
            return [self.native(item) for item in node.items]
        return self._value(node)

    def _value(self, scalar: Scalar) -> Any:
        if not has_marks(scalar.text) or scalar.style == "made":
            return _absolute(scalar.text, scalar) if scalar.is_path else guess(scalar)
        if id(scalar) not in self._known:
            # The scalar is kept beside its value so that its id stays its own.
            self._known[id(scalar)] = (scalar, self._computed(scalar))
        return self._known[id(scalar)][1]

    def _computed(self, scalar: Scalar) -> Any:
        if id(scalar) in self._active or len(self._active) >= LONGEST_CHAIN:
            raise _Unrenderable(self._circle(scalar.source, id(scalar) in self._active))
        self._active.append(id(scalar))
        try:
            value = self._result(template(scalar.text))
        except ExpressionError as error:
            raise _Unrenderable(self._problem(error, scalar.source)) from error
        finally:
            self._active.pop()
        return _absolute(text_of(value), scalar) if scalar.is_path else value

    def _result(self, wanted: Template) -> Any:
        scope = {name: self._ask(name) for name in sorted(wanted.names) if name in self._names}
        if wanted.lone:
            return evaluate(wanted.lone, scope)
        return "".join(
            part.text if part.kind == "text" else _inline(evaluate(part.text, scope), part.text)
            for part in wanted.parts
        )

    def _ask(self, name: str) -> Any:
        self.used.add(name)
        self._asked.append(name)
        try:
            return self.native(self._names[name])
        finally:
            self._asked.pop()

    def _circle(self, source: Source, closed: bool) -> Problem:
        chain = " -> ".join(self._asked)
        if closed:
            return Problem("circular-variables", source, f"these variables refer to each other in a circle: {chain}")
        return Problem("circular-variables", source, f"more than {LONGEST_CHAIN} variables refer to one another")

    def _problem(self, error: ExpressionError, source: Source) -> Problem:
        name = error.what.split("'")[1] if error.what.endswith("' is undefined") else ""
        if not name:
            return Problem(error.code, source, error.what, error.do)
        known = nearest(name, self._names)
        do = advice(name, [known]) if known else "declare it under `vars:` of the inventory, or give it with -e"
        return Problem(error.code, source, f"`{name}` is not defined", do)


class _LazyMap(Mapping[str, Any]):
    """A mapping of variables whose values are computed when asked for."""

    def __init__(self, node: MapNode, variables: Variables) -> None:
        self._node = node
        self._variables = variables

    def __getitem__(self, key: str) -> Any:
        return self._variables.native(self._node.entries[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._node.entries)

    def __len__(self) -> int:
        return len(self._node.entries)


def _inline(value: Any, source: str) -> str:
    if isinstance(value, Mapping | list | tuple):
        raise ExpressionError(
            "expression-failed", f"`{source.strip()}` is a list or a mapping and can't stand inside a text"
        )
    return text_of(value)


def _absolute(text: str, scalar: Scalar) -> str:
    """A path as it counts from the file that declares it; "" stays ""."""
    return absolute_path(text, scalar.source)


def absolute_path(text: str, source: Source) -> str:
    """A file's name made absolute: relative ones start at the folder of the declaring file."""
    if not text:
        return ""
    return os.path.abspath(Path(source.file).parent / Path(text).expanduser())  # noqa: PTH100  no symlinks resolved
