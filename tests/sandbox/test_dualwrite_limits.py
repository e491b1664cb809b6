"""Deletions on the F&O side, and how much one write may carry either way."""

from __future__ import annotations

import pytest

from statecfg.sandbox.dualwrite.payload import size_of
from statecfg.sandbox.finance import writes
from statecfg.sandbox.world import PropagationFailed, Refused
from tests.sandbox.dualwrite_world import (
    ACTUALS,
    FINANCE_MILESTONES,
    MILESTONE,
    PAUSE,
    RESUME,
    Link,
    milestone,
    running_link,
)
from tests.sandbox.project_world import hours

STAGING = "fo.ProjActualsImports"


def test_finance_may_carry_only_so_many_records_at_once(link: Link) -> None:
    link.settings(sync__finance_records=1)
    link.create(hours(), hours("90"), table="msdyn_actual")
    pairs = [(row, {**row, "VoucherNumber": "V"}) for row in link.rows(STAGING)]
    with pytest.raises(PropagationFailed, match="more than live sync carries"), link.world.transaction() as tx:
        tx.world.hooks.after_changes(tx, STAGING, "update", pairs)


def removed_in_finance(link: Link) -> None:
    with link.world.transaction() as tx:
        writes.remove(tx, "ProjActualsImports", tx.find(STAGING)[0])


def test_a_row_deleted_in_finance_is_deleted_in_dataverse_where_its_key_is_carried(link: Link) -> None:
    link.create(hours(), table="msdyn_actual")
    removed_in_finance(link)
    assert (link.rows(STAGING), link.rows("msdyn_actual")) == ([], [])


def test_a_map_that_carries_other_columns_back_but_not_its_key_carries_no_deletion(tmp_path) -> None:
    with running_link(tmp_path, **{"maps.milestone_direction": "writeback"}) as link:
        link.create(milestone())
        with link.world.transaction() as tx:
            writes.remove(tx, "ProjectContractLineMilestones", tx.find(FINANCE_MILESTONES)[0])
        assert len(link.rows(MILESTONE)) == 1


def test_deletions_in_finance_may_stay_where_they_are(link: Link) -> None:
    link.settings(sync__finance_deletes=False)
    link.create(hours(), table="msdyn_actual")
    removed_in_finance(link)
    assert len(link.rows("msdyn_actual")) == 1


@pytest.mark.parametrize(("queued", "left"), [(True, 0), (False, 1)])
def test_a_paused_map_queues_deletions_of_finance_as_the_setting_says(link: Link, queued: bool, left: int) -> None:
    link.settings(pause__queues_deletes=queued)
    link.create(hours(), table="msdyn_actual")
    link.do(PAUSE, ACTUALS)
    removed_in_finance(link)
    assert len(link.rows("msdyn_actual")) == 1
    link.do(RESUME, ACTUALS)
    link.maps()
    assert len(link.rows("msdyn_actual")) == left


def test_what_dataverse_may_not_lose_cannot_be_deleted_in_finance(tmp_path) -> None:
    with running_link(tmp_path) as link:
        link.create(hours(), table="msdyn_actual")
        link.world.hooks.on_before("msdyn_actual", "delete", refuses)
        with pytest.raises(PropagationFailed, match="CDS error code : 0x1 response message: Mine"):
            removed_in_finance(link)
        assert len(link.rows(STAGING)) == 1


def refuses(*_written: object) -> None:
    raise Refused("0x1", "Mine.")


def test_a_write_larger_than_the_plug_in_takes_is_refused_and_nothing_of_it_is_kept(link: Link) -> None:
    (row,) = link.create(milestone())
    link.settings(sync__payload_bytes=size_of(row) * 2)
    with pytest.raises(Refused, match=r"^Message size exceeded when sending context to Sandbox. Message size: \S+ MB$"):
        link.create(milestone("second"), milestone("third", msdyn_contractlinedescription="long" * 400))
    assert len(link.rows(MILESTONE)) == len(link.rows(FINANCE_MILESTONES)) == 1


def hours_on(invoice: str) -> dict[str, object]:
    return {**hours(), "msdyn_invoice": invoice}


def test_live_sync_carries_only_so_many_lines_of_one_invoice_and_an_integration_job_any_number(link: Link) -> None:
    first, second = (link.create({"name": name}, table="invoice")[0]["invoiceid"] for name in ("first", "second"))
    link.settings(sync__invoice_lines=2)
    link.create(hours_on(first), hours_on(first), hours_on(second), table="msdyn_actual")
    with pytest.raises(PropagationFailed, match="more than 2 lines"):
        link.create(*(hours_on(first) for _ in range(3)), table="msdyn_actual")
    assert len(link.rows("msdyn_actual")) == len(link.rows(STAGING)) == 3
    link.settings(async__maps=["actuals"])
    link.create(*(hours_on(first) for _ in range(3)), table="msdyn_actual")
    assert len(link.rows("msdyn_actual")) == 6


def test_what_no_running_map_carries_may_be_of_any_size(link: Link) -> None:
    link.settings(sync__payload_bytes=1)
    link.stop()
    assert link.create(milestone())
