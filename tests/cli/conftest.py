"""Every command line runs in a directory of its own, with one inventory and one set of state files."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "inventories" / "contoso").mkdir(parents=True)
    states = tmp_path / "states" / "milestone-cutover"
    states.mkdir(parents=True)
    (states / "cutover.yml").write_text("phase: cutover\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path
