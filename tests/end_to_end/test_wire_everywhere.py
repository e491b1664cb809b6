"""Every sort of request of a whole procedure fails once, in every way a wire can fail: it gets to the same end itself.

In one run the first request of each sort fails, in another the second. What is lost after the commit must be settled by
looking: sent again it would be an invoice too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end.stage import Stage
from tests.end_to_end.wire import End, finish, fired, pattern, small_world, spelling, taken

HTML = "<html><body>Please sign in to the network</body></html>"
FAILURES: Mapping[str, Mapping[str, Any]] = {
    "the connection drops before": {"effect": "drop"},
    "the answer is lost after": {"effect": "lost"},
    "500 before": {"effect": "status", "status": 500},
    "502 after": {"effect": "status", "status": 502, "phase": "after", "answer": HTML},
    "503": {"effect": "status", "status": 503, "retry_after": 0},
    "429": {"effect": "status", "status": 429, "retry_after": 0},
    "half an answer": {"effect": "truncate"},
    "200 with somebody else's page": {"effect": "status", "status": 200, "phase": "after", "answer": HTML},
}


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A stage, the sorts of requests of an undisturbed run and how many there were, and its end."""

    stage: Stage
    sorts: Counter[tuple[str, str, str]]
    end: End


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    stage = small_world(tmp_path_factory.mktemp("wire"))
    rig = taken(stage)
    end = finish(rig)
    log = rig.control("requests")
    sorts = Counter(spelling(entry) for entry in log if "__sandbox" not in entry["path"])
    assert rig.ledger() == end.ledger
    yield Undisturbed(stage, sorts, end)
    stage.close()


@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_fails_once_the_end_is_the_same(undisturbed: Undisturbed, failure: str, occurrence: int) -> None:
    rig = taken(undisturbed.stage)
    # Signing in is msal's, and fails as it does; tests of the clients are about it.
    sorts = [sort for sort, count in undisturbed.sorts.items() if sort[0] != "entra" and count >= occurrence]
    for service, method, path in sorts:
        where = {"service": service, "method": method, "path": pattern(path)}
        rig.sandbox.world.faults.add({**where, **FAILURES[failure], "occurrence": occurrence, "times": 1})
    assert finish(rig) == undisturbed.end
    struck = sum(fired(rig))
    print(f"{failure}, occurrence {occurrence}: {struck} of {len(sorts)} sorts of requests struck")
    # What a failure makes unnecessary is not sent, for example a step that a look shows to be done.
    assert struck >= len(sorts) * 0.9


def test_every_write_of_the_procedure_is_among_them(undisturbed: Undisturbed) -> None:
    written = {path.rsplit("/", 1)[-1] for _, method, path in undisturbed.sorts if method != "GET"}
    assert {
        "annotations",
        "annotations(<id>)",
        "msdyn_contractlinescheduleofvalues(<id>)",
        "Microsoft.Dynamics.CRM.CreateMultiple",
        "Microsoft.Dynamics.CRM.msdyn_NewInvoiceContract",
        "Microsoft.Dynamics.CRM.msdyn_PostInvoice",
        "msdyn_dualwriteentitymaps",
        "RestoreTemplates",
        "Start",
        "Refresh",
    } <= written
