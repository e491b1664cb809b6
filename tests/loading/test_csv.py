from __future__ import annotations

import csv as stdlib_csv
import io
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecfg.model.columns import Column
from statecfg.model.errors import DeclarationError
from tests.loading.projects import Row
from tests.loading.tables import HEADINGS, csv, rows, source, wrong

ROW = Row(2, "C-1", "Kick-off", Decimal("12500.5"), Decimal(0), date(2021, 11, 1), True)


def test_a_row_has_the_types_that_the_kind_declares(tmp_path: Path) -> None:
    assert rows(csv(tmp_path, f"{HEADINGS}\nC-1,Kick-off,12500.50,0,2021-11-01,yes\n")) == [ROW]


def test_fields_that_may_be_empty_or_absent_are_none(tmp_path: Path) -> None:
    assert rows(csv(tmp_path, "name,amount,contract,tax\nn,1,C,\n")) == [Row(2, "C", "n", Decimal(1), None, None, None)]


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_separator_line_ends_and_encoding_are_found_out(
    tmp_path: Path, separator: str, ending: str, encoding: str
) -> None:
    lines = [HEADINGS.replace(",", separator), separator.join(["Ü-1", "Größe", "1.5", "", "2021-01-02", "no"])]
    path = csv(tmp_path, ending.join([*lines, ""]), encoding=encoding)
    assert rows(path) == [Row(2, "Ü-1", "Größe", Decimal("1.5"), None, date(2021, 1, 2), False)]


def test_windows_latin_is_taken_where_it_is_no_utf_8(tmp_path: Path) -> None:
    assert rows(csv(tmp_path, "contract,name,amount\nC,Preis in € „netto“,1\n", encoding="cp1252"))[0].name.startswith(
        "Preis in €"
    )


def test_a_declared_encoding_and_separator_count(tmp_path: Path) -> None:
    path = csv(tmp_path, "contract;name;amount\nC;a,b\u010d;1\n", encoding="cp1250")
    assert rows(path, encoding="cp1250", delimiter=";")[0].name == "a,b\u010d"
    assert wrong(path, encoding="utf-8") == ["wrong-encoding 1 0"]
    assert wrong(path, encoding="cp1250", delimiter="tab") == [
        "missing-heading 1 amount",
        "missing-heading 1 contract",
        "missing-heading 1 name",
    ]


def test_excels_own_hint_at_the_separator_is_followed(tmp_path: Path) -> None:
    path = csv(tmp_path, "sep=|\ncontract|name|amount\nC|a;b;c;d;e|1\n")
    assert rows(path) == [Row(3, "C", "a;b;c;d;e", Decimal(1), None, None, None)]


def test_rows_are_counted_as_excel_counts_them(tmp_path: Path) -> None:
    text = '\n\ncontract,name,amount\n\nC,"two\r\nlines",1\n , ,\nD,n,2\n'
    assert [(row.row, row.name) for row in rows(csv(tmp_path, text))] == [(5, "two\nlines"), (7, "n")]


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    names = ["=1+1", "+49 30", "-x", "@home", "'quoted"]
    text = "contract,name,amount\n" + "".join(f"C,{name},1\n" for name in names)
    assert [row.name for row in rows(csv(tmp_path, text))] == names


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (",n,1,,,", "empty-cell 2 contract"),
        (" ,,1,,,", "empty-cell 2 contract"),
        ("C,n,,,,", "empty-cell 2 amount"),
        ("C,n,1e3,,,", "not-a-number 2 amount"),
        ("C,n,1e308,,,", "not-a-number 2 amount"),
        ("C,n,NaN,,,", "not-a-number 2 amount"),
        ("C,n,Infinity,,,", "not-a-number 2 amount"),
        ("C,n,0x10,,,", "not-a-number 2 amount"),
        ("C,n,1_000,,,", "not-a-number 2 amount"),
        ("C,n,١٢,,,", "not-a-number 2 amount"),
        ("C,n,12 USD,,,", "not-a-number 2 amount"),
        ('C,n,"1,000.00",,,', "not-a-number 2 amount"),
        ('C,n,"1000,50",,,', "not-a-number 2 amount"),
        ("C,n,(5.00),,,", "not-a-number 2 amount"),
        (f"C,n,{'9' * 29},,,", "not-a-number 2 amount"),
        (f"C,n,{'9' * 5000},,,", "not-a-number 2 amount"),
        ("C,n,1,,01.11.2021,", "not-a-date 2 date"),
        ("C,n,1,,2021-02-29,", "not-a-date 2 date"),
        ("C,n,1,,2021-W01-1,", "not-a-date 2 date"),
        ("C,n,1,,20211101,", "not-a-date 2 date"),
        ("C,n,1,,,maybe", "unknown-word 2 invoiced"),
        ("C,n\x00,1,,,", "control-character 2 name"),
        ("C,n\x1b[31m,1,,,", "control-character 2 name"),
        ("C,n,1,,,,more", "misplaced-cell 2 0"),
    ],
)
def test_a_cell_that_is_not_what_its_field_wants_is_told(tmp_path: Path, line: str, told: str) -> None:
    path = csv(tmp_path, f"{HEADINGS}\n{line}\nC,n,1,,,\n")
    assert wrong(path) == [told]
    found, _ = source(path)
    assert found is not None
    assert (found.readable, found.unreadable) == (1, 1)
    assert [row.row for row in found] == [3]


