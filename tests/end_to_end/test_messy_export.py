"""An export as legacy systems write them: rehearsed on the first day, and refused row by row where it is used raw.

The export has foreign headings, decimal commas, thousands points, statuses in words, blank lines, a totals row, and
milestones of the same name on one line that only their dates tell apart.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from statecfg.model.errors import DeclarationError, exit_code
from statecfg.sandbox.server import Sandbox
from tests.end_to_end.outcome import assert_complete, confirmed, export
from tests.end_to_end.rig import FAST, STATES, Rig

HEADINGS = "Vertrag;Pos.;Meilenstein;Betrag netto;MwSt.;Währung;Rechnungsdatum;Status;Bemerkung;Sachbearbeiter"
COLUMNS = """\
columns:
  contract: Vertrag
  line: Pos.
  name: Meilenstein
  amount: {from: Betrag netto, decimal: ",", thousands: "."}
  tax: {from: MwSt., decimal: ",", thousands: "."}
  currency: Währung
  date: {from: Rechnungsdatum, format: "%d.%m.%Y"}
  invoiced: {from: Status, is: [Fakturiert, bezahlt]}
  description: Bemerkung
"""
NAMES = ("Anzahlung", "Übergabe Süd", "Abnahme", "Größere Änderung", "Schlußrechnung", "Rate")
INVOICED = ("Fakturiert", "FAKTURIERT", "bezahlt", " Bezahlt ")
FIRST_DAY = date(2022, 1, 3)


@dataclass
class Export:
    """A legacy export. lines: as they stand in the file, headings included. bad: row numbers that no milestone is."""

    lines: list[str] = field(default_factory=lambda: [HEADINGS])
    bad: dict[int, str] = field(default_factory=dict)
    good: Counter[tuple[str, str]] = field(default_factory=Counter)
    total: Decimal = Decimal(0)

    def add(self, *cells: str, wrong: str = "") -> None:
        """One row; `wrong` says why it is none."""
        self.lines.append(";".join(cells))
        if wrong:
            self.bad[len(self.lines)] = wrong

    def milestone(self, contract: str, line: str, name: str, amount: Decimal, currency: str, day: date) -> None:
        """A row that is right."""
        rate = Decimal("0.19") if currency == "EUR" else Decimal(0)
        tax = (amount * rate).quantize(Decimal("0.01"))
        status = INVOICED[len(self.lines) % len(INVOICED)]
        note = f"R-{len(self.lines):05d}" if len(self.lines) % 3 else ""
        self.add(contract, line, name, german(amount), german(tax), currency, f"{day:%d.%m.%Y}", status, note, "Müller")
        self.good[contract, currency] += 1
        self.total += amount


def german(amount: Decimal) -> str:
    """1234.5 -> "1.234,50"."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def messy(contracts: int, each: int, seed: int = 5) -> Export:
    """An export of `contracts` with up to `each` milestones; a few rows a contract are no milestones."""
    rng, made = Random(seed), Export()
    for number in range(1, contracts + 1):
        contract, currency = f"V-{number:04d}/{20 + number % 5}", rng.choice(("EUR", "EUR", "USD"))
        first = len(made.lines)
        for n in range(each):
            day = FIRST_DAY + timedelta(days=7 * n + number)
            amount = Decimal(rng.randrange(100_00, 250_000_00)) / 100
            made.milestone(contract, str(10 * (1 + n % 2)), NAMES[n % len(NAMES)], amount, currency, day)
            if rng.random() < 0.05:
                made.lines.append(rng.choice(("", ";;;;;;;;;", "  ;;;;;;;;;")))
        spoil(made, rng, contract, currency, made.lines[first])
    made.add("Gesamtsumme", "", "", german(made.total), "", "", "", "", "", "", wrong="totals")
    return made


def spoil(made: Export, rng: Random, contract: str, currency: str, again: str) -> None:
    """One row more on a contract, of one of the sorts that are no milestones. again: a row that is there already."""
    day, other = f"{FIRST_DAY:%d.%m.%Y}", "USD" if currency == "EUR" else "EUR"
    kinds = {
        "not invoiced": (contract, "10", "Folgt noch", "1.000,00", "", currency, day, "Offen", "", ""),
        "credited": (contract, "10", "Gutschrift", "-1.000,00", "", currency, day, "Storniert", "", ""),
        "no amount": (contract, "10", "Ohne Betrag", "", "", currency, day, "Fakturiert", "", ""),
        "no number": (contract, "10", "Geschätzt", "ca. 500", "", currency, day, "Fakturiert", "", ""),
        "English number": (contract, "10", "Export", "1,234.50", "", currency, day, "Fakturiert", "", ""),
        "no day": (contract, "10", "Schalttag", "1.000,00", "", currency, "30.02.2022", "Fakturiert", "", ""),
        "no currency": (contract, "10", "Ohne Währung", "1.000,00", "", "", day, "Fakturiert", "", ""),
        "currency's name": (contract, "10", "Euros", "1.000,00", "", "Euro", day, "Fakturiert", "", ""),
        "other currency": (contract, "10", "Auslandsrate", "1.000,00", "", other, day, "Fakturiert", "", ""),
        "no name": (contract, "10", "", "1.000,00", "", currency, day, "Fakturiert", "", ""),
        "too long": (contract, "10", "x" * 101, "1.000,00", "", currency, day, "Fakturiert", "", ""),
        "tax alone": (contract, "10", "Nur Steuer", "0,00", "19,00", currency, day, "Fakturiert", "", ""),
        "twice": tuple(again.split(";")),
    }
    name = list(kinds)[len(made.bad) % len(kinds)]
    made.add(*kinds[name], wrong=name)
    if rng.random() < 0.5:
        made.lines.append("")


