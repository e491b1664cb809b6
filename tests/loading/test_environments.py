from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from statecfg.model.errors import Problem
from tests.loading.projects import HOST_VARS, load, problems, told, written

SECRET = "hunter2-the-canary"


def with_auth(folder: Path, auth: str) -> Path:
    head = HOST_VARS.partition("auth:")[0]
    return written(folder, {"inventory/host_vars/uat.yml": f"{head}auth:\n{auth}"})


@pytest.mark.parametrize(
    "auth",
    [
        f"  dataverse: {{client_id: a, client_secret: {SECRET}}}\n",
        f"  dataverse: {{client_id: a, client_secret: '{SECRET}'}}\n",
        f"  dataverse: {{client_id: a, certificate: {SECRET}}}\n",
        f"  dataverse: {{client_id: a, certificate: {{file: x}}, certificate_password: {SECRET}}}\n",
        f"  dataverse: {{client_id: a, device_code: true}}\n  dualwrite: {{client_id: b, refresh_token: {SECRET}}}\n",
        f"  dataverse: {{client_id: a, client_secret: '{{{{ pass }}}}'}}\nvars: {{pass: '{SECRET}'}}\n",
        f"  dataverse: {{client_id: a, client_secret: {{env: X}}}}\nvars: {{client_secret: {SECRET}}}\n",
        f"  dataverse: {{client_id: a, client_secret: {{env: X}}}}\nvars: {{deep: [{{db_password: {SECRET}}}]}}\n",
    ],
)
def test_a_secret_in_the_clear_is_an_error_that_does_not_repeat_it(tmp_path: Path, auth: str) -> None:
    found = problems(with_auth(tmp_path, auth))
    assert "secret-in-the-clear" in [problem.code for problem in found]
    assert SECRET not in json.dumps([asdict(problem) for problem in found])


def test_a_secret_of_a_state_file_or_of_the_command_line_is_refused_too(tmp_path: Path) -> None:
    files = {"states/cutover.yml": f"phase: cutover\nvars: {{api_key: {SECRET}}}\n"}
    assert told(written(tmp_path, files)) == ["secret-in-the-clear cutover.yml:2:17"]
    found = problems(written(tmp_path, {}), extra={"auth.dataverse.client_secret": SECRET})
    assert [problem.code for problem in found] == ["secret-in-the-clear"]
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("auth", "what"),
    [
        ("dataverse: {client_id: a}", "`auth.dataverse` has no way to sign in"),
        ("dataverse: {client_id: a, device_code: false}", "`auth.dataverse` has no way to sign in"),
        ("dataverse: {client_id: a, client_secret: {env: X}, device_code: true}", "client_secret and device_code"),
        ("dataverse: {client_id: a, client_secret: {}}", "needs either env or file"),
        ("dataverse: {client_id: a, client_secret: {env: X, file: y}}", "needs either env or file"),
        ("dataverse: {client_id: a, client_secret: {env: not a name}}", "the name of an environment variable"),
        ("dataverse: {client_id: a, device_code: true, certificate_password: {env: X}}", "but no certificate"),
        (
            "dataverse: {client_id: a, device_code: true}\n  dualwrite: {client_id: b, client_secret: {env: X}}",
            "only users",
        ),
        ("dataverse: {client_id: a, client_secret: {key_vault: X}}", "`key_vault` isn't known"),
        ("finance: {client_id: a, device_code: true}", "`dataverse` is missing in `auth`"),
    ],
)
def test_each_service_has_exactly_one_way_to_sign_in(tmp_path: Path, auth: str, what: str) -> None:
    found = problems(with_auth(tmp_path, f"  {auth}\n"))
    assert any(what in problem.what for problem in found), found


@pytest.mark.parametrize(
    "way", ["client_secret: {env: X}", "certificate: {file: x.pem}", "refresh_token: {file: x}", "device_code: true"]
)
def test_every_way_to_sign_in_can_be_declared(tmp_path: Path, way: str) -> None:
    assert (
        load(with_auth(tmp_path, f"  dataverse: {{client_id: a, {way}}}\n")).environment.auth.dataverse.client_id == "a"
    )


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_a_secret_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    with_auth(tmp_path, "  dataverse: {client_id: a, client_secret: {file: ../secret}}\n")
    path = tmp_path / "inventory/secret"
    path.write_text(SECRET)
    path.chmod(0o644)
    assert [warning.code for warning in load(tmp_path).warnings] == ["open-secret-file"]
    path.chmod(0o600)
    assert load(tmp_path).warnings == ()
    path.unlink()
    assert [warning.code for warning in load(tmp_path).warnings] == ["no-secret-file"]


