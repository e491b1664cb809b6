"""Somebody's own legacy export: what is read from it, what is refused and why, and the world that fits it."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from statecfg.sandbox.seeding import export, fit, legacy
from statecfg.sandbox.seeding.portfolio import Standing

HEADINGS = "Vertrag;Pos;Meilenstein;Betrag;Steuer;Währung;Rechnungsdatum;Status;Bemerkung"
COLUMNS = """\
columns:
  contract: Vertrag
  line: Pos
  name: Meilenstein
  amount: {from: Betrag, decimal: ","}
  tax: {from: Steuer, decimal: ","}
  currency: Währung
  date: {from: Rechnungsdatum, format: "%d.%m.%Y"}
  invoiced: {from: Status, is: [fakturiert, bezahlt]}
  description: Bemerkung
"""
GOOD = "V-100;10;Anzahlung;1.234,56;234,57;EUR;01.02.2022;Fakturiert;"


def read(tmp_path: Path, *rows: str, encoding: str = "latin-1", columns: str | None = COLUMNS) -> legacy.Export:
    export_file = tmp_path / "legacy.csv"
    export_file.write_bytes("\r\n".join((HEADINGS, *rows)).encode(encoding))
    column_file = tmp_path / "columns.yml"
    column_file.write_text(columns or "", encoding="utf-8")
    return legacy.read(export_file, column_file if columns else None)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
def test_an_export_is_read_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    made = read(tmp_path, "V-1;10;Überführung;1,00;0,00;EUR;01.02.2022;Bezahlt;", encoding=encoding)
    assert [row.name for row in made.usable] == ["Überführung"]
    assert made.unusable == ()


def test_amounts_and_dates_are_exact(tmp_path: Path) -> None:
    (row,) = read(tmp_path, GOOD).usable
    assert (row.amount, row.tax, row.date.isoformat()) == (Decimal("1234.56"), Decimal("234.57"), "2022-02-01")


def test_a_large_amount_keeps_its_last_digit(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "V-1;1;Alles;922.337.203.685.476,99;;USD;01.02.2022;Bezahlt;").usable
    assert row.amount == Decimal("922337203685476.99")


def test_blank_lines_vanish_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    made = read(tmp_path, "", ";;;;;;;;", GOOD, "   ;;;;;;;;")
    assert [row.row for row in made.usable] == [4]
    assert made.unusable == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Gesamtsumme;;;1.234,56;;;;;", "a totals row"),
        ("V-1;10;Rate;1,00;;EUR;01.02.2022;offen;", "not invoiced: offen"),
        ("V-1;10;Rate;1,00;;EUR;01.02.2022;;", "not invoiced: empty"),
        (";10;Rate;1,00;;EUR;01.02.2022;Bezahlt;", "no contract"),
        ("V-1;10;;1,00;;EUR;01.02.2022;Bezahlt;", "no name"),
        ("V-1;10;Rate;1234.56;;EUR;01.02.2022;Bezahlt;", "amount '1234.56' is no number"),
        ("V-1;10;Rate;1e308;;EUR;01.02.2022;Bezahlt;", "amount '1e308' is no number"),
        ("V-1;10;Rate;5,00;-1,00;EUR;01.02.2022;Bezahlt;", "the tax is negative: -1,00"),
        ("V-1;10;Rate;-999999999999999,00;;EUR;01.02.2022;Bezahlt;", "amount -999999999999999,00 is larger"),
        ("V-1;10;Rate;-922.337.203.685.476,99;;EUR;01.02.2022;Bezahlt;", "contract would be larger than the service"),
        ("V-1;10;Rate;1,005;;EUR;01.02.2022;Bezahlt;", "more decimals than EUR"),
        ("V-1;10;Rate;1,5;;JPY;01.02.2022;Bezahlt;", "more decimals than JPY"),
        ("V-1;10;Rate;0,00;1,00;EUR;01.02.2022;Bezahlt;", "tax without an amount"),
        ("V-1;10;Rate;999999999999999,00;;EUR;01.02.2022;Bezahlt;", "larger than the service holds"),
        ("V-1;10;Rate;922.337.203.685.476,99;;EUR;01.02.2022;Bezahlt;", "contract would be larger than the service"),
        ("V-1;10;Ra\tte;1,00;;EUR;01.02.2022;Bezahlt;", "name holds control characters"),
        (f"V-1;10;Rate;1,00;;EUR;01.02.2022;Bezahlt;{'x' * 101}", "description is longer than 100"),
        ("V-1;10;Rate;1,00;;Euro;01.02.2022;Bezahlt;", "'Euro' is no currency code"),
        ("V-1;10;Rate;1,00;;EUR;31.02.2022;Bezahlt;", "'31.02.2022' is no date"),
        (f"V-1;10;{'x' * 101};1,00;;EUR;01.02.2022;Bezahlt;", "longer than 100"),
    ],
)
def test_a_row_that_no_milestone_can_be_made_of_says_why(tmp_path: Path, row: str, reason: str) -> None:
    made = read(tmp_path, GOOD, row)
    assert len(made.usable) == 1
    (found,) = made.unusable
    assert found.row == 3
    assert reason in found.reason


def test_a_credit_is_a_milestone_as_the_service_takes_it(tmp_path: Path) -> None:
    made = read(tmp_path, GOOD, "V-1;10;Gutschrift;-5,00;;EUR;01.02.2022;Bezahlt;")
    assert made.unusable == ()
    assert made.usable[1].amount == Decimal("-5.00")


def test_repeated_names_are_told_apart_by_their_date_and_true_repeats_are_refused(tmp_path: Path) -> None:
    repeat = "v-100; 10 ;ANZAHLUNG;9,00;;EUR;01.02.2022;Bezahlt;"
    made = read(tmp_path, GOOD, GOOD.replace("01.02", "01.03"), repeat)
    assert [row.date.month for row in made.usable] == [2, 3]
    assert [(u.row, u.reason) for u in made.unusable] == [(4, "the same contract, line, name and date as row 2")]


def test_a_contract_has_one_currency(tmp_path: Path) -> None:
    made = read(tmp_path, GOOD, "V-100;10;Rate;1,00;;USD;01.02.2022;Bezahlt;")
    assert [u.reason for u in made.unusable] == ["USD on a contract in EUR"]


def test_decimal_sign_and_date_form_are_found_out_where_nobody_says_them(tmp_path: Path) -> None:
    silent = COLUMNS.replace('{from: Betrag, decimal: ","}', "Betrag").replace(', format: "%d.%m.%Y"', "")
    (row,) = read(tmp_path, GOOD, columns=silent).usable
    assert (row.amount, row.date.isoformat()) == (Decimal("1234.56"), "2022-02-01")


def test_foreign_headings_without_a_description_are_named(tmp_path: Path) -> None:
    with pytest.raises(legacy.Unreadable, match=r"no column contract, .*Vertrag.*--columns"):
        read(tmp_path, GOOD, columns=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns: {contract: Nirgends}", "Nirgends"),
        ("columns: {kontrakt: Vertrag}", "unknown fields.*kontrakt"),
        ("columns: [a, b]", "needs `columns:`"),
        ("columns: {amount: {decimal: ','}}", "needs a heading"),
        ("columns: {amount: {from: Betrag, decimal: ';'}}", "it is `.` or `,`"),
        ("columns: {", "no YAML"),
    ],
)
def test_a_wrong_column_description_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(legacy.Unreadable, match=words):
        read(tmp_path, GOOD, columns=text)


def test_the_world_fits_the_file(tmp_path: Path) -> None:
    usable = read(
        tmp_path,
        GOOD,
        "V-100;20;Abnahme;500,00;;EUR;01.05.2022;Bezahlt;",
        "S-7;1;Start;100,00;;SEK;01.05.2022;Bezahlt;",
    ).usable
    company = fit.portfolio(usable, seed=7)
    contracts = {c.number: c for c in company.contracts if c.in_file}
    assert {number: [li.name for li in c.lines] for number, c in contracts.items()} == {
        "V-100": ["10", "20"],
        "S-7": ["1"],
    }
    assert contracts["V-100"].lines[0].amount == Decimal("1234.56")
    assert "SEK" in {currency.code for currency in company.currencies}
    assert len(list(company.of_file())) == 3


def test_other_peoples_contracts_stand_beside_those_of_the_file(tmp_path: Path) -> None:
    taken = GOOD.replace("V-100", "con-9001")
    company = fit.portfolio(read(tmp_path, taken).usable, seed=7)
    others = [c for c in company.contracts if not c.in_file]
    assert {c.number for c in others} == {"CON-9002", "CON-9003", "CON-9004", "CON-9005"}
    assert {m.standing for m in company.milestones} >= {Standing.POSTED, Standing.DRAFTED, Standing.OPEN}
    numbers = {c.number for c in others}
    assert {i.contract for i in company.invoices} <= numbers
    assert {m.contract for i in company.invoices for m in i.milestones} <= numbers


def test_a_file_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(legacy.Unreadable, match="is no csv"):
        read(tmp_path, f"V-1;{'x' * 200_000}")


def test_an_export_without_a_usable_row_makes_no_world(tmp_path: Path) -> None:
    with pytest.raises(legacy.Unreadable, match="no row"):
        fit.portfolio(read(tmp_path, "Summe;;;1,00;;;;;").usable, seed=7)


def test_unusable_rows_are_written_with_row_and_reason_and_no_formula(tmp_path: Path) -> None:
    made = read(tmp_path, "=CMD();10;Rate;x;;EUR;01.02.2022;Bezahlt;")
    path = tmp_path / "unusable.csv"
    export.write_unusable(path, made)
    with path.open(encoding="utf-8", newline="") as file:
        (row,) = list(csv.DictReader(file))
    assert (row["row"], row["Vertrag"]) == ("2", "'=CMD()")
    assert "no number" in row["reason"]


def test_names_that_only_the_date_tells_apart_are_noticed(tmp_path: Path) -> None:
    twice = read(tmp_path, GOOD, GOOD.replace("01.02", "01.03")).usable
    assert export.repeats_names(fit.portfolio(twice, seed=7).of_file())
    assert not export.repeats_names(fit.portfolio(twice[:1], seed=7).of_file())
