"""Puts a company into a world: first what stands there by itself, then what people did, by the services' own rules.

History is played, not painted: other people's invoices are created, confirmed, imported and posted by the code that
serves requests, while the maps run, some weeks before the world begins. So nothing in it can contradict the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dualwrite import deploying
from statecfg.sandbox.dualwrite.codes import NOT_RUNNING
from statecfg.sandbox.dualwrite.seed import forget_value_maps, seed_maps
from statecfg.sandbox.dualwrite.tables import MAPS
from statecfg.sandbox.dualwrite.witnesses import deliver_all
from statecfg.sandbox.finance.actions import refresh_entities
from statecfg.sandbox.finance.catalog import PROPOSAL_LINES, PROPOSALS
from statecfg.sandbox.finance.importing import STAGING, import_from_staging
from statecfg.sandbox.finance.ledger import Entry, Share, book
from statecfg.sandbox.finance.posting import post_proposals
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.confirming import confirm_invoice
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.projops.tables import ACTUAL, MILESTONE
from statecfg.sandbox.seeding.dataverse_rows import DataverseRows
from statecfg.sandbox.seeding.departures import depart
from statecfg.sandbox.seeding.finance_rows import FinanceRows
from statecfg.sandbox.seeding.identities import Identities
from statecfg.sandbox.seeding.painting import paint, patterns
from statecfg.sandbox.seeding.portfolio import Invoice, LedgerEntry, Milestone, Portfolio, Standing
from statecfg.sandbox.world import Tx, World

WEEKS_AGO_S = 56 * 24 * 3600
# Settings that say what is seeded, not how services behave afterwards.
OF_THE_SEED = ("maps.", "map_row.", "schema.", "seed.", "target_mapping.")
BATCH = 1000


def clear(world: World) -> None:
    """Empty every table and every number sequence, and turn every setting back."""
    with world.transaction() as tx:
        for table in world.tables:
            tx.connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own catalog
        for table in ("world.numbers", "world.settings"):
            tx.connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of the store's own
    world.settings.reload({})
    world.random.seed(world.seed)


def plant(world: World, company: Portfolio, people: Identities) -> None:
    """Fill an empty world, in one transaction."""
    stopped, mapped = tuple(world.settings["maps.stopped"]), world.settings["maps.value_maps"]
    with _in_the_past(world), world.transaction() as tx:
        dataverse = DataverseRows(company, people, world.timestamp())
        tx.caller = people.colleagues[0].id
        _plant_standing(tx, company, people, dataverse)
        _start_maps(tx, people, dataverse)
        _plant_history(tx, dataverse)
        _finish_in_finance(tx)
        depart(tx, dataverse)
        _stop_maps(tx, stopped)
        if not mapped:
            forget_value_maps(tx)


@contextmanager
def _in_the_past(world: World) -> Iterator[None]:
    """The clock some weeks back, and every habit of the services as usual: what is turned holds from now on only."""
    now = {setting.name: world.settings[setting.name] for setting in world.settings}
    turned = {
        setting.name: now[setting.name]
        for setting in world.settings
        if now[setting.name] != setting.default and not setting.name.startswith(OF_THE_SEED)
    }
    past = {setting.name: setting.default for setting in world.settings if setting.name in turned}
    offset = now["clock.offset_s"]
    # Old invoices went through running maps with value maps, whatever becomes of the maps later.
    maps = {name: now[name] for name in ("maps.stopped", "maps.value_maps")}
    world.settings.change(past | {"maps.stopped": [], "maps.value_maps": True, "clock.offset_s": offset - WEEKS_AGO_S})
    try:
        yield
    finally:
        world.settings.change(turned | maps | {"clock.offset_s": offset})


def _stop_maps(tx: Tx, names: Sequence[str]) -> None:
    """Stop maps that the settings want stopped, now that all of history went through them."""
    for name in names:
        if tx.get(MAPS, name) is not None:
            deploying.halt(tx, name, NOT_RUNNING)
    deliver_all(tx)


def _plant_standing(tx: Tx, company: Portfolio, people: Identities, dataverse: DataverseRows) -> None:
    refresh_entities(tx)
    for table, rows in (*dataverse.tables(), *FinanceRows(company, people, dataverse).tables()):
        tx.insert_many(table, rows)


def _start_maps(tx: Tx, people: Identities, dataverse: DataverseRows) -> None:
    """Put the maps to work; milestones that were made by hand before, Finance never heard of."""
    by_hand = _of(dataverse.company, Standing.BY_HAND)
    if not tx.world.settings["seed.by_hand_in_finance"]:
        _create(tx, dataverse, by_hand, codes.NOT_READY)
    seed_maps(tx, people.environment)
    if tx.world.settings["seed.by_hand_in_finance"]:
        _create(tx, dataverse, by_hand, codes.NOT_READY)


def _plant_history(tx: Tx, dataverse: DataverseRows) -> None:
    """Older invoices and payments, project invoices up to posting, drafts, open milestones and approved hours."""
    company = dataverse.company
    for entry in company.ledger:
        book(tx, _booking(entry))
    for invoice in company.invoices:
        created = _drafted(tx, dataverse, invoice)
        if invoice.posted:
            confirm_invoice(tx, created)
    firsts, groups = patterns(_of(company, Standing.OPEN))
    _create(tx, dataverse, firsts, codes.NOT_READY)
    for first, others in groups:
        paint(tx, dataverse, first, others)
    records.create_many(tx, ACTUAL, [dataverse.time_entry(n, entry) for n, entry in enumerate(company.time_entries)])


def _finish_in_finance(tx: Tx) -> None:
    """Import and post all that arrived, and clean up staging, so that nothing is on its way when the world begins."""
    reached = tx.world.settings["seed.history"]
    if reached != "staged":
        import_from_staging(tx)
    if reached not in ("staged", "imported"):
        post_proposals(tx)
        for table in (STAGING, PROPOSAL_LINES, PROPOSALS):
            tx.connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own catalog


def _booking(entry: LedgerEntry) -> Entry:
    is_invoice = entry.amount > 0
    return Entry(
        company=entry.entity,
        customer=entry.customer,
        voucher=entry.voucher,
        document=entry.document,
        date=f"{entry.date.isoformat()}T12:00:00Z",
        currency=entry.currency,
        shares=(Share("CustRevenue" if is_invoice else "Bank", entry.amount),),
        text=f"{'Free text invoice' if is_invoice else 'Payment of'} {entry.document}",
        kind="Cust" if is_invoice else "Payment",
        is_project=False,
    )


def _drafted(tx: Tx, dataverse: DataverseRows, invoice: Invoice) -> str:
    """The id of a draft that holds these milestones and nothing else."""
    _create(tx, dataverse, invoice.milestones, codes.READY)
    created = create_invoice(tx, dataverse.id("contract", invoice.contract))
    return str(created["invoiceid"])


def _create(tx: Tx, dataverse: DataverseRows, milestones: Sequence[Milestone], status: int) -> None:
    for first in range(0, len(milestones), BATCH):
        batch = milestones[first : first + BATCH]
        records.create_many(tx, MILESTONE, [dataverse.milestone(m, status) for m in batch])


def _of(company: Portfolio, standing: Standing) -> list[Milestone]:
    return [m for m in company.milestones if m.standing is standing]
