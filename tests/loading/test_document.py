from __future__ import annotations

import string
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from statecfg.loading.document import LARGEST_FILE, Node, parse_document, plain, read_document
from statecfg.loading.problems import Problems


def parsed(text: str) -> tuple[Node | None, list[str]]:
    problems = Problems()
    node = parse_document(text, "f.yml", problems)
    return node, [f"{problem.code} {problem.where}" for problem in problems.found]


def value(text: str) -> Any:
    node, found = parsed(text)
    assert not found
    assert node is not None
    return plain(node)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0123", "0123"),
        ("1.10", Decimal("1.10")),
        ("1.0.0.8", "1.0.0.8"),
        ("1e3", "1e3"),
        ("0x10", "0x10"),
        ("12", 12),
        ("-7", -7),
        ('"12"', "12"),
        ("'on'", "on"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("~", None),
        ("!!str 12", "12"),
        ("2021-11-01", "2021-11-01"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
    ],
)
def test_a_scalar_is_only_a_number_if_it_prints_as_it_was_written(written: str, meant: object) -> None:
    assert value(f"a: {written}") == {"a": meant}


def test_places_are_those_of_the_file() -> None:
    node, _ = parsed("a:\n  b: 1\n  c:\n    - x\n    - {d: y}\n")
    assert node is not None
    inner = node.entries["a"]  # type: ignore[union-attr]
    assert str(inner.place("c")) == "f.yml:3:3"  # type: ignore[union-attr]
    assert str(inner.entries["c"].items[1].entries["d"].source) == "f.yml:5:11"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key f.yml:3:1"),
        ("a: {{ x }}", "key-not-text f.yml:1:5"),
        ("a: b: c", "yaml-syntax f.yml:1:5"),
        ("a:\n\tb: 1", "yaml-syntax f.yml:2:1"),
        ("a: 1\n---\nb: 2", "several-documents f.yml:2:1"),
        ("a: !!python/object:os.system x", "tag f.yml:1:4"),
        ("a: &x {b: 1}\nc: {<<: *x}", "merge-key f.yml:2:5"),
        ("a: &x [*x]", "unknown-alias f.yml:1:8"),
        ("a: 'x\nb: 1", "yaml-syntax f.yml:2:5"),
        ("a: \x07", "control-character f.yml:1"),
        ('a: "\\0"', "control-character f.yml:1:4"),
        ('a: "\\ud800"', "control-character f.yml:1:4"),
        ("? [a]\n: 1", "key-not-text f.yml:1:3"),
        (": 1", "key-not-text f.yml:1:1"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, told: str) -> None:
    assert parsed(text)[1] == [told]


def test_both_of_a_file_with_two_duplicates_are_told() -> None:
    assert len(parsed("a: 1\na: 2\nb: {c: 1, c: 2}\n")[1]) == 2


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~"])
def test_an_empty_document_is_nothing(text: str) -> None:
    assert parsed(text) == (None, [])


def test_an_alias_is_what_it_names() -> None:
    assert value("a: &x {b: [1]}\nc: *x") == {"a": {"b": [1]}, "c": {"b": [1]}}


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (bomb(), "too-many-values"),
        ("[" * 100_000, "too-deep"),
        ("{a: " * 5_000, "too-deep"),
        ("- " * 5_000 + "x", "too-deep"),
        ("? " * 5_000 + "x", "too-deep"),
        ("&a " * 50 + "x", "yaml-syntax"),
        ("a: &x [b]\nc: " + "[" * 29 + "*x" + "]" * 29, "too-deep"),
        ("\n".join(f"- {n}" for n in range(30_000)), "too-many-values"),
    ],
)
def test_a_document_made_to_hurt_is_refused_soon(text: str, code: str) -> None:
    began = time.monotonic()
    found = parsed(text)[1]
    assert [each.split()[0] for each in found] == [code]
    assert time.monotonic() - began < 10


def test_a_file_that_is_no_text_or_too_large_is_told(tmp_path: Any) -> None:
    for name, content, code in (
        ("latin.yml", "a: 1\nb: Müller".encode("latin-1"), "not-utf8"),
        ("large.yml", b"a" * (LARGEST_FILE + 1), "file-too-large"),
        ("nul.yml", b"a: \0", "control-character"),
    ):
        (tmp_path / name).write_bytes(content)
        problems = Problems()
        assert read_document(tmp_path / name, problems) is None
        assert [problem.code for problem in problems.found] == [code]
    problems = Problems()
    assert read_document(tmp_path / "absent.yml", problems) is None
    assert [problem.code for problem in problems.found] == ["unreadable-file"]
    assert "No such file" in problems.found[0].what


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Any) -> None:
    (tmp_path / "bom.yml").write_bytes("\ufeffa: 1".encode())
    node = read_document(tmp_path / "bom.yml", Problems())
    assert node is not None
    assert plain(node) == {"a": 1}


texts = st.text(string.ascii_letters + string.digits + " .:-#{}[]&*!|>'\"%@`äß€", max_size=12)
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12
)


@settings(deadline=None)
@given(st.dictionaries(texts.filter(lambda key: key != "<<"), values, min_size=1, max_size=4))
def test_text_that_another_writer_wrote_comes_back(data: dict[str, Any]) -> None:
    stream = StringIO()
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_style = '"'
    writer.dump(data, stream)
    assert value(stream.getvalue()) == data


@settings(deadline=None)
@given(st.text(alphabet="{}[]:-?&*!|>'\"%@,#ab1 \n\t", max_size=60))
def test_any_text_gives_a_tree_or_a_place(text: str) -> None:
    node, found = parsed(text)
    assert node is None or isinstance(plain(node), dict | list | str | int | bool | Decimal)
    assert all(each.split()[1].startswith("f.yml") for each in found)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_give_a_tree_or_a_place(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "any.yml"
    path.write_bytes(content)
    problems = Problems()
    node = read_document(path, problems)
    assert node is None or plain(node) is not None
    assert all(problem.where.file for problem in problems.found)