@pytest.mark.parametrize(
    ("line", "ok"),
    [
        ("finance: https://finance.example/", True),
        ("finance: https://localhost:18442", True),
        ("finance: http://finance.example", False),
        ("finance: finance.example", False),
        ("finance: https://finance.example?x=1", False),
        ("finance: https://user:pass@finance.example", False),
        ("finance: file:///etc/passwd", False),
    ],
)
def test_addresses_are_https_and_end_without_a_slash(tmp_path: Path, line: str, ok: bool) -> None:
    text = HOST_VARS.replace("finance: https://finance.example", line)
    found = problems(written(tmp_path, {"inventory/host_vars/uat.yml": text}))
    assert [problem.code for problem in found] == ([] if ok else ["bad-address"])
    if ok:
        assert not load(tmp_path).environment.finance.endswith("/")


def test_what_is_missing_is_told_once_with_the_environment(tmp_path: Path) -> None:
    found = problems(written(tmp_path, {"inventory/host_vars/uat.yml": "class: test\n"}))
    assert sorted(problem.what for problem in found) == [
        f"`{key}` is missing in the variables of uat" for key in ("auth", "dataverse", "dualwrite", "finance", "tenant")
    ]


def test_unknown_keys_are_errors_at_every_level(tmp_path: Path) -> None:
    original = "{publisher: P, number: '1', runing: stopped}"
    text = f"{HOST_VARS}maps:\n  milestones:\n    original: {original}\nwaits: {{map: 5}}\nclas: prod\n"
    found = problems(written(tmp_path, {"inventory/host_vars/uat.yml": text}))
    assert [(problem.code, problem.where.line) for problem in found] == [
        ("unknown-key", 10),
        ("unknown-key", 11),
        ("unknown-key", 12),
    ]
    assert [problem.do for problem in found] == [
        "did you mean `running`?",
        "did you mean `map_s`?",
        "did you mean `class`?",
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("class: production", "unknown-value"),
        ("control: {count: many}", "wrong-type"),
        ("control: {sum: {USD: 9412350.00}}", "unquoted-money"),
        ("legal_entities: usmf", "wrong-type"),
        ("maintenance: {background_operations: true}", "unknown-value"),
        ("maps: [milestones]", "wrong-type"),
        ("waits: ", "empty-value"),
        ("waits: {map_s: soon}", "wrong-type"),
        ("name: other", "unknown-key"),
        ("variables: {}", "unknown-key"),
        ("environment_class: prod", "unknown-key"),
    ],
)
def test_settings_are_of_their_declared_type(tmp_path: Path, line: str, code: str) -> None:
    text = HOST_VARS.replace("class: test\n", "") if line.startswith("class") else HOST_VARS
    found = problems(written(tmp_path, {"inventory/host_vars/uat.yml": f"{text}{line}\n"}))
    assert [problem.code for problem in found] == [code]


def test_yaml_1_2_reads_on_as_a_word(tmp_path: Path) -> None:
    text = HOST_VARS + "maintenance: {background_operations: on}\n"
    environment = load(written(tmp_path, {"inventory/host_vars/uat.yml": text})).environment
    assert environment.maintenance.background_operations == "on"


def test_digests_name_every_input_and_no_folder_of_this_machine(tmp_path: Path) -> None:
    files = {
        "states/cutover.yml": "phase: cutover\nresources: [{rows: a, from: m.csv}]\n",
        "states/m.csv": "contract,name,amount\nC,n,1\n",
    }
    project = load(written(tmp_path, files), extra={"cutover_version": "5"})
    assert sorted(project.digests) == [
        "inventory/host_vars/uat.yml",
        "inventory/hosts.yml",
        "options -e",
        "records/cutover/rows/a",
        "states/cutover.yml",
    ]
    assert all(len(digest) == 64 for digest in project.digests.values())
    before = dict(project.digests)
    (tmp_path / "states/m.csv").write_text("contract,name,amount\nC,n,2\n")
    after = load(tmp_path, extra={"cutover_version": "5"}).digests
    assert [name for name in before if before[name] != after[name]] == ["records/cutover/rows/a"]


def codes(found: list[Problem]) -> list[Any]:
    return [problem.code for problem in found]


def test_an_invariably_broken_project_tells_everything_at_once(tmp_path: Path) -> None:
    files = {
        "inventory/host_vars/uat.yml": HOST_VARS + "clas: x\ncontrol: {count: x}\n",
        "states/cutover.yml": "phase: cutover\nrequires: [{mod: on}]\nresources:\n"
        "  - {rows: a, from: m.csv, kye: [contract]}\n"
        "  - {rows: b, from: m.csv}\n  - {switch: c, level: '{{ nothing }}', after: [switch/d]}\n",
        "states/other.yml": "phase: other\nnext: nowhere\n",
        "states/m.csv": "contract,name,amount\n,n,1\nC,n,x\n",
    }
    assert set(codes(problems(written(tmp_path, files)))) == {
        "wrong-type",
        "unknown-key",
        "unknown-check",
        "undefined-variable",
        "unknown-reference",
        "empty-cell",
        "not-a-number",
    }
