from __future__ import annotations

import re
import time
import tracemalloc
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from statecfg.loading.tables.cells import Number, Unusable
from statecfg.loading.tables.numbers import day_of, exact_number, format_of
from tests.loading.projects import Row
from tests.loading.tables import HEADINGS, MAIN, PACKAGE, csv, forged, rows, source, text_cells, wrong

HEAD = text_cells(1, *HEADINGS.split(","))


def cell(reference: str, value: str, sort: str = "n", style: int = 0, formula: str = "") -> str:
    made = f"<f>{formula}</f>" if formula else ""
    return f'<c r="{reference}" t="{sort}" s="{style}">{made}<v>{value}</v></c>'


def row(*cells: str, number: int = 2) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


GOOD = text_cells(2, "C", "n").replace("</row>", cell("C2", "5") + "</row>")


def test_csv_and_workbook_of_the_same_data_give_the_same_rows(tmp_path: Path) -> None:
    data = [
        ("C-1", "Kick-off", "1000.10", "0.00", date(2021, 11, 1), True),
        ("0042", "Größe\nzwei Zeilen", "92233720368.4775", "", None, None),
        ("4711", " spaces ", "-0.1", "19.99", date(1999, 12, 31), False),
        ("D", "last & <least>", "99999999999999.9", "", date(2024, 2, 29), None),
    ]
    book = xlsxwriter.Workbook(tmp_path / "m.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADINGS.split(","))
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    padded = book.add_format({"num_format": "0000"})
    lines = [HEADINGS]
    for number, (contract, name, amount, tax, when, invoiced) in enumerate(data, 1):
        if contract.isdigit():
            sheet.write_number(number, 0, int(contract), padded)
        else:
            sheet.write_string(number, 0, contract)
        sheet.write_string(number, 1, name)
        sheet.write_number(number, 2, float(amount))
        if tax:
            sheet.write_string(number, 3, tax)
        if when:
            sheet.write_datetime(number, 4, datetime.combine(when, datetime.min.time()), day)
        if invoiced is not None:
            sheet.write_boolean(number, 5, invoiced)
        quoted = f'"{name}"'
        lines.append(f"{contract},{quoted},{amount},{tax},{when or ''},{'' if invoiced is None else invoiced}")
    book.close()
    assert rows(tmp_path / "m.xlsx") == rows(csv(tmp_path, "\n".join(lines)))


def test_money_of_a_workbook_is_what_stands_in_its_xml(tmp_path: Path) -> None:
    texts = ["1.1000000000000001", "1000.1", "922337203685476.99", "0.30000000000000004", "1E3", "12.5"]
    body = HEAD + "".join(
        text_cells(n, "C", "n").replace("</row>", cell(f"C{n}", text) + "</row>") for n, text in enumerate(texts, 2)
    )
    meant = ["1.1", "1000.1", "922337203685476.99", "0.3", "1000", "12.5"]
    assert [each.amount for each in rows(forged(tmp_path, body))] == [Decimal(text) for text in meant]


UNCERTAIN = [
    "90071992547409.938",
    "922337203685.4775",
    "0.1234567890123456789E+300",
    "1e308",
    "1e-308",
    "1e99999999",
    "NaN",
    "Infinity",
    "x",
    "1_0",
    "",
]


@pytest.mark.parametrize("text", UNCERTAIN)
def test_a_number_that_is_not_certain_is_refused(text: str) -> None:
    assert isinstance(exact_number(text), Unusable)


@settings(deadline=None)
@given(st.decimals(-(10**11), 10**11, places=4))
def test_an_amount_of_fifteen_digits_survives_excels_doubles(amount: Decimal) -> None:
    for text in (repr(float(amount)), f"{float(amount):.17g}", str(amount)):
        found = exact_number(text)
        assert isinstance(found, Number)
        assert found.value == amount


@settings(deadline=None)
@given(st.dates(date(1900, 3, 1), date(9999, 12, 31)))
def test_days_are_counted_as_excel_counts_them(day: date) -> None:
    assert day_of(str((day - date(1899, 12, 30)).days), since_1904=False) == day
    assert day_of(f"{(day - date(1899, 12, 30)).days}.75", since_1904=False) == day


@settings(deadline=None)
@given(st.dates(date(1904, 1, 2), date(2100, 12, 31)))
def test_days_can_be_counted_from_1904(day: date) -> None:
    assert day_of(str((day - date(1904, 1, 1)).days), since_1904=True) == day


def test_the_day_that_never_was_and_days_that_are_none_are_refused() -> None:
    assert isinstance(day_of("60", since_1904=False), Unusable)
    assert day_of("59", since_1904=False) == date(1900, 2, 28)
    for text in ("0", "-1", "2958466", "1e300", "NaN", "x"):
        assert isinstance(day_of(text, since_1904=False), Unusable)


@pytest.mark.parametrize(
    ("code", "sort"),
    [
        ("General", "number"),
        ("0.00", "number"),
        ("#,##0.00 [$€-407]", "number"),
        ('0 "days"', "number"),
        ("[Red]0", "number"),
        ("dd.mm.yyyy", "date"),
        ("m/d/yyyy h:mm", "date"),
        ("[$-407]d. mmmm yyyy", "date"),
        ("mmm", "date"),
        ("h:mm", "time"),
        ("[h]:mm:ss", "time"),
    ],
)
def test_a_number_format_says_whether_a_cell_is_a_day(code: str, sort: str) -> None:
    form = format_of(164, {164: code})
    assert (form.is_date, form.is_time) == (sort == "date", sort == "time")
    assert format_of(164, {164: "00000"}).zeros == 5
    assert format_of(14, {}).is_date


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (cell("C2", "", formula="A1+1"), "unusable-cell 2 amount"),
        ('<c r="C2"><f>A1</f></c>', "unusable-cell 2 amount"),
        (cell("C2", "#REF!", "e"), "unusable-cell 2 amount"),
        (cell("C2", "x", "n"), "unusable-cell 2 amount"),
        (cell("C2", "40000", style=1), "not-a-number 2 amount"),
        (cell("C2", "1", "b"), "not-a-number 2 amount"),
        (cell("C2", "5") + cell("D2", "0.5", style=3), "unusable-cell 2 tax"),
        (cell("C2", "5") + cell("E2", "40000"), "not-a-date 2 date"),
        (cell("C2", "5") + cell("E2", "60", style=1), "unusable-cell 2 date"),
        (cell("C2", "5") + cell("F2", "2"), "unknown-word 2 invoiced"),
        (cell("C2", "5") + cell("G2", "2"), "misplaced-cell 2 0"),
        (cell("C2", "5") + cell("XFD2", "2"), "misplaced-cell 2 0"),
        (cell("C2", "5") + cell("D2", "x\x85", "str"), "not-a-number 2 tax"),
    ],
)
def test_a_cell_that_is_not_what_its_field_wants_is_told(tmp_path: Path, cells: str, told: str) -> None:
    line = text_cells(2, "C", "n").replace("</row>", cells + "</row>")
    assert wrong(forged(tmp_path, HEAD + line)) == [told]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (cell("B2", "40000", style=1), ["not-text 2 name"]),
        (cell("B2", "1.5"), ["not-text 2 name"]),
        (cell("B2", "42", style=2), []),
        (cell("B2", "_x001B_[0m", "str"), ["control-character 2 name"]),
        (cell("B2", "x", "str", formula="A1"), []),
        ('<c r="B2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r><rPh><t>reading</t></rPh></is></c>', []),
    ],
)
def test_text_that_excel_turned_into_something_else_is_refused(tmp_path: Path, name: str, told: list[str]) -> None:
    line = row('<c r="A2" t="inlineStr"><is><t>C</t></is></c>', name, cell("C2", "5"))
    assert wrong(forged(tmp_path, HEAD + line)) == told


