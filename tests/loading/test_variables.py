from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from statecfg.loading.document import MapNode, Node, node_of, parse_document, plain
from statecfg.loading.problems import Problems
from statecfg.loading.rendering import Variables
from statecfg.model.address import Source
from tests.loading.projects import HOST_VARS, load, problems, told, written


def tree(values: Any) -> dict[str, Node]:
    """Variables as if they had been written in a file."""
    problems = Problems()
    # JSON is YAML too.
    node = parse_document(json.dumps(values), "vars.yml", problems)
    assert isinstance(node, MapNode), problems.found
    return dict(node.entries)


def rendered(values: Any) -> tuple[Any, list[str]]:
    problems = Problems()
    names = tree(values)
    variables = Variables(names)
    done = variables.rendered(MapNode(names, Source("vars.yml")), problems)
    return plain(done), [f"{each.code}: {each.what}" for each in problems.found]


def test_variables_refer_to_each_other_in_any_order() -> None:
    values, wrong = rendered({"a": "{{ b }}-{{ c.d }}", "b": "{{ c.e }}", "c": {"d": "x", "e": "{{ c.d }}y"}})
    assert not wrong
    assert values == {"a": "xy-x", "b": "xy", "c": {"d": "x", "e": "xy"}}


def test_a_lone_expression_gives_a_mapping_a_list_or_a_number() -> None:
    values, wrong = rendered({"a": "{{ b }}", "b": {"c": [1, "{{ d }}"]}, "d": "{{ 2 + 3 }}"})
    assert not wrong
    assert values["a"] == {"c": [1, 5]}


@pytest.mark.parametrize(
    ("values", "chain"),
    [
        ({"a": "{{ a }}"}, "a"),
        ({"a": "{{ b }}", "b": "x{{ c }}", "c": "{{ a }}"}, "b -> c -> a"),
        ({"a": {"b": "{{ a.c }}", "c": "{{ a.b }}"}}, "a"),
    ],
)
def test_a_circle_is_named_and_does_not_hang(values: Any, chain: str) -> None:
    _, wrong = rendered(values)
    assert wrong
    assert all("circular-variables" in each for each in wrong)
    assert any(chain in each for each in wrong)


def test_a_long_chain_is_refused_and_a_doubling_one_stays_small() -> None:
    _, wrong = rendered({f"v{n}": f"{{{{ v{n + 1} }}}}" for n in range(200)} | {"v200": "x"})
    assert any("more than 25 variables" in each for each in wrong)
    doubling = {f"v{n}": f"{{{{ v{n - 1} ~ v{n - 1} }}}}" for n in range(1, 24)} | {"v0": "xxxxxxxx"}
    _, wrong = rendered(doubling)
    assert any("too large" in each for each in wrong)
    nested = {f"v{n}": f"{{{{ [v{n - 1}, v{n - 1}] }}}}" for n in range(1, 24)} | {"v0": "x"}
    _, wrong = rendered(nested)
    assert any("too large" in each for each in wrong)


def test_a_list_or_mapping_cannot_stand_inside_a_text() -> None:
    _, wrong = rendered({"a": "x{{ b }}", "b": [1]})
    assert "can't stand inside a text" in wrong[0]


def test_each_problem_is_told_once_at_its_own_place(tmp_path: Path) -> None:
    files = {"inventory/host_vars/uat.yml": HOST_VARS + 'vars:\n  a: "{{ unknwon }}"\n  b: "{{ a }}"\n  unknown: 1\n'}
    assert told(written(tmp_path, files)) == ["undefined-variable uat.yml:9:6"]
    assert problems(tmp_path)[0].do == "did you mean `unknown`?"


def test_rendered_data_cannot_become_structure(tmp_path: Path) -> None:
    files = {
        "inventory/host_vars/uat.yml": HOST_VARS + 'vars: {evil: "x\\n  on: true\\n- {a: b}"}\n',
        "states/cutover.yml": 'phase: cutover\nresources:\n  - switch: a\n    label: "{{ evil }}"\n',
    }
    desired = load(written(tmp_path, files)).states.phases["cutover"].resources[0]
    assert desired.spec.label == "x\n  on: true\n- {a: b}"
    assert desired.spec.on is False


