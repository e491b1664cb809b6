"""Two worlds that went different ways to the same end look the same; ones that differ don't."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statecfg.sandbox.control import ControlError
from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dump import canonical
from statecfg.sandbox.server import Sandbox

MILESTONE = "msdyn_contractlinescheduleofvalue"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path, contracts=4, milestones=20) as started:
        yield started


def text(sandbox: Sandbox) -> str:
    return json.dumps(canonical(sandbox.world), sort_keys=True)


def add(sandbox: Sandbox, *names: str) -> None:
    with sandbox.world.transaction() as tx:
        like = next(tx.select(MILESTONE))
        columns = ("msdyn_contract", "msdyn_contractlineid", "transactioncurrencyid", "msdyn_milestonedate")
        kept = {name: like[name] for name in columns}
        for name in names:
            records.create(tx, MILESTONE, {**kept, "msdyn_name": name, "msdyn_invoicestatus": 192350000})


def test_ids_numbers_and_order_do_not_count(sandbox: Sandbox) -> None:
    sandbox.world.snapshot("then")
    add(sandbox, "one", "two")
    straight = text(sandbox)
    sandbox.world.restore("then")
    sandbox.world.new_guid()
    add(sandbox, "three", "two")
    with sandbox.world.transaction() as tx:
        [third] = tx.find(MILESTONE, msdyn_name="three")
        records.update(tx, MILESTONE, third["msdyn_contractlinescheduleofvalueid"], {"msdyn_name": "one"})
    assert text(sandbox) == straight


def test_a_changed_amount_or_status_counts(sandbox: Sandbox) -> None:
    before = text(sandbox)
    with sandbox.world.transaction() as tx:
        row = tx.find(MILESTONE, msdyn_invoicestatus=192350000)[0]
        more = {"msdyn_amount": row["msdyn_amount"] + 1}
        records.update(tx, MILESTONE, row["msdyn_contractlinescheduleofvalueid"], more)
    assert text(sandbox) != before


def test_no_id_and_no_moment_is_left(sandbox: Sandbox) -> None:
    found = text(sandbox)
    assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-", found) is None
    assert re.search(r"T(?!00:00:00|12:00:00)\d\d:\d\d:\d\dZ", found) is None


def test_the_control_path_dumps_what_is_asked_for(sandbox: Sandbox) -> None:
    control = sandbox.kernel.control
    every: dict[str, Any] = control.call("dump", "GET")
    some: dict[str, Any] = control.call("dump", "GET", tables=f"{MILESTONE},dw.maps")
    assert set(some) == {MILESTONE, "dw.maps"}
    assert some[MILESTONE] == every[MILESTONE] != []
    with pytest.raises(ControlError):
        control.call("dump", "GET", tables="nobody")
