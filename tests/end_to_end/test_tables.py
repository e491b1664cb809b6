"""One set of records as csv, as a workbook and as a legacy export: the same plan, and every digit arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from statecfg.sandbox.server import Sandbox
from tests.end_to_end.outcome import POSTED, export, posted
from tests.end_to_end.rig import FAST, STATES, Rig
from tests.end_to_end.stage import ARRIVED, MILESTONE, Rows, Stage, give, staged, use

COLUMNS = """\
    columns:
      contract: Vertrag
      line: Position
      name: Meilenstein
      amount: {from: Betrag, decimal: ",", thousands: "."}
      tax: {from: Steuer, decimal: ","}
      currency: Währung
      date: {from: Datum, format: "%d.%m.%Y"}
      description: Text
      invoiced: {from: Status, is: [fakturiert]}
"""
HEADINGS = "Status;Währung;Betrag;Steuer;Datum;Vertrag;Position;Meilenstein;Text"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("tables"), contracts=3, milestones=12, seed=13) as stage:
        yield stage


def states_with(place: Path, columns: str) -> Path:
    """The shipped state files, their record file described by `columns:`."""
    folder = place / "states"
    folder.mkdir()
    for path in STATES.glob("*.yml"):
        text = path.read_text("utf-8")
        marker = "    status: ready_for_invoicing\n"
        (folder / path.name).write_text(text.replace(marker, columns + marker), "utf-8")
    return folder


def as_workbook(path: Path, rows: Rows) -> Path:
    """The rows as Excel keeps them: amounts are numbers, days are days."""
    with xlsxwriter.Workbook(path) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
        for column, heading in enumerate(rows[0]):
            sheet.write_string(0, column, heading)
        for number, row in enumerate(rows, start=1):
            for column, (heading, text) in enumerate(row.items()):
                if heading in ("amount", "tax"):
                    sheet.write_number(number, column, float(text))
                elif heading == "date":
                    sheet.write_datetime(number, column, datetime.fromisoformat(text), day)
                else:
                    sheet.write_string(number, column, text)
    return path


def as_legacy(path: Path, rows: Rows) -> Path:
    """The rows with semicolons, decimal commas, German days, foreign headings in another order, and a mark."""
    lines = [HEADINGS]
    for row in rows:
        amount = f"{Decimal(row['amount']):,}".translate(str.maketrans(",.", ".,"))
        day = datetime.fromisoformat(row["date"])
        cells = ("Fakturiert", row["currency"], amount, row["tax"].replace(".", ","), f"{day:%d.%m.%Y}")
        lines.append(";".join((*cells, row["contract"], row["line"], row["name"], row["description"])))
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-8-sig"))
    return path


def saved(rig: Rig, path: Path) -> list[Any]:
    """A saved plan's lines, without what says when it was made, from which file, and its own digest."""
    rig.plan("cutover", out=path)
    text = path.read_text("utf-8").replace(rig.extra["milestone_file"], "FILE")
    lines = [json.loads(line) for line in text.splitlines()]
    return [timeless(line) for line in lines if line["type"] != "trailer"]


def timeless(line: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {"header": ("made_at", "expires_at", "inputs"), "reads": ("reads",)}.get(line["type"], ())
    return {name: value for name, value in line.items() if name not in left_out}


def test_csv_workbook_and_legacy_file_of_the_same_data_give_the_same_plan(stage: Stage, tmp_path: Path) -> None:
    rig = stage.take()
    rows = export(rig)
    give(rig, rows)
    plain = saved(rig, tmp_path / "csv.plan")
    assert sum(line["type"] == "record" for line in plain) > len(rows), "milestones and invoices, record by record"
    use(rig, as_workbook(tmp_path / "milestones.xlsx", rows), rows)
    assert saved(rig, tmp_path / "xlsx.plan") == plain
    rig.states = states_with(tmp_path, COLUMNS)
    use(rig, as_legacy(tmp_path / "Altsystem.csv", rows), rows)
    legacy = saved(rig, tmp_path / "legacy.plan")
    assert work(legacy) == work(plain)


def work(lines: list[Any]) -> list[Any]:
    """What is done, record by record, and to which world; without the places in files that it comes from."""
    found = [line for line in lines if line["type"] in ("step", "record", "world")]
    for line in found:
        for condition in line.get("conditions", ()):
            del condition["source"]
    return found


EXACT = {
    ("V-1", "EUR"): "1.000,10",
    ("V-2", "USD"): "922.337.203.685.476,99",
    ("V-3", "EUR"): "0,01",
}


def test_amounts_arrive_to_the_last_digit_from_a_legacy_file(tmp_path: Path) -> None:
    """Amounts that no binary fraction holds, and one as large as the service takes."""
    lines = [f"Fakturiert;{code};{text};0,00;03.02.2024;{number};10;Alles;" for (number, code), text in EXACT.items()]
    path, columns = tmp_path / "Altsystem.csv", tmp_path / "columns.yml"
    path.write_bytes("\r\n".join((HEADINGS, *lines)).encode("utf-8-sig"))
    columns.write_text(COLUMNS, "utf-8")
    wanted = {number: Decimal(text.replace(".", "").replace(",", ".")) for (number, _), text in EXACT.items()}
    with Sandbox.start(tmp_path / "sandbox", from_file=path, columns=columns) as sandbox:
        extra = {**FAST, "milestone_file": str(path)}
        rig = Rig(
            sandbox, tmp_path / "state", tmp_path / "sandbox" / "inventory", states_with(tmp_path, COLUMNS), extra
        )
        rig.done("cutover")
        rig.done("restored")
        assert {number: amount for number, _, amount in posted(rig) if number in wanted} == wanted
        arrived = {row["ProjectContractId"]: row for row in rig.find(ARRIVED) if row["ProjectContractId"] in wanted}
        assert {number: row["Amount"] for number, row in arrived.items()} == wanted
        assert {row["TransStatus"] for row in arrived.values()} == {"Invoiced"}
        stones = rig.find(MILESTONE, msdyn_invoicestatus=POSTED, msdyn_name="Alles")
        totals = {row["totalamount"] for row in rig.find("invoice") if row["totalamount"] in wanted.values()}
        assert (len(stones), totals) == (len(wanted), set(wanted.values()))
        for app in rig.apps:
            app.close()
        assert sandbox.crashes == []
