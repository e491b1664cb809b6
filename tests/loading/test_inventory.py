from __future__ import annotations

from pathlib import Path

import pytest

from statecfg.loading.inventory import read_inventory
from statecfg.loading.problems import Problems
from tests.loading.projects import CHECKS, HOST_VARS, INVARIANTS, KINDS, load, problems, told, written

TREE = """\
all:
  vars: {v: all}
  children:
    europe:
      children:
        test: {hosts: {uat: , dev: }}
    production:
      hosts: {prod: {v: inline}}
    west: {hosts: {uat: }}
"""


def told_of(folder: Path, host: str) -> dict[str, object]:
    """The free variables of one environment."""
    variables = load(folder, limit=host).environment.variables
    return {name: variables[name] for name in ("v", "w") if name in variables}


@pytest.mark.parametrize(
    ("files", "meant"),
    [
        ({}, "hosts.yml all"),
        ({"group_vars/all.yml": "vars: {v: all file}"}, "all file"),
        ({"group_vars/all.yml": "vars: {v: all}", "group_vars/europe.yml": "vars: {v: parent}"}, "parent"),
        ({"group_vars/europe.yml": "vars: {v: parent}", "group_vars/test.yml": "vars: {v: child}"}, "child"),
        ({"group_vars/test/one.yaml": "vars: {v: folder}"}, "folder"),
        ({"group_vars/test.yml": "vars: {v: child}", "host_vars/uat.yml": HOST_VARS + "vars: {v: host}"}, "host"),
    ],
)
def test_the_nearest_place_of_a_variable_counts(tmp_path: Path, files: dict[str, str], meant: str) -> None:
    tree = TREE.replace("vars: {v: all}", "vars: {vars: {v: hosts.yml all}}").replace("{prod: {v: inline}}", "{prod: }")
    written(tmp_path, {"inventory/hosts.yml": tree, **{f"inventory/{name}": text for name, text in files.items()}})
    assert told_of(tmp_path, "uat") == {"v": meant}


def test_a_variable_beside_a_host_counts_before_groups_and_after_its_file(tmp_path: Path) -> None:
    tree = "all: {hosts: {uat: {vars: {v: inline}}}}"
    written(tmp_path, {"inventory/hosts.yml": tree, "inventory/group_vars/all.yml": "vars: {v: all}"})
    assert told_of(tmp_path, "uat") == {"v": "inline"}
    written(tmp_path, {"inventory/hosts.yml": tree, "inventory/host_vars/uat.yml": HOST_VARS + "vars: {v: file}"})
    assert told_of(tmp_path, "uat") == {"v": "file"}


def test_sections_are_put_together_and_values_are_replaced_whole(tmp_path: Path) -> None:
    files = {
        "inventory/group_vars/all.yml": "maps: {milestones: {via: row}}\nlegal_entities: [a, b]\n"
        "control: {count: 1, sum: {USD: '1'}}\nvars: {m: {x: 1}, n: 1}\n",
        "inventory/group_vars/test.yml": "maps: {milestones: {solution: s}, actuals: {via: manual}}\n"
        "legal_entities: [c]\n"
        "control: {sum: {EUR: '2'}}\nvars: {m: {y: 2}}\n",
    }
    environment = load(written(tmp_path, files)).environment
    assert environment.maps.milestones.via == "row"
    assert environment.maps.milestones.solution == "s"
    assert environment.maps.milestones.entity_set == "msdyn_contractlinescheduleofvalues"
    assert environment.maps.actuals.via == "manual"
    assert environment.legal_entities == ("c",)
    assert environment.control.count == 1
    assert list(environment.control.sum) == ["EUR"]
    assert environment.variables["m"] == {"y": 2}
    assert environment.variables["n"] == 1


def test_a_secret_is_replaced_whole(tmp_path: Path) -> None:
    files = {
        "inventory/group_vars/test.yml": "auth: {dataverse: {client_id: app, client_secret: {file: x}}}",
        "inventory/host_vars/uat.yml": HOST_VARS,
    }
    secret = load(written(tmp_path, files)).environment.auth.dataverse.client_secret
    assert secret is not None
    assert (secret.env, secret.file) == ("SECRET", "")


def test_two_groups_that_disagree_are_an_error_naming_both_files(tmp_path: Path) -> None:
    files = {
        "inventory/hosts.yml": TREE.replace("{v: inline}", "").replace("vars: {v: all}", "vars: {}"),
        "inventory/group_vars/test.yml": "vars: {v: one}\nwaits: {map_s: 5}\n",
        "inventory/group_vars/west.yml": "vars: {v: two}\nwaits: {map_s: 5}\n",
    }
    found = problems(written(tmp_path, files), limit="uat")
    assert [problem.code for problem in found] == ["groups-disagree"]
    assert {"test.yml", "west.yml"} == {
        Path(str(found[0].where).split(":")[0]).name,
        Path(found[0].what.split(" in ")[-1].split(":")[0]).name,
    }
    assert "`vars.v`" in found[0].what
    files["inventory/host_vars/uat.yml"] = HOST_VARS + "vars: {v: decided}"
    assert told_of(written(tmp_path, files), "uat") == {"v": "decided"}


