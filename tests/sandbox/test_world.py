"""The store that all services share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statecfg.sandbox.hooks import Refused
from statecfg.sandbox.tables import AlternateKey, Column, OutOfRange, Table, scaled, unscaled
from statecfg.sandbox.wildcards import matches
from statecfg.sandbox.world import Duplicate, Missing, Tx, UnknownSetting, World

THINGS = Table(
    "thing",
    ("id",),
    (
        Column("id", "guid"),
        Column("name", "string"),
        Column("amount", "money"),
        Column("rate", "decimal", precision=10),
        Column("done", "bool", default=False),
        Column("version", "bigint", sequence="versions", restamped=True),
    ),
    alternate_keys=(AlternateKey("by_name", ("name",)),),
)
PAIRS = Table("pair", ("company", "code"), (Column("company", "string"), Column("code", "string"), Column("n", "int")))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.define(THINGS)
    made.define(PAIRS)
    yield made
    made.close()


def test_a_row_comes_back_as_it_was_returned(world: World) -> None:
    with world.transaction() as tx:
        row = tx.insert("thing", {"name": "A", "amount": Decimal("922337203685477.5807"), "rate": "0.1234567890"})
    assert row["amount"] == Decimal("922337203685477.5807")
    assert row["done"] is False
    with world.reading() as tx:
        assert tx.get("thing", row["id"]) == row


def test_each_write_takes_the_next_version(world: World) -> None:
    with world.transaction() as tx:
        first = tx.insert("thing", {"name": "A"})
        tx.insert("thing", {"name": "B"})
        changed = tx.update("thing", first["id"], {"done": True})
    assert (first["version"], changed["version"], changed["done"]) == (1, 3, True)


def test_a_second_row_with_the_same_key_is_refused_and_the_key_is_named(world: World) -> None:
    with world.transaction() as tx:
        row = tx.insert("thing", {"name": "Abc"})
        with pytest.raises(Duplicate) as by_name:
            tx.insert("thing", {"name": "aBC"})
        with pytest.raises(Duplicate) as by_key:
            tx.insert("thing", {"id": row["id"].upper()})
        other = tx.insert("thing", {"name": "other"})
        with pytest.raises(Duplicate):
            tx.update("thing", other["id"], {"name": "ABC"})
    assert (by_name.value.columns, by_key.value.columns) == (("name",), ("id",))


def test_rows_without_the_alternate_key_may_be_many(world: World) -> None:
    with world.transaction() as tx:
        assert tx.insert_many("thing", ({"amount": n} for n in range(3))) == 3
        assert len(tx.find("thing", name=None)) == 3


def test_a_key_of_several_columns_is_a_tuple(world: World) -> None:
    with world.transaction() as tx:
        tx.insert("pair", {"company": "USMF", "code": "1", "n": 5})
        assert tx.update("pair", ("usmf", "1"), {"n": 6})["n"] == 6
        tx.delete("pair", ("USMF", "1"))
        with pytest.raises(Missing):
            tx.delete("pair", ("USMF", "1"))


def interrupted(world: World) -> None:
    with world.transaction() as tx:
        tx.insert("thing", {"name": "gone"})
        raise ZeroDivisionError


def test_an_exception_undoes_the_whole_transaction(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        interrupted(world)
    with world.reading() as tx:
        assert tx.find("thing") == []


def insert_and_fail(tx: Tx) -> None:
    with tx.savepoint():
        tx.insert("thing", {"name": "gone"})
        raise ZeroDivisionError


def test_a_savepoint_undoes_only_its_part(world: World) -> None:
    with world.transaction() as tx:
        tx.insert("thing", {"name": "kept"})
        with pytest.raises(ZeroDivisionError):
            insert_and_fail(tx)
    with world.reading() as tx:
        assert [row["name"] for row in tx.select("thing")] == ["kept"]


def test_a_reader_sees_what_was_committed_when_it_began(world: World) -> None:
    with world.reading() as before:
        assert before.find("thing") == []
        with world.transaction() as tx:
            tx.insert("thing", {"name": "new"})
        assert before.find("thing") == []
    with world.reading() as after:
        assert len(after.find("thing")) == 1


def test_writers_wait_for_one_another(world: World) -> None:
    def add() -> None:
        for _ in range(20):
            with world.transaction() as tx:
                tx.insert("thing", {"amount": tx.next_number("amounts")})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world.reading() as tx:
        assert sorted(int(row["amount"]) for row in tx.select("thing")) == list(range(1, 81))


def test_a_transaction_does_not_nest(world: World) -> None:
    with world.transaction(), pytest.raises(RuntimeError), world.transaction():
        pass


def test_a_float_and_a_number_too_large_are_refused(world: World) -> None:
    with world.transaction() as tx:
        with pytest.raises(TypeError):
            tx.insert("thing", {"amount": 1.5})
        with pytest.raises(OutOfRange):
            tx.insert("thing", {"amount": Decimal("922337203685477.5808")})
        with pytest.raises(KeyError):
            tx.insert("thing", {"nobody": 1})


def test_numbers_go_on_after_a_given_one(world: World) -> None:
    with world.transaction() as tx:
        tx.start_number("invoices", 1000)
        assert [tx.next_number("invoices"), tx.next_number("invoices"), tx.next_number("others")] == [1001, 1002, 1]


def test_the_same_seed_makes_the_same_ids() -> None:
    made = []
    for _ in range(2):
        world = World(seed=3)
        made.append([world.new_guid() for _ in range(3)])
        world.close()
    assert made[0] == made[1]


def test_settings_have_defaults_and_are_kept_with_the_world(tmp_path: Path) -> None:
    world = World(str(tmp_path / "w.db"), settings={"a.b": 2})
    world.settings.declare("a.b", 1, "meaning")
    world.settings.declare("a.c", [1], "meaning")
    assert (world.settings["a.b"], world.settings["a.c"]) == (2, [1])
    with pytest.raises(UnknownSetting):
        world.settings["a.d"]
    with pytest.raises(UnknownSetting):
        world.settings.change({"a.b": 5, "a.d": 1})
    assert world.settings["a.b"] == 2
    world.settings["a.b"] = 3
    world.close()
    again = World(str(tmp_path / "w.db"))
    assert again.settings["a.b"] == 3
    again.close()


def test_a_kept_world_of_an_older_release_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    old = World(str(tmp_path / "w.db"))
    old.define(replace(THINGS, columns=THINGS.columns[:2], alternate_keys=()))
    with old.transaction() as tx:
        tx.insert("thing", {"id": "a", "name": "kept"})
    old.close()
    world = World(str(tmp_path / "w.db"))
    world.define(THINGS)
    with world.transaction() as tx:
        assert (tx.get("thing", "a") or {})["name"] == "kept"
        assert tx.update("thing", "a", {"amount": Decimal("1.5")})["amount"] == Decimal("1.5")
        with pytest.raises(Duplicate):
            tx.insert("thing", {"id": "b", "name": "kept"})
    world.close()


def test_a_snapshot_brings_rows_numbers_and_settings_back(world: World) -> None:
    world.settings.declare("a.b", 1, "meaning")
    with world.transaction() as tx:
        tx.insert("thing", {"name": "A"})
    world.snapshot("then")
    with world.transaction() as tx:
        tx.insert("thing", {"name": "B"})
    world.settings["a.b"] = 5
    world.restore("then")
    with world.transaction() as tx:
        assert [row["name"] for row in tx.select("thing")] == ["A"]
        assert tx.insert("thing", {"name": "C"})["version"] == 2
    assert world.settings["a.b"] == 1
    with pytest.raises(KeyError):
        world.restore("never")


def test_a_kept_state_can_be_looked_at_until_it_is_forgotten(world: World) -> None:
    with world.transaction() as tx:
        tx.insert("thing", {"name": "A"})
    world.snapshot("then")
    writes = world.writes
    with world.transaction() as tx:
        tx.insert("thing", {"name": "B"})
    assert world.kept("then").execute("select name from thing").fetchall() == [("A",)]
    assert world.writes > writes
    world.forget("then")
    with pytest.raises(KeyError):
        world.restore("then")


def test_a_refused_row_is_chosen_by_what_it_holds(world: World) -> None:
    world.faults.add({"effect": "refuse_row", "table": "thing", "contains": "BAD", "message": "no", "occurrence": 1})
    with world.transaction() as tx:
        world.hooks.guard(tx, "thing", "create", None, {"name": "good"})
        world.hooks.guard(tx, "other", "create", None, {"name": "BAD"})
        with pytest.raises(Refused) as refused:
            world.hooks.guard(tx, "thing", "update", {"name": "x"}, {"name": "a BAD one"})
        world.hooks.guard(tx, "thing", "create", None, {"name": "BAD"})
    assert refused.value.message == "no"


def test_the_clock_can_be_moved(world: World) -> None:
    before = world.now()
    world.settings["clock.offset_s"] = 3600
    assert 3599 <= (world.now() - before).total_seconds() < 3700
    assert world.timestamp().endswith("Z")


@given(st.decimals(min_value=-922337203685477, max_value=922337203685477, places=4))
def test_money_survives_storage_to_the_last_digit(amount: Decimal) -> None:
    assert unscaled(scaled(amount, 4), 4) == amount


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a%", "ABC", True), ("a_c", "abc", True), ("a_c", "ac", False), ("[a-c]x", "Bx", True), ("[^a]x", "ax", False),
        ("%ä%", "xÄx", True), ("[", "[", True), ("%" + "a%" * 40, "a" * 3000 + "b", True), ("", "", True),
    ],
)  # fmt: skip
def test_wildcards_follow_sql_server(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits
