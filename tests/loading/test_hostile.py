"""Projects made to hurt: whatever stands in the files, the answer is problems with places, soon, in little memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.loading.projects import HOST_VARS, problems, written

TOKENS = st.sampled_from(
    [
        "phase", "next", "vars", "requires", "holds", "resources", "switch", "rows", "from", "while", "after", "of",
        "all", "hosts", "children", "class", "auth", "dataverse", "maps", "{{ a }}", "{{", "}}", "{%", ": ", "- ", "\n",
        "\n  ", "\n    ", "[", "]", "{", "}", ",", "'", '"', "|", ">", "&a ", "*a", "!!str ", "~", "0123", "1.10",
        "é", "#",        "on", "a", "uat", "m.csv", "\t", "..", "/", "\\", "%", "same_as", "{}", "[]",
    ]
)  # fmt: skip
FILES = st.sampled_from(["inventory/hosts.yml", "inventory/host_vars/uat.yml", "states/cutover.yml", "states/m.csv"])


@settings(deadline=None)
@given(FILES, st.lists(TOKENS, max_size=40).map("".join), st.booleans())
def test_any_file_is_a_project_or_problems_with_places(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: str, keep: bool
) -> None:
    base = {
        "inventory/hosts.yml": "all: {hosts: {uat: }}\n",
        "inventory/host_vars/uat.yml": HOST_VARS,
        "states/cutover.yml": "phase: cutover\nresources:\n  - {rows: a, from: m.csv}\n",
        "states/m.csv": "contract,name,amount\nC,n,1\n",
    }
    base[name] = base[name] + text if keep else text
    folder = written(tmp_path_factory.mktemp("any"), dict(base))
    # Anything that isn't a DeclarationError comes through and fails the test.
    assert all(problem.what and problem.where.file for problem in problems(folder))


HEAVY = {
    "aliases": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)),
    "depth": "vars: " + "[" * 50_000,
    "keys": "vars:\n" + "".join(f"  k{n}: {n}\n" for n in range(30_000)),
    "doubling": HOST_VARS
    + "vars:\n  v0: xxxxxxxxxxxxxxxx\n"
    + "".join(f"  v{n}: '{{{{ v{n - 1} ~ v{n - 1} }}}}'\n" for n in range(1, 25)),
    "doubling mappings": HOST_VARS
    + "vars:\n  v0: {a: x}\n"
    + "".join(f'  v{n}: \'{{{{ {{"a": v{n - 1}, "b": v{n - 1}}} }}}}\'\n' for n in range(1, 25)),
    "growing": HOST_VARS + "vars: {a: \"{{ 'x' * 10 ** 8 }}\", b: \"{{ 'x' * 1000000000 }}\"}\n",
    "circle": HOST_VARS + "vars: {a: '{{ b }}', b: '{{ c }}', c: '{{ a }}'}\n",
    "long line": HOST_VARS + "vars: {a: '" + "x" * 900_000 + "'}\n",
    "long template": HOST_VARS + "vars: {a: '{{ " + "a + " * 100_000 + "a }}'}\n",
    "many problems": HOST_VARS + "".join(f"unknown{n}: 1\n" for n in range(3_000)),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_file_costs_little(tmp_path: Path, name: str) -> None:
    written(tmp_path, {"inventory/host_vars/uat.yml": HEAVY[name]})
    tracemalloc.start()
    began = time.monotonic()
    found = problems(tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bool(found) is (name != "long line")
    assert time.monotonic() - began < 30
    assert most < 150_000_000