def test_a_group_inside_another_does_not_disagree_with_it(tmp_path: Path) -> None:
    files = {
        "inventory/hosts.yml": TREE.replace("{v: inline}", "").replace("vars: {v: all}", "vars: {}"),
        "inventory/group_vars/europe.yml": "vars: {v: one}",
        "inventory/group_vars/test.yml": "vars: {v: two}",
    }
    assert told_of(written(tmp_path, files), "uat") == {"v": "two"}


@pytest.mark.parametrize(
    ("name", "text", "told_as"),
    [
        ("hosts.yml", "all: {hosts: {uat: , uat: }}", "duplicate-key hosts.yml:1:22"),
        ("hosts.yml", "all: {host: {uat: }}", "unknown-key hosts.yml:1:7"),
        ("hosts.yml", "all: {hosts: [uat]}", "wrong-type hosts.yml:1:14"),
        ("hosts.yml", "all: {hosts: {uat: 5}}", "wrong-type hosts.yml:1:20"),
        ("hosts.yml", "", "no-hosts hosts.yml:0:0"),
        ("hosts.yml", "all:", "no-hosts hosts.yml:0:0"),
        ("hosts.yml", "- uat", "no-hosts hosts.yml:0:0"),
        ("hosts.yml", "a: {children: {b: {children: {a: }, hosts: {uat: }}}}", "circular-groups hosts.yml:1:1"),
        ("hosts.yml", "all: {hosts: {uat: {finances: {}}}}", "unknown-key hosts.yml:1:21"),
        ("group_vars/tset.yml", "vars: {}", "unknown-group tset.yml:0:0"),
        ("host_vars/uta.yml", "vars: {}", "unknown-environment uta.yml:0:0"),
        ("group_vars/test.yml", "- a", "wrong-type test.yml:1:1"),
        ("group_vars/test.yml", "vars: 5", "wrong-type test.yml:1:7"),
        ("group_vars/test.yml", "vars: {a-b: 5}", "bad-variable-name test.yml:1:8"),
        ("group_vars/test.yml", "vars: {waits: 5}", "bad-variable-name test.yml:1:8"),
        ("group_vars/test.yml", "leagl_entities: []", "unknown-key test.yml:1:1"),
    ],
)
def test_what_is_wrong_with_an_inventory_is_told(tmp_path: Path, name: str, text: str, told_as: str) -> None:
    found = told(written(tmp_path, {f"inventory/{name}": text}), limit="uat")
    assert any(each.startswith(told_as) for each in found), found


def test_a_misspelt_name_gets_the_nearest_one(tmp_path: Path) -> None:
    files = {"inventory/group_vars/tset.yml": "", "inventory/group_vars/test.yml": "leagl_entities: []"}
    assert [each.do for each in problems(written(tmp_path, files))] == [
        "did you mean `legal_entities`?",
        "did you mean `test`?",
    ]


@pytest.mark.parametrize(
    ("limit", "code", "do"),
    [
        (None, "which-environment", "choose one with --limit: dev, prod, uat"),
        ("uta", "unknown-environment", "did you mean `uat`?"),
        ("nothing", "unknown-environment", "known here: dev, prod, uat"),
        ("test", "which-environment", "choose one of it: uat, dev"),
    ],
)
def test_one_environment_must_be_meant(tmp_path: Path, limit: str | None, code: str, do: str) -> None:
    tree = TREE.replace("{v: inline}", "").replace("vars: {v: all}", "vars: {}")
    found = problems(written(tmp_path, {"inventory/hosts.yml": tree}), limit=limit)
    assert [(problem.code, problem.do) for problem in found] == [(code, do)]


def test_the_only_environment_needs_no_name(tmp_path: Path) -> None:
    assert load(written(tmp_path, {})).environment.name == "uat"


@pytest.mark.parametrize(("name", "words"), [("hosts", "INI form"), ("other.yml", "no hosts.yml"), (None, "no such")])
def test_a_folder_that_is_no_inventory_is_told(tmp_path: Path, name: str | None, words: str) -> None:
    if name:
        (tmp_path / "inventory").mkdir()
        (tmp_path / "inventory" / name).write_text("x")
    found = Problems()
    assert read_inventory(tmp_path / "inventory", found) is None
    assert words in found.found[0].what + found.found[0].do


def test_a_folder_with_one_inventory_stands_for_it(tmp_path: Path) -> None:
    from statecfg.loading.project import load_project

    written(tmp_path, {})
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventory").rename(tmp_path / "inventories" / "only")
    (tmp_path / "sets").mkdir()
    (tmp_path / "states").rename(tmp_path / "sets" / "only")
    project = load_project(
        tmp_path / "inventories",
        tmp_path / "sets",
        limit=None,
        extra={},
        kinds=KINDS,
        checks=CHECKS,
        invariants=INVARIANTS,
    )
    assert project.environment.name == "uat"
    assert project.states.name == "only"