def test_whole_numbers_are_text_as_they_are_shown(tmp_path: Path) -> None:
    line = row(cell("A2", "4711"), cell("B2", "42", style=2), cell("C2", "5"))
    assert rows(forged(tmp_path, HEAD + line)) == [Row(2, "4711", "00042", Decimal(5), None, None, None)]


def test_formulas_of_a_workbook_that_was_never_calculated_are_refused(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "m.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["contract", "name", "amount"])
    sheet.write_row(1, 0, ["C", "n"])
    sheet.write_formula(1, 2, "=1+1")
    book.close()
    assert wrong(tmp_path / "m.xlsx") == ["unusable-cell 2 amount"]


def test_shared_texts_come_with_their_runs_and_escapes(tmp_path: Path) -> None:
    texts = "<si><r><t>a</t></r><r><t xml:space='preserve'> b</t></r></si><si><t>x_x000D_\ny_x005F_z</t></si>"
    line = row(cell("A2", "0", "s"), cell("B2", "1", "s"), cell("C2", "5"))
    found = rows(forged(tmp_path, HEAD + line, texts=texts))[0]
    assert (found.contract, found.name) == ("a b", "x\ny_z")
    assert wrong(forged(tmp_path, HEAD + row(cell("A2", "7", "s")), texts=texts)) == ["damaged-workbook 2 0"]


def test_a_sheet_is_chosen_by_name_or_by_being_the_only_visible_one(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "m.xlsx")
    for name in ("Notes", "Data", "Secret"):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["contract", "name", "amount"])
        sheet.write_row(1, 0, [name, "n", 1])
    sheet.hide()
    book.close()
    assert wrong(tmp_path / "m.xlsx") == ["which-sheet 0 0"]
    assert rows(tmp_path / "m.xlsx", sheet="data")[0].contract == "Data"
    assert rows(tmp_path / "m.xlsx", sheet="Secret")[0].contract == "Secret"
    _, problems = source(tmp_path / "m.xlsx", sheet="Dta")
    assert "`Notes`, `Data`, `Secret`" in problems.found[0].do