def test_every_setting_and_default_is_a_name_in_expressions(tmp_path: Path) -> None:
    files = {
        "inventory/host_vars/uat.yml": HOST_VARS + "cutover_version: 1.10\ncontrol: {sum: {USD: '12.50'}}\n",
        "states/cutover.yml": "phase: cutover\ndescription: >-\n"
        "  {{ environment }} {{ class }} {{ cutover_version }} {{ maps.invoices.entity_set }} {{ control.sum.USD }}"
        " {{ waits.map_s }} {{ milestone_file == '' }}\n",
    }
    phase = load(written(tmp_path, files)).states.phases["cutover"]
    assert phase.description == "uat test 1.10 invoices 12.50 900.0 true"


def test_variables_of_a_state_file_count_before_the_inventory_and_after_the_command_line(tmp_path: Path) -> None:
    files = {
        "inventory/host_vars/uat.yml": HOST_VARS + "cutover_version: 1.0\nvars: {a: host, b: host, c: host}\n",
        "states/cutover.yml": "phase: cutover\nvars: {b: state, c: state, cutover_version: '2.0'}\n"
        'description: "{{ a }} {{ b }} {{ c }} {{ cutover_version }}"\n',
        "states/other.yml": 'phase: other\ndescription: "{{ b }}"\n',
    }
    project = load(written(tmp_path, files), extra={"c": "extra"})
    assert project.states.phases["cutover"].description == "host state extra 2.0"
    assert project.states.phases["other"].description == "host"
    assert project.environment.cutover_version == "1.0"


def test_the_command_line_can_set_a_part_of_a_setting(tmp_path: Path) -> None:
    project = load(
        written(tmp_path, {}), extra={"control.count": "5", "control.sum.USD": "1.50", "maps.actuals.via": "row"}
    )
    assert project.environment.control.count == 5
    assert project.environment.control.sum == {"USD": Decimal("1.50")}
    assert project.environment.maps.actuals.via == "row"
    assert project.environment.maps.actuals.entity_set == "msdyn_actuals"


def test_a_variable_of_the_command_line_that_nothing_uses_is_an_error(tmp_path: Path) -> None:
    assert told(written(tmp_path, {}), extra={"cutover_verison": "1"}) == ["unused-extra -e cutover_verison:0:0"]


def test_paths_start_at_the_file_that_declares_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "inventory/host_vars/uat.yml": HOST_VARS + 'milestone_file: "../../{{ folder }}/m.csv"\n',
        "inventory/group_vars/test.yml": "vars: {folder: data}\nca_file: ca.pem\n",
        "states/cutover.yml": "phase: cutover\nresources:\n  - {rows: a, from: '{{ milestone_file }}'}\n"
        "  - {rows: b, from: ../data/m.csv}\n",
        "data/m.csv": "contract,name,amount\nC,n,1\n",
        "inventory/group_vars/ca.pem": "",
    }
    written(tmp_path, files)
    monkeypatch.chdir(tmp_path / "states")
    for folder in (tmp_path, Path(os.path.relpath(tmp_path))):
        project = load(folder)
        assert project.environment.milestone_file == str(tmp_path / "data/m.csv")
        assert project.environment.ca_file == str(tmp_path / "inventory/group_vars/ca.pem")
        first, second = project.states.phases["cutover"].resources
        assert first.records is not None
        assert second.records is not None
        assert first.records.path == second.records.path == str(tmp_path / "data/m.csv")
    project = load(tmp_path, extra={"milestone_file": "../data/m.csv"})
    assert project.environment.milestone_file == str(tmp_path / "data/m.csv")


def test_what_an_expression_made_has_the_place_of_the_expression() -> None:
    source = Source("f.yml", 3, 4)
    made = node_of({"a": [1]}, source)
    assert isinstance(made, MapNode)
    assert made.entries["a"].source == source
