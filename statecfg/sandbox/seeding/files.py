"""Everything a sandbox writes into its directory: the legacy files, the inventory, the details, a kept world's facts.

A world that is kept goes on with the facts it began with: what its maps ran on before the cutover can't be read from it
once the cutover has begun.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from statecfg.sandbox.dualwrite.seed import Original
from statecfg.sandbox.seeding import export
from statecfg.sandbox.seeding.addresses import Addresses, details, write_details
from statecfg.sandbox.seeding.identities import Identities
from statecfg.sandbox.seeding.inventory import Facts, write_inventory
from statecfg.sandbox.seeding.legacy import Export
from statecfg.sandbox.seeding.portfolio import Portfolio, Standing

KEPT_FILE = "world.json"
KEY = ("contract", "line", "name")


@dataclass(frozen=True, slots=True)
class Begun:
    """A world as it began: the inventory's facts, the same in numbers for people, and the seed of its identities."""

    facts: Facts
    world: Mapping[str, Any]
    people_seed: int


def begun(
    company: Portfolio, legacy: Export | None, originals: Sequence[Original], cutover_version: str, people_seed: int
) -> Begun:
    """What is to be remembered of a company that was just seeded. legacy: the export it fits, if it does."""
    count, sums = export.totals(company.of_file())
    facts = Facts(
        legal_entities=[entity.code for entity in company.entities],
        originals=tuple(originals),
        cutover_version=cutover_version,
        count=count,
        sums=sums,
        key=(*KEY, "date") if export.repeats_names(company.of_file()) else KEY,
    )
    world = {
        "contracts": sum(contract.in_file for contract in company.contracts),
        "milestones": count,
        "by_hand": sum(m.standing is Standing.BY_HAND for m in company.milestones),
        "unusable": len(legacy.unusable) if legacy else 0,
        "seed": company.seed,
    }
    return Begun(facts, world, people_seed)


def write_data(directory: Path, company: Portfolio, legacy: Export | None) -> None:
    """Write the legacy export to migrate and, where the world fits somebody's own, its unusable rows."""
    data = directory / "data"
    export.write_milestones(data / "milestones.csv", company.of_file())
    (data / "unusable.csv").unlink(missing_ok=True)
    if legacy is not None:
        export.write_unusable(data / "unusable.csv", legacy)


def write_entrance(
    directory: Path, addresses: Addresses, people: Identities, world: Begun, started: str
) -> dict[str, Any]:
    """Write the inventory and, last, `sandbox.json`; return what that says.

    `sandbox.json` comes last because whoever waits for it takes it for "ready".
    """
    write_inventory(directory, addresses, people, world.facts)
    values = details(directory, addresses, people, os.getpid())
    values |= {"started": started, "world": dict(world.world)}
    write_details(directory, values)
    return values


def remember(directory: Path, world: Begun) -> None:
    """Write down what a kept world goes on with."""
    text = json.dumps(asdict(world), default=str, indent=2)
    (directory / KEPT_FILE).write_text(text + "\n", encoding="utf-8")


def remembered(directory: Path) -> Begun | None:
    """What `remember` wrote, or None if there is nothing that can be read."""
    try:
        loaded = json.loads((directory / KEPT_FILE).read_text("utf-8"))
        facts = loaded["facts"]
        facts["originals"] = tuple(Original(**original) for original in facts["originals"])
        facts["sums"] = {code: Decimal(amount) for code, amount in facts["sums"].items()}
        return Begun(Facts(**facts), loaded["world"], loaded["people_seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
