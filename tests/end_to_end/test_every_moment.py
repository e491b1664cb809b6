"""Somebody starts a map at every single request of the invoice steps: at most one group is exposed, by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.moments import CONFIRM_INVOICE, CONFIRMING, CREATE_INVOICE, CREATING
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import Stage

INVOICES = "invoices/for-those-milestones"
GROUP = 2
SENT = {"create": CREATE_INVOICE[2], "confirm": CONFIRM_INVOICE[2]}
CASES = [("create", "invoices", CREATING), ("confirm", "actuals", CONFIRMING)]
SHARES = range(4)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"), contracts=4, milestones=4)
    yield stage
    stage.close()


def disturbed(rig: Rig, verb: str, act: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Apply, with an act when a step begins; the result, and the requests from there on."""
    somebody = Meddler(rig)

    def begin() -> None:
        rig.forget_requests()
        act()

    somebody.at("step_start", begin, address=INVOICES, verb=verb)
    result = rig.apply("cutover")
    somebody.client.close()
    return result, [entry for entry in rig.control("requests") if "__sandbox" not in entry["path"]]


def requests_of(stage: Stage, moment: str, verb: str) -> int:
    """How many requests an undisturbed step sends, with the looks before and after its groups."""
    rig = moments.taken(stage, moment)
    ended: list[int] = []
    somebody = Meddler(rig)
    somebody.at("step_start", rig.forget_requests, address=INVOICES, verb=verb)
    somebody.at("step_complete", lambda: ended.append(len(rig.control("requests"))), address=INVOICES, verb=verb)
    assert rig.apply("cutover").exit_code == 0
    somebody.client.close()
    return ended[0]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("verb", "name", "moment"), CASES, ids=[case[0] for case in CASES])
def test_at_most_one_group_is_exposed_and_named_whenever_a_map_is_started(
    stage: Stage, verb: str, name: str, moment: str, share: int
) -> None:
    count = requests_of(stage, moment, verb)
    assert count > 20
    for number in range(1 + share, count + 1, len(SHARES)):
        rig = moments.taken(stage, moment)
        ledger, start = rig.ledger(), moments.start(rig, name)
        anything = ("", "", "")
        result, log = disturbed(rig, verb, lambda: moments.asked(rig, anything, start, number))  # noqa: B023
        fired = next(place for place, entry in enumerate(log) if "edit" in entry.get("faults", ()))
        exposed = [entry for entry in log[fired:] if SENT[verb] in entry["path"]]
        staged = {row["ContractId"] for row in rig.find("fo.ProjActualsImports")}
        words = f"{verb}, request {number} of {count} ({log[fired]['path']}): {said(result)}"
        assert result.exit_code in (3, 7), words
        assert len(exposed) <= GROUP, words
        assert all(contract in str(result.error) for contract in staged), words
        if not staged:
            rig.import_and_post()
            assert rig.ledger() == ledger, words