@dataclass
class Rehearsal:
    """A sandbox that fits an export, the export, and where its file is."""

    rig: Rig
    made: Export
    path: Path


def rehearse(place: Path, made: Export, encoding: str) -> Rehearsal:
    """`sandbox up --from FILE --columns FILE`."""
    place.mkdir(parents=True, exist_ok=True)
    path, columns = place / "Altsystem Export.csv", place / "columns.yml"
    path.write_bytes(("\r\n".join(made.lines) + "\r\n").encode(encoding))
    columns.write_text(COLUMNS, "utf-8")
    sandbox = Sandbox.start(place / "sandbox", from_file=path, columns=columns)
    rig = Rig(sandbox, place / "state", place / "sandbox" / "inventory", extra=dict(FAST))
    return Rehearsal(rig, made, path)


@pytest.fixture(scope="module", params=[("cp1252", 40, 50), ("utf-8-sig", 14, 9)], ids=["latin", "utf-8 with mark"])
def rehearsal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    encoding, contracts, each = request.param
    found = rehearse(tmp_path_factory.mktemp("messy"), messy(contracts, each), encoding)
    yield found
    for app in found.rig.apps:
        app.close()
    crashes = list(found.rig.sandbox.crashes)
    found.rig.sandbox.close()
    assert crashes == []


def unusable(rig: Rig) -> dict[int, str]:
    """Rows of the export that the sandbox could not use, with its reasons."""
    with (rig.sandbox.directory / "data" / "unusable.csv").open(encoding="utf-8-sig", newline="") as file:
        return {int(row["row"]): row["reason"] for row in csv.DictReader(file)}


def test_every_row_is_either_usable_or_told_with_its_reason(rehearsal: Rehearsal) -> None:
    rig, made = rehearsal.rig, rehearsal.made
    assert set(unusable(rig)) == set(made.bad)
    assert all(unusable(rig).values())
    rows = export(rig)
    assert Counter((row["contract"], row["currency"]) for row in rows) == made.good
    assert sum(Decimal(row["amount"]) for row in rows) == made.total
    assert any("Übergabe" in row["name"] for row in rows)
    keys = [(row["contract"], row["line"], row["name"]) for row in rows]
    assert len(set(keys)) < len(keys), "names repeat; their dates tell them apart"


def test_the_product_given_the_raw_file_names_every_bad_row(rehearsal: Rehearsal, tmp_path: Path) -> None:
    raw = raw_rig(rehearsal, tmp_path)
    raw.forget_requests()
    with pytest.raises(DeclarationError) as caught:
        raw.plan("cutover")
    assert exit_code(caught.value) == 8
    problems = [problem for problem in caught.value.problems if problem.where.file == str(rehearsal.path)]
    assert {problem.where.line for problem in problems} == set(rehearsal.made.bad)
    assert all(problem.what for problem in problems)
    assert raw.control("requests") == []


def raw_rig(rehearsal: Rehearsal, place: Path) -> Rig:
    """The same project with the export itself, and columns: in its state file."""
    states = place / "states"
    states.mkdir()
    for path in STATES.glob("*.yml"):
        text = path.read_text("utf-8")
        columns = "".join(f"    {line}\n" for line in COLUMNS.splitlines())
        text = text.replace("    status: ready_for_invoicing\n", f"{columns}    status: ready_for_invoicing\n")
        (states / path.name).write_text(text, "utf-8")
    rig = rehearsal.rig
    extra = {**rig.extra, "milestone_file": str(rehearsal.path)}
    return Rig(rig.sandbox, place / "state", rig.inventory, states, extra)


def test_both_phases_run_on_the_usable_rows(rehearsal: Rehearsal) -> None:
    rig = rehearsal.rig
    ledger, before = rig.ledger(), confirmed(rig)
    for phase in ("cutover", "restored"):
        rig.done(phase)
    rig.import_and_post()
    assert rig.ledger() == ledger
    assert rig.find("fo.ProjActualsImports") == []
    assert_complete(rig, before)
