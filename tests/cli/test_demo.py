"""The demo's last word: books that moved by a cent, or none at all, end it."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BOOKS: dict[str, Any] = {
    "usmf": {
        "ar": {"count": 2, "amount": "922337203685476.99", "open_count": 1, "open_amount": "0", "entries": [{}]},
        "gl": {"count": 4, "debit": "100.5", "credit": "-100.5", "entries": [{"voucher": "V1", "amount": "1"}]},
    }
}


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", Path(__file__).parents[2] / "demo" / "demo.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module
    spec.loader.exec_module(module)
    return module


def test_books_that_did_not_move_are_shown_to_the_last_digit(
    demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.compare(BOOKS, copy.deepcopy(BOOKS))
    shown = capsys.readouterr().out
    assert "922,337,203,685,476.99" in shown
    assert "-100.50" in shown
    assert "Not one of 6 entries was added, changed or removed." in shown


@pytest.mark.parametrize(("book", "figure"), [("ar", "amount"), ("gl", "entries"), ("gl", "count")])
def test_anything_that_moved_ends_the_demo(demo: ModuleType, book: str, figure: str) -> None:
    moved = copy.deepcopy(BOOKS)
    moved["usmf"][book][figure] = "1"
    with pytest.raises(demo.Failed, match="usmf"):
        demo.compare(BOOKS, moved)


def test_a_sandbox_without_books_proves_nothing(demo: ModuleType) -> None:
    empty = copy.deepcopy(BOOKS)
    empty["usmf"]["ar"]["count"] = empty["usmf"]["gl"]["count"] = 0
    with pytest.raises(demo.Failed, match="nothing was proved"):
        demo.compare(empty, copy.deepcopy(empty))
