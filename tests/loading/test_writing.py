"""Rows that are written back as a csv are read again as they were, by the same declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from statecfg.model.columns import Column
from tests.loading.tables import csv, rows, source

COLUMNS = {
    "contract": "Vertrag",
    "name": "Meilenstein",
    "amount": Column("Betrag", decimal=",", thousands="."),
    "date": Column("Tag", format="%d.%m.%Y"),
    "invoiced": Column("Status", is_=("fakturiert", "bezahlt"), not_=("offen",)),
}
GERMAN = """\
Tag;Unbenutzt;Vertrag;Meilenstein;Betrag;Status

03.02.2024;x;V-1;"Über;gabe";1.000,10;Bezahlt
04.02.2024;x;V-1;'-5 % Rabatt;-922.337.203.685.476,99;offen
05.02.2024;x;V-1;"zwei ""Worte"" hier";0,1;fakturiert
"""
PLAIN = "contract,name,amount,tax,date,invoiced\nC-1,Kick-off,1000.10,,2024-02-03,\nC-1,@Home,5,1.00,,no\n"


@pytest.mark.parametrize(
    ("text", "encoding", "spec"),
    [
        (PLAIN, "utf-8", {}),
        (GERMAN, "utf-8-sig", {"columns": COLUMNS}),
        (GERMAN, "cp1252", {"columns": COLUMNS}),
        (GERMAN, "cp1252", {"columns": COLUMNS, "encoding": "latin-1", "delimiter": ";"}),
    ],
)
def test_rows_come_back_as_they_were(tmp_path: Path, text: str, encoding: str, spec: dict[str, Any]) -> None:
    path = csv(tmp_path, text, encoding=encoding)
    before, (found, _) = rows(path, **spec), source(path, **spec)
    assert found is not None
    again = csv(tmp_path, found.again({row[0]: "No → because" for row in before}), name="again.csv")
    assert [row[1:] for row in rows(again, **spec)] == [row[1:] for row in before]


def test_only_the_named_rows_are_written_each_with_its_reason(tmp_path: Path) -> None:
    found, _ = source(csv(tmp_path, PLAIN))
    assert found is not None
    lines = found.again({3: "=1+1 is refused"}).decode("utf-8-sig").splitlines()
    assert lines == ["contract,name,amount,tax,date,invoiced,reason", "C-1,'@Home,5,1,,no,'=1+1 is refused"]
