"""Values as people write them, and text that can't harm a terminal."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from statecfg.report.layout import WIDTH, hanging, table
from statecfg.report.screen import write
from statecfg.report.words import counted, duration, instant, plain, short_digest, shown, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (9.96, "10.0 s"), (59.4, "59 s"), (60, "1 min"), (75, "1 min 15 s"), (7260, "2 h 1 min")],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (3, 20, "under a minute"),
        (60, 61, "about 1 to 2 minutes"),
        (200, 240, "about 3 to 4 minutes"),
        (230, 240, "about 3 to 4 minutes"),
        (240, 240, "about 4 minutes"),
        (660, 960, "about 11 to 16 minutes"),
        (5000, 9000, "about 1 to 3 hours"),
    ],
)
def test_a_time_still_to_come_is_a_range(low: float, high: float, words: str) -> None:
    assert span(low, high) == words


def test_counts_and_values() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(1200, "entry", "entries") == "1,200 entries"
    assert shown(Decimal("922337203685476.99")) == "922,337,203,685,476.99"
    assert shown(Decimal("1000.10")) == "1,000.10"
    assert [shown(Decimal(text)) for text in ("1.5", "-2000", "0.0001")] == ["1.50", "-2,000.00", "0.0001"]
    assert [shown(value) for value in (None, "", True, False, "x")] == ["(none)", "(empty)", "yes", "no", "x"]
    assert short_digest("9f3c" + "0" * 56 + "e1a2") == "9f3c...e1a2"


def test_an_instant_is_shown_in_utc_and_what_is_none_stays() -> None:
    assert instant("2026-11-21T19:02:11+01:00") == "2026-11-21 18:02:11 UTC"
    assert instant("soon") == "soon"


def test_text_from_files_and_services_can_not_drive_a_terminal() -> None:
    assert plain("a\x1b[31mred\x07") == "a\\x1b[31mred\\x07"
    assert plain("two\nlines\tand tab") == "two lines and tab"
    assert plain("abc\u202edef") == "abc\\u202edef"
    assert plain("Größe [bold]") == "Größe [bold]"


@given(st.text())
def test_whatever_is_shown_is_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()


@given(st.text(max_size=20), st.text(max_size=400), st.integers(0, 60))
def test_hanging_columns_lose_no_word(lead: str, body: str, at: int) -> None:
    rows = [row.plain for row in hanging(Text(plain(lead)), body, at=at)]
    assert " ".join(" ".join(rows).split()) == " ".join(f"{plain(lead)} {plain(body)}".split())


@given(st.text("ab ", max_size=60), st.text("cd ", max_size=400), st.integers(0, 60))
def test_hanging_columns_keep_to_the_width_while_words_do(lead: str, body: str, at: int) -> None:
    rows = [row.plain for row in hanging(Text(lead), body, at=at)]
    longest = max([len(word) for word in body.split()], default=0)
    assert all(len(row) <= max(WIDTH, len(lead), at + longest) for row in rows)


def test_columns_of_a_table_stand_below_each_other() -> None:
    rows = [row.plain for row in table([("Name", "Value"), ("a", "1"), ("longer", "2")])]
    assert rows == ["Name    Value", "a       1", "longer  2"]


def test_a_stream_that_lacks_a_character_gets_its_escape() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write([Text("Größe €")], stream, colour=False)
    stream.seek(0)
    assert stream.read() == "Gr\\xf6\\xdfe \\u20ac\n"


def test_markup_in_data_is_only_text_and_colour_comes_only_when_asked_for() -> None:
    without, coloured = io.StringIO(), io.StringIO()
    line = Text("[bold red]x[/] :smile:", style="green")
    write([line], without, colour=False)
    write([line], coloured, colour=True)
    assert without.getvalue() == "[bold red]x[/] :smile:\n"
    assert "[bold red]x[/] :smile:" in coloured.getvalue()
    assert "\x1b[32m" in coloured.getvalue()
