"""Everything a sandbox writes into its directory: the legacy files, the inventory, the details."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statecfg.sandbox.seeding import export
from statecfg.sandbox.seeding.addresses import Addresses, details, write_details
from statecfg.sandbox.seeding.identities import Identities
from statecfg.sandbox.seeding.inventory import Facts, Original, write_inventory
from statecfg.sandbox.seeding.legacy import Export
from statecfg.sandbox.seeding.portfolio import Portfolio, Standing

KEY = ("contract", "line", "name")


@dataclass(frozen=True, slots=True)
class Seeded:
    """A company as it was seeded, with the export it was made from, if any, and the maps' originals."""

    company: Portfolio
    people: Identities
    export: Export | None
    originals: Sequence[Original]
    cutover_version: str


def write_files(directory: Path, addresses: Addresses, seeded: Seeded, started: str) -> dict[str, Any]:
    """Write the legacy files, the inventory and, last, `sandbox.json`; return what that says.

    `sandbox.json` comes last because whoever waits for it takes it for "ready".
    """
    data = directory / "data"
    company = seeded.company
    export.write_milestones(data / "milestones.csv", company.of_file())
    (data / "unusable.csv").unlink(missing_ok=True)
    if seeded.export is not None:
        export.write_unusable(data / "unusable.csv", seeded.export)
    write_inventory(directory, addresses, seeded.people, _facts(seeded))
    values = details(directory, addresses, seeded.people, os.getpid())
    values |= {"started": started, "world": _world(seeded)}
    write_details(directory, values)
    return values


def _facts(seeded: Seeded) -> Facts:
    company = seeded.company
    count, sums = export.totals(company.of_file())
    repeated = export.repeats_names(company.of_file())
    return Facts(
        legal_entities=[entity.code for entity in company.entities],
        originals=seeded.originals,
        cutover_version=seeded.cutover_version,
        count=count,
        sums=sums,
        key=(*KEY, "date") if repeated else KEY,
    )


def _world(seeded: Seeded) -> Mapping[str, Any]:
    """The world in numbers, as the start message tells it."""
    company = seeded.company
    return {
        "contracts": sum(contract.in_file for contract in company.contracts),
        "milestones": sum(1 for _ in company.of_file()),
        "by_hand": sum(m.standing is Standing.BY_HAND for m in company.milestones),
        "unusable": len(seeded.export.unusable) if seeded.export else 0,
        "seed": company.seed,
    }