def test_one_stray_cell_at_the_far_end_costs_nothing_and_is_named(tmp_path: Path) -> None:
    dimension = '<dimension ref="A1:XFD1048576"/>'
    stray = row(cell("XFD1048576", "1"), number=1_048_576)
    whole = f'<worksheet xmlns="{MAIN}">{dimension}<sheetData>{HEAD}{GOOD}{stray}</sheetData></worksheet>'
    tracemalloc.start()
    began = time.monotonic()
    _, problems = source(forged(tmp_path, "", whole=whole))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [problem.what for problem in problems.found] == [
        "the cell XFD1048576 holds a value far outside the table: delete it"
    ]
    assert most < 20_000_000
    assert time.monotonic() - began < 5


def test_empty_cells_and_rows_anywhere_are_nothing(tmp_path: Path) -> None:
    empty = '<row r="9"><c r="A9" s="1"/><c r="B9" t="inlineStr"><is><t> </t></is></c></row><row r="1048576"/>'
    assert len(rows(forged(tmp_path, HEAD + GOOD + empty))) == 1


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = forged(tmp_path, HEAD + GOOD)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/media/bomb", "w") as part:
        for _ in range(30):
            part.write(b"0" * 1_000_000)
    began = time.monotonic()
    assert wrong(path) == ["workbook-too-large 0 0"]
    assert time.monotonic() - began < 2


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "parts",
    [
        {"whole": f"{LAUGHS}<worksheet xmlns='{MAIN}'><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>"},
        {"whole": "<worksheet><sheetData>"},
        {"whole": "no xml at all"},
        {"whole": ""},
        {"workbook": "<broken"},
        {"workbook": f'<workbook xmlns="{MAIN}"><sheets><sheet name="x" sheetId="1"/></sheets></workbook>'},
        {"relations": f'<Relationships xmlns="{PACKAGE}"/>'},
        {"styles": "<"},
    ],
)
def test_a_damaged_workbook_is_told(tmp_path: Path, parts: dict[str, str]) -> None:
    assert wrong(forged(tmp_path, HEAD + GOOD, **parts)) == ["damaged-workbook 0 0"]


def test_a_truncated_or_foreign_zip_is_told(tmp_path: Path) -> None:
    path = forged(tmp_path, HEAD + GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert wrong(path) == ["damaged-workbook 0 0"]
    spoilt = bytearray(whole)
    spoilt[200:230] = bytes(30)
    path.write_bytes(bytes(spoilt))
    assert [each.split()[0] for each in wrong(path)] == ["damaged-workbook"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert wrong(path) == ["not-a-table 0 0"]


def test_prefixes_of_xml_do_not_matter(tmp_path: Path) -> None:
    body = f'<worksheet xmlns="{MAIN}"><sheetData>{HEAD}{GOOD}</sheetData></worksheet>'
    prefixed = re.sub(r"<(/?)(\w)", r"<\1x:\2", body).replace("xmlns=", "xmlns:x=")
    assert len(rows(forged(tmp_path, "", whole=prefixed))) == 1


def test_cells_without_references_follow_each_other(tmp_path: Path) -> None:
    body = re.sub(r' r="\w+"', "", HEAD + GOOD)
    assert rows(forged(tmp_path, body))[0].amount == 5


@settings(deadline=None)
@given(st.text(alphabet="<>/ =\"'&;rcvtsif0123ABC", max_size=120))
def test_any_sheet_is_rows_or_problems(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    found, problems = source(forged(tmp_path_factory.mktemp("any"), HEAD + body))
    assert problems.found or found is not None


def test_a_long_sheet_is_read_in_little_memory(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "m.xlsx", {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["contract", "name", "amount"])
    for number in range(1, 20_001):
        sheet.write_row(number, 0, [f"C-{number}", f"Milestone {number} of a long list", 12.5])
    book.close()
    found, _ = source(tmp_path / "m.xlsx")
    assert found is not None
    assert found.readable == 20_000
    tracemalloc.start()
    assert sum(1 for _ in found) == 20_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4_000_000