def test_every_bad_cell_of_every_row_is_told_at_once(tmp_path: Path) -> None:
    text = f"{HEADINGS}\nC,n,x,y,z,?\nTotal,,12,,,\n,,99.00,,,\nC,n,1,,,\n"
    assert wrong(csv(tmp_path, text)) == [
        "not-a-number 2 amount",
        "not-a-date 2 date",
        "unknown-word 2 invoiced",
        "not-a-number 2 tax",
        "empty-cell 3 name",
        "empty-cell 4 contract",
    ]


def test_of_very_many_problems_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{HEADINGS}\n" + "C,n,x,,,\n" * 5_200)
    _, problems = source(path)
    assert len(problems.found) == 5_001
    assert problems.found[-1].what == "and 200 more rows with problems"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["no-headings 0 0"]),
        ("\n\n", ["no-headings 0 0"]),
        ('contract,name,amount\nC,"n,1\nD,n,1\n', ["csv-syntax 2 0"]),
        ('contract,name,amount\nC,"n"x,1\n', ["csv-syntax 2 0"]),
        ("contract,name\nC,n\n", ["missing-heading 1 amount"]),
        ("contract,name,ammount\nC,n,1\n", ["missing-heading 1 amount"]),
        ("contract,name,amount,taxx\nC,n,1,2\n", ["unknown-heading 1 taxx"]),
        ("contract,name,amount,Name\nC,n,1,2\n", ["duplicate-heading 1 Name"]),
        ("contract,name,amount,\nC,n,1,2\n", ["misplaced-cell 2 0"]),
        ("contract,name,amount,\nC,n,1,\n", []),
        ("contract,name,amount\n" + "C," + "n" * 40_000 + ",1\n", ["cell-too-long 2 0"]),
        ("contract,name,amount\n" + "C," + "n" * 2_000_000 + ",1\n", ["csv-syntax 2 0"]),
        ("contract,name,amount\nC," + '"' + "n\n" * 100_000, ["csv-syntax 2 0"]),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path: Path, text: str, told: list[str]) -> None:
    assert wrong(csv(tmp_path, text)) == told


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("m.csv", b"PK\x03\x04zip", "not-a-table"),
        ("m.xlsx", b"contract,name,amount\n", "not-a-table"),
        ("m.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not-a-table"),
        ("m.ods", b"PK\x03\x04", "no-record-file"),
        ("m.xls", b"x", "no-record-file"),
    ],
)
def test_a_file_must_be_what_its_name_says(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    assert wrong(csv(tmp_path, content, name)) == [f"{code} 3 11"]


def test_columns_say_which_heading_is_which_field(tmp_path: Path) -> None:
    text = "Contract No;Milestone;Value;Curr;Booked on;Status\nC;n;-1.234,50;EUR;1.11.2021;PAID\nD;n;99;EUR;;open\n"
    columns = {
        "contract": "contract  no",
        "name": "Milestone",
        "amount": Column("Value", decimal=",", thousands="."),
        "date": Column("Booked on", format="%d.%m.%Y"),
        "invoiced": Column("Status", is_=("Paid", "Invoiced")),
    }
    path = csv(tmp_path, text)
    assert rows(path, columns=columns) == [
        Row(2, "C", "n", Decimal("-1234.5"), None, date(2021, 11, 1), True),
        Row(3, "D", "n", Decimal(99), None, None, False),
    ]
    _, problems = source(path, columns=columns)
    assert [(each.code, each.where.column) for each in problems.warnings] == [("unused-heading", "Curr")]


@pytest.mark.parametrize(
    ("thousands", "cell", "amount"),
    [
        (".", "1.234.567,89", "1234567.89"),
        (" ", "1 234\u00a0567,89", "1234567.89"),
        ("'", "1'234'567,89", "1234567.89"),
        (None, "1234567,89", "1234567.89"),
        (".", "1.23", None),
        (".", "1.2345,00", None),
        (None, "1.234,00", None),
        (None, "1234.00", None),
        (".", "12.34.567", None),
    ],
)
def test_numbers_are_read_by_the_declared_signs_only(
    tmp_path: Path, thousands: str | None, cell: str, amount: str | None
) -> None:
    columns = {"amount": Column("amount", decimal=",", thousands=thousands)}  # type: ignore[arg-type]
    path = csv(tmp_path, f"contract;name;amount\nC;n;{cell}\n")
    if amount is None:
        assert wrong(path, columns=columns) == ["not-a-number 2 amount"]
    else:
        assert rows(path, columns=columns)[0].amount == Decimal(amount)


def test_words_for_no_can_be_declared_too(tmp_path: Path) -> None:
    columns = {"invoiced": Column("invoiced", is_=("paid",), not_=("open",))}
    path = csv(tmp_path, "contract,name,amount,invoiced\nC,n,1,Paid\nC,n,1,open\nC,n,1,oepn\nC,n,1,\n")
    assert wrong(path, columns=columns) == ["unknown-word 4 invoiced"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"cntract": "x"}, "unknown-field"),
        ({"contract": Column("contract", decimal=",")}, "wrong-column"),
        ({"amount": Column("amount", format="%d")}, "wrong-column"),
        ({"date": Column("date", is_=("x",))}, "wrong-column"),
        ({"date": Column("date", format="%Y-%m")}, "wrong-column"),
        ({"date": Column("date", format="%d.%q.%Y")}, "wrong-column"),
        ({"amount": Column("amount", decimal=",", thousands=",")}, "wrong-column"),
        ({"invoiced": Column("invoiced", is_=("a",), not_=("A",))}, "wrong-column"),
        ({"name": "contract"}, "shared-heading"),
        ({"name": "Milestone"}, "missing-heading"),
        ({"tax": "Tax"}, "missing-heading"),
    ],
)
def test_what_is_wrong_with_columns_is_told(tmp_path: Path, columns: dict[str, str | Column], told: str) -> None:
    path = csv(tmp_path, "contract,name,amount\nC,n,1\n")
    given = {"contract": "contract", **columns} if told == "shared-heading" else columns
    assert [each.split()[0] for each in wrong(path, columns=given)] == [told]


