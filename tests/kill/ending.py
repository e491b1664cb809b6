"""What a whole procedure leaves once F&O has imported and posted, and in what two of them differ.

All of it is read from the sandbox's own rows and answers; the product is not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from statecfg.sandbox import dump
from tests.end_to_end.outcome import BILLED_SALES, canonical, confirmed, export, posted
from tests.end_to_end.rig import Rig

CREATE, CONFIRM = "msdyn_NewInvoiceContract", "msdyn_PostInvoice"


@dataclass(frozen=True, slots=True)
class Ending:
    """A world in canonical form, the books of F&O, and how often each invoice was made, confirmed and billed.

    actions: how many times the service created an invoice on each contract, and confirmed one of it. billed: Billed
    Sales actuals of each milestone of the file.
    """

    world: dump.Canonical
    milestones: Mapping[str, Any]
    ledger: Any
    confirmed: Counter[str]
    actions: Counter[tuple[str, str]]
    billed: Counter[str]


def ending(rig: Rig, carried: Mapping[str, int]) -> Ending:
    """Import and post, and look at what is there. carried: actions that the service carried out, by address."""
    rig.import_and_post()
    return Ending(
        _world(rig),
        canonical(rig),
        rig.ledger(),
        confirmed(rig),
        _actions(rig, carried),
        _billed(rig),
    )


def _world(rig: Rig) -> dump.Canonical:
    world = dump.canonical(rig.sandbox.world)
    for row in world["msdyn_dualwriteruntimeconfig"]:
        # Whoever's request came when dual-write's own work fell due.
        row.pop("ownerid", None)
    return world


def _actions(rig: Rig, carried: Mapping[str, int]) -> Counter[tuple[str, str]]:
    numbers = {row["salesorderid"]: row["ordernumber"] for row in rig.find("salesorder")}
    contracts = {**numbers, **{row["invoiceid"]: numbers[row["salesorderid"]] for row in rig.find("invoice")}}
    found: Counter[tuple[str, str]] = Counter()
    for path, count in carried.items():
        key = path.partition("(")[2].partition(")")[0]
        found[CREATE if CREATE in path else CONFIRM, contracts.get(key, f"an invoice that is gone: {key}")] += count
    return found


def _billed(rig: Rig) -> Counter[str]:
    ours = {key: " / ".join((contract, name)) for (contract, name, _), key in posted(rig).items()}
    sales = {row["msdyn_actualid"] for row in rig.find("msdyn_actual", msdyn_transactiontypecode=BILLED_SALES)}
    rows = [row for row in rig.find("po.billed") if row["actualid"] in sales]
    return Counter(ours.get(row["milestoneid"], "a milestone that isn't posted") for row in rows)


def wrong(expected: Ending, found: Ending) -> list[str]:
    """In what an ending is not as it must be, in words; empty if in nothing."""
    words = [] if expected.ledger == found.ledger else ["the books of F&O are not as they were"]
    for name in ("confirmed", "actions", "billed"):
        if getattr(expected, name) != getattr(found, name):
            words.append(f"{name}: {dict(getattr(found, name))} instead of {dict(getattr(expected, name))}")
    words += [f"{name} differ" for name in expected.milestones if expected.milestones[name] != found.milestones[name]]
    return [*words, *_tables(expected.world, found.world)]


def once(found: Ending, rig: Rig) -> list[str]:
    """What was not done exactly once, in words: each contract's invoice made and confirmed, each milestone billed."""
    rows = export(rig)
    actions = Counter({(action, row["contract"]): 1 for row in rows for action in (CREATE, CONFIRM)})
    billed = Counter(f"{row['contract']} / {row['name']}" for row in rows)
    words = [f"{name}: {count}" for name, count in (found.actions - actions + (actions - found.actions)).items()]
    return words + [name for name in billed if billed[name] != found.billed[name]]


def _tables(expected: dump.Canonical, found: dump.Canonical) -> list[str]:
    words = []
    for name in expected:
        if expected[name] != found[name]:
            missing = [row for row in expected[name] if row not in found[name]]
            added = [row for row in found[name] if row not in expected[name]]
            words.append(f"{name}: {len(missing)} rows missing, {len(added)} added; {_first(missing, added)}")
    return words


def _first(missing: list[dict[str, Any]], added: list[dict[str, Any]]) -> str:
    if not missing or not added:
        return f"the first: {(missing or added)[:1]}"
    names = [name for name in {**missing[0], **added[0]} if missing[0].get(name) != added[0].get(name)]
    return "; ".join(f"{name}: {added[0].get(name)!r} instead of {missing[0].get(name)!r}" for name in names)
