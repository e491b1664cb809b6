"""A rehearsal with somebody's own export: the sandbox fits it, both phases run on it, and no money moves."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from statecfg.cli.main import cli
from statecfg.sandbox.server import Sandbox

STATES = Path(__file__).parents[2] / "states" / "milestone-cutover"
HEADINGS = "Vertrag Nr;Pos.;Meilenstein;Betrag;Währung;Rechnungsdatum;Status"
COLUMNS = """\
columns:
  contract: Vertrag Nr
  line: Pos.
  name: Meilenstein
  amount: {from: Betrag, decimal: ","}
  currency: Währung
  date: {from: Rechnungsdatum, format: "%d.%m.%Y"}
  invoiced: {from: Status, is: [Fakturiert, Bezahlt]}
"""


def messy_rows() -> list[str]:
    """Contracts in three currencies, one repeated milestone name a line, statuses in words, blanks, sums, mistakes."""
    rows = [HEADINGS]
    for contract in range(12):
        currency = ("EUR", "USD", "SEK")[contract % 3]
        for line in (10, 20):
            for month in range(1, 8):
                amount = f"{contract + 1}.{100 + month},{line + contract:02d}"
                name = "Teilzahlung" if month < 6 else "Abnahme Lüftung"
                status = "bezahlt" if month % 2 else "Fakturiert"
                rows.append(f"V-{contract:03d};{line};{name};{amount};{currency};{month:02d}.0{month}.2022;{status}")
            rows.append("")
        rows.append(f"Summe V-{contract:03d};;;99.999,00;;;")
    rows.append("V-002;10;Gutschrift;-250,50;SEK;09.09.2022;Fakturiert")
    rows.append("V-000;10;Teilzahlung;5,00;EUR;09.09.2022;offen")
    rows.append("V-001;20;Teilzahlung;zwölf;USD;09.09.2022;Bezahlt")
    return rows


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "columns.yml").write_text(COLUMNS, encoding="utf-8")
    file = tmp_path / "legacy.csv"
    file.write_bytes("\r\n".join(messy_rows()).encode("latin-1"))
    return file


def run(*words: str) -> int:
    return int(cli.main(list(words), standalone_mode=False))


def milestones(sandbox: Sandbox) -> dict[tuple[Any, ...], Any]:
    with sandbox.world.reading() as tx:
        contracts = {row["salesorderid"]: row["ordernumber"] for row in tx.select("salesorder")}
        found = list(tx.select("msdyn_contractlinescheduleofvalue"))
    return {
        (contracts[m["msdyn_contract"]], m["msdyn_name"], m["msdyn_milestonedate"], m["msdyn_amount"]): m for m in found
    }


def test_both_phases_run_on_a_messy_export_and_move_no_money(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox.start(tmp_path / "box", from_file=export, columns=tmp_path / "columns.yml") as sandbox:
        before = sandbox.kernel.control.call("ledger", "GET")
        with (tmp_path / "box" / "data" / "unusable.csv").open(encoding="utf-8", newline="") as file:
            reasons = {row["reason"] for row in csv.DictReader(file)}
        assert reasons == {"a totals row, no milestone", "not invoiced: offen", "amount 'zwölf' is no number"}

        project = ("-i", str(tmp_path / "box" / "inventory"), "-s", str(STATES))
        for phase in ("cutover", "restored"):
            assert run("apply", phase, *project, "--yes") == 0, capsys.readouterr().err
        sandbox.kernel.control.call("import", "POST")
        sandbox.kernel.control.call("post", "POST")

        ours = [m for key, m in milestones(sandbox).items() if key[0].startswith("V-")]
        assert len(ours) == 12 * 2 * 7 + 1
        assert {m["msdyn_invoicestatus"] for m in ours} == {192350003}
        assert sandbox.kernel.control.call("ledger", "GET") == before
        assert run("drift", *project) == 0
        assert sandbox.crashes == []


def test_the_product_itself_refuses_the_raw_export_and_names_every_bad_row(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = tmp_path / "states"
    shutil.copytree(STATES, states)
    cutover = states / "cutover.yml"
    indented = COLUMNS.replace("\n", "\n    ").rstrip()
    told = cutover.read_text("utf-8").replace("    on_refused:", f"    {indented}\n    on_refused:")
    cutover.write_text(told, encoding="utf-8")
    with Sandbox.start(tmp_path / "box", from_file=export, columns=tmp_path / "columns.yml"):
        project = ("-i", str(tmp_path / "box" / "inventory"), "-s", str(states))
        capsys.readouterr()
        code = run("validate", *project, "-e", f"milestone_file={export}")
    told = capsys.readouterr()
    assert code == 8
    bad = [
        n for n, row in enumerate(messy_rows(), start=1) if row.startswith("Summe") or "offen" in row or "zwölf" in row
    ]
    assert [n for n in bad if f"legacy.csv:{n}:" not in told.out + told.err] == []