def test_a_heading_that_no_field_uses_is_a_warning(tmp_path: Path) -> None:
    _, problems = source(csv(tmp_path, "contract,name,amount,Remarks,Rate\nC,n,1,x,y\n"))
    assert not problems.found
    assert [each.where.column for each in problems.warnings] == ["Rate", "Remarks"]


def test_a_file_that_changes_while_it_is_used_is_an_error(tmp_path: Path) -> None:
    path = csv(tmp_path, "contract,name,amount\nC,n,1\n")
    found, _ = source(path)
    assert found is not None
    assert len(list(found)) == len(list(found)) == 1
    path.write_text("contract,name,amount\nC,n,1\nD,n,2\n")
    with pytest.raises(DeclarationError) as caught:
        list(found)
    assert caught.value.problems[0].code == "changed-file"
    path.unlink()
    with pytest.raises(DeclarationError):
        list(found)


def test_a_file_that_turns_bad_under_an_unchanged_stamp_is_never_read_in_part(tmp_path: Path) -> None:
    path = csv(tmp_path, "contract,name,amount\nC,n,1\n")
    found, _ = source(path)
    assert found is not None
    before = path.stat()
    path.write_text("contract,name,amount\nC,n,x\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DeclarationError):
        list(found)


texts = st.text(st.characters(max_codepoint=0x2FF, exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)
amounts = st.decimals(-(10**15), 10**15, places=4)
optional = st.none() | amounts, st.none() | st.dates(), st.none() | st.booleans()
records = st.lists(st.tuples(texts, texts, amounts, *optional), max_size=8)


@settings(deadline=None)
@given(records, st.sampled_from([";", ",", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_another_writer_wrote_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, data: list[tuple[object, ...]], separator: str, encoding: str
) -> None:
    stream = io.StringIO(newline="")
    writer = stdlib_csv.writer(stream, delimiter=separator)
    writer.writerow(HEADINGS.split(","))
    for record in data:
        cells = [
            "" if each is None else format(each, "f") if isinstance(each, Decimal) else str(each) for each in record
        ]
        writer.writerow(cells)
    path = csv(tmp_path_factory.mktemp("csv"), stream.getvalue(), encoding=encoding)
    assert [tuple(row)[1:] for row in rows(path)] == data


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = csv(tmp_path_factory.mktemp("any"), b"contract,name,amount\n" + content)
    found, problems = source(path)
    assert problems.found or found is not None
    assert all(each.where.file and each.what for each in problems.found)
