"""JSON Schema of state files and inventories, for editors: the same declarations that validation is built from.

A schema can only be as strict as an editor should be: an expression may stand for any value, and a variable file need
not be complete, because others may complete it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from statecfg.loading.environments import FREE, SETTINGS
from statecfg.loading.shapes import EXPRESSION, key_of, shape_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STATE_FILE, HOSTS_FILE, VARIABLE_FILE = "state.schema.json", "hosts.schema.json", "variables.schema.json"

Schema = dict[str, Any]


def schemas(*, kinds: Mapping[str, Any], checks: Mapping[str, Any], invariants: Mapping[str, Any]) -> dict[str, Schema]:
    """File name -> JSON Schema: of state files, of hosts.yml, and of group_vars and host_vars."""
    return {
        STATE_FILE: state_schema(kinds, checks, invariants),
        HOSTS_FILE: hosts_schema(),
        VARIABLE_FILE: variables_schema(),
    }


def state_schema(kinds: Mapping[str, Any], checks: Mapping[str, Any], invariants: Mapping[str, Any]) -> Schema:
    """A state file. name -> class with its `Spec`, and for kinds their `Wants`."""
    return {
        "$schema": DIALECT,
        "title": "statecfg state file",
        "type": "object",
        "additionalProperties": False,
        "required": ["phase"],
        "properties": {
            "phase": _text("The name of the phase."),
            "next": _text("The phase that follows."),
            "description": _text("What the phase is for."),
            "vars": {"type": "object", "description": "Variables of this file; they count before the inventory's."},
            "requires": {**_list(_requirements(checks)), "description": "Preconditions: they block."},
            "holds": {
                "description": "Invariants: nothing new since the window's baseline.",
                "anyOf": [_list(_requirements(invariants)), _object({"same_as": _text("A phase.")}, ["same_as"])],
            },
            "resources": {
                **_list({"anyOf": [_resource(name, kinds) for name in kinds]}),
                "description": "What must end how.",
            },
        },
    }


def hosts_schema() -> Schema:
    """An inventory's hosts.yml."""
    empty = {"type": "null"}
    return {
        "$schema": DIALECT,
        "title": "statecfg inventory: hosts.yml",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": {
            "group": {
                "anyOf": [
                    empty,
                    _object(
                        {
                            "hosts": {
                                "anyOf": [
                                    empty,
                                    {"type": "object", "additionalProperties": {"anyOf": [empty, _variables()]}},
                                ]
                            },
                            "children": {
                                "anyOf": [empty, {"type": "object", "additionalProperties": {"$ref": "#/$defs/group"}}]
                            },
                            "vars": {"anyOf": [empty, _variables()]},
                        }
                    ),
                ]
            }
        },
    }


def variables_schema() -> Schema:
    """A file of group_vars or host_vars."""
    return {"$schema": DIALECT, "title": "statecfg inventory: variables", **_variables()}


def _variables() -> Schema:
    whole = _without_required(inlined(SETTINGS.schema()))
    whole["properties"][FREE] = {"type": "object", "description": "The project's own variables, for expressions."}
    return whole


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _requirements(known: Mapping[str, Any]) -> Schema:
    """One line of `requires` or `holds`: a name alone, or with what it wants."""
    whole = [_object({name: _wanted(declared.Spec)}, [name]) for name, declared in known.items()]
    return {"anyOf": [{"enum": list(known)}, *whole]}


def _wanted(spec: type) -> Schema:
    """What a check wants: its mapping, or the value of its first field alone."""
    whole = inlined(shape_of(spec).schema())
    fields = dataclasses.fields(spec)
    if not fields:
        return {"anyOf": [whole, {"type": "null"}]}
    return {**_described(spec), "anyOf": [whole, whole["properties"][key_of(fields[0].name)]]}


def _described(declared: type) -> Schema:
    return {"description": " ".join((declared.__doc__ or "").split("\n\n")[0].split())}


def _resource(name: str, kinds: Mapping[str, Any]) -> Schema:
    whole = inlined(shape_of(kinds[name].Spec).schema())
    whole["properties"] = {
        name: _text("The resource's name; its address is KIND/NAME."),
        "while": {**_list({"anyOf": _clauses(kinds)}), "description": "What must hold while its records are written."},
        "after": {**_list(_text("An address, KIND/NAME.")), "description": "Resources whose maps come first."},
        **whole["properties"],
    }
    whole["required"] = [name, *whole.get("required", [])]
    return whole


def _clauses(kinds: Mapping[str, Any]) -> list[Schema]:
    found = []
    for name, kind in kinds.items():
        if getattr(kind, "Wants", None) is not None:
            clause = inlined(shape_of(kind.Wants).schema())
            clause["properties"] = {name: _text("The resource's name."), **clause["properties"]}
            found.append({**clause, "required": [name, *clause.get("required", [])]})
    return found or [dict(EXPRESSION)]


def inlined(schema: Schema) -> Schema:
    """A schema with its definitions in the places that refer to them, so that several can stand in one file."""
    definitions = schema.get("$defs", {})

    def resolved(part: Schema) -> Schema:
        if "$ref" in part:
            rest = {key: value for key, value in part.items() if key != "$ref"}
            return {**_mapped(definitions[part["$ref"].removeprefix("#/$defs/")], resolved), **rest}
        return {key: value for key, value in _mapped(part, resolved).items() if key not in ("$defs", "title")}

    return resolved(schema)


def _without_required(schema: Schema) -> Schema:
    """A schema that takes any part of what it describes."""
    return {key: value for key, value in _mapped(schema, _without_required).items() if key != "required"}


def _mapped(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A schema with each of its inner schemas changed; properties keep their names, whatever those are."""
    done = dict(schema)
    for key in ("properties", "$defs"):
        if key in done:
            done[key] = {name: change(inner) for name, inner in done[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(done.get(key), dict):
            done[key] = change(done[key])
    for key in ("anyOf", "oneOf"):
        if key in done:
            done[key] = [change(inner) for inner in done[key]]
    return done
