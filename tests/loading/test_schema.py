from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from statecfg.loading.document import plain, read_document
from statecfg.loading.problems import Problems
from statecfg.loading.schema import HOSTS_FILE, STATE_FILE, VARIABLE_FILE, schemas
from tests.loading.projects import CHECKS, HOST_VARS, INVARIANTS, KINDS, written

ALL = schemas(kinds=KINDS, checks=CHECKS, invariants=INVARIANTS)
ROOT = Path(__file__).parents[2]

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def fits(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> bool:
    """Whether a value is valid, by as much of JSON Schema as ours use."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fits(target, value, root)
    if "anyOf" in schema and not any(fits(each, value, root) for each in schema["anyOf"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return False
    return has_type(schema, value) and parts_fit(schema, value, root)


def has_type(schema: Mapping[str, Any], value: Any) -> bool:
    names = schema.get("type", [])
    for name in [names] if isinstance(names, str) else names:
        if name == "number":
            if not isinstance(value, bool | str | dict | list | None):
                return True
        elif isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool)):
            return True
    return not names


def parts_fit(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> bool:
    if isinstance(value, list):
        return all(fits(schema.get("items", {}), each, root) for each in value)
    if not isinstance(value, dict):
        return True
    if not set(schema.get("required", [])) <= set(value):
        return False
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, each in value.items():
        if key in known:
            if not fits(known[key], each, root):
                return False
        elif others is False or (isinstance(others, dict) and not fits(others, each, root)):
            return False
    return True


def valid(folder: Path, name: str, text: str) -> bool:
    path = written(folder, {"f.yml": text}) / "f.yml"
    node = read_document(path, Problems())
    return fits(ALL[name], plain(node) if node else None, ALL[name])


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("phase: a", True),
        ("phase: a\nresources: [{switch: a, on: true, level: 5}]", True),
        ("phase: a\nresources: [{switch: a, on: '{{ x }}', level: '{{ y }}'}]", True),
        ("phase: a\nresources: [{switch: a, version: original, while: [{switch: b, running: stopped}]}]", True),
        (
            "phase: a\nresources: [{rows: a, from: x.csv, columns: {contract: C, tax: {from: A, decimal: ','}}}]",
            True,
        ),
        ("phase: a\nresources: [{rows: a, from: x.csv, expect: {count: '{{ c }}', sum: '{{ s }}'}}]", True),
        ("phase: a\nrequires: [nothing, {nothing: {}}, {mode: 'on'}, {mode: {of: x}}]", True),
        ("phase: a\nholds: {same_as: b}", True),
        ("resources: []", False),
        ("phase: a\nphaze: b", False),
        ("phase: a\nresources: [{switch: a, onn: true}]", False),
        ("phase: a\nresources: [{switch: a, on: maybe}]", False),
        ("phase: a\nresources: [{switch: a, level: 1.5}]", False),
        ("phase: a\nresources: [{switch: a, while: [{switch: b, running: walking}]}]", False),
        ("phase: a\nresources: [{rows: a}]", False),
        ("phase: a\nresources: [{rows: a, from: x, expect: {sum: {USD: 1.50}}}]", False),
        ("phase: a\nrequires: [{mod: 'on'}]", False),
        ("phase: a\nrequires: [{mode: maybe}]", False),
    ],
)
def test_an_editor_judges_a_state_file_as_validate_does(tmp_path: Path, text: str, ok: bool) -> None:
    assert valid(tmp_path, STATE_FILE, text) is ok


@pytest.mark.parametrize(
    ("name", "text", "ok"),
    [
        (VARIABLE_FILE, HOST_VARS, True),
        (VARIABLE_FILE, "waits: {map_s: 5.5}\nvars: {a: [1]}\nlegal_entities: ['{{ a }}']", True),
        (VARIABLE_FILE, "maps: {milestones: {via: row}}", True),
        (VARIABLE_FILE, "clas: test", False),
        (VARIABLE_FILE, "maps: {milestones: {via: magic}}", False),
        (VARIABLE_FILE, "auth: {dataverse: {client_secret: clear}}", False),
        (HOSTS_FILE, "all: {children: {a: {hosts: {b: , c: {class: test}}, vars: {waits: {map_s: 5}}}}}", True),
        (HOSTS_FILE, "all: {hosts: [b]}", False),
        (HOSTS_FILE, "all: {host: {b: }}", False),
    ],
)
def test_an_editor_judges_an_inventory_as_validate_does(tmp_path: Path, name: str, text: str, ok: bool) -> None:
    assert valid(tmp_path, name, text) is ok


def test_schemas_are_json_and_say_which_dialect_they_are() -> None:
    for name, schema in ALL.items():
        assert name.endswith(".schema.json")
        assert json.loads(json.dumps(schema)) == schema
        assert schema["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("path", sorted(ROOT.glob("inventories/*/*_vars/*.yml")), ids=str)
def test_the_shipped_variable_files_fit(path: Path) -> None:
    node = read_document(path, Problems())
    assert node is not None
    assert fits(ALL[VARIABLE_FILE], plain(node), ALL[VARIABLE_FILE])
