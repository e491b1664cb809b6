"""What people do in Finance and no API offers: the import, posting, batch jobs, a day's work; and a look at the ledger.

`POST import`, `POST post`, `POST jobs`, `POST business-day`, `GET ledger`, under the sandbox's own path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from statecfg.sandbox.control import Call, Control, ControlError
from statecfg.sandbox.finance.businessday import business_day
from statecfg.sandbox.finance.catalog import enums, member, table_of
from statecfg.sandbox.finance.importing import import_from_staging
from statecfg.sandbox.finance.ledger import ledger_report
from statecfg.sandbox.finance.posting import post_proposals
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.world import Tx, World

JOBS = table_of("BatchJobs")
_COUNTS = ("milestones", "invoices", "payments")


def register(control: Control, world: World) -> None:
    """Offer the calls of this service."""
    control.register("import", "POST", lambda call: _import(world))
    control.register("post", "POST", lambda call: _post(world, call))
    control.register("jobs", "GET", lambda call: _jobs(world))
    control.register("jobs", "POST", lambda call: _set_jobs(world, call))
    control.register("business-day", "POST", lambda call: _business_day(world, call))
    control.register("ledger", "GET", lambda call: _ledger(world))


def _import(world: World) -> Any:
    """Import from staging, which is a batch job."""
    if world.settings.get("finance.maintenance"):
        raise ControlError("batch jobs do not run in maintenance mode", 409)
    with _refusals(), world.transaction() as tx:
        return import_from_staging(tx).shown()


def _post(world: World, call: Call) -> Any:
    """Post every proposal that has its lines. `date`: the posting day, today without it."""
    date = call.fields().get("date")
    with _refusals(), world.transaction() as tx:
        posted = post_proposals(tx, f"{date}T12:00:00Z" if date else "")
    return {"posted": [each.shown() for each in posted]}


def _ledger(world: World) -> Any:
    """AR and GL of every legal entity."""
    with world.reading() as tx:
        return ledger_report(tx)


def _jobs(world: World) -> Any:
    """Every batch job with its state."""
    with world.reading() as tx:
        return [_shown_job(row) for row in tx.select(JOBS)]


def _set_jobs(world: World, call: Call) -> Any:
    """Set the state of batch jobs: `description` and `status`, and `company` for one legal entity's only.

    A job that isn't there is made.
    """
    fields = call.fields()
    description, company = str(fields.get("description", "")), str(fields.get("company", ""))
    status = member("BatchStatus", str(fields.get("status", "")))
    if not description or status is None:
        known = ", ".join(enums()["BatchStatus"])
        raise ControlError(f"a job needs `description` and `status`, one of {known}")
    with world.transaction() as tx:
        named = tx.find(JOBS, JobDescription=description)
        found = [row for row in named if not company or row["CompanyAccounts"] == company]
        for row in found:
            _set_job(tx, row["BatchJobRecId"], status)
        if not found:
            made = {"JobDescription": description, "Status": status, "CompanyAccounts": company}
            tx.insert(JOBS, made)
    return _jobs(world)


def _set_job(tx: Tx, key: int, status: str) -> None:
    changes: dict[str, Any] = {"Status": status}
    if status == "Executing":
        changes["StartDateTime"] = tx.world.timestamp()
    if status in ("Finished", "Error", "Canceled"):
        changes["EndDateTime"] = tx.world.timestamp()
    tx.update(JOBS, key, changes)


def _shown_job(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["BatchJobRecId"],
        "description": row["JobDescription"],
        "status": row["Status"],
        "company": row["CompanyAccounts"],
    }


def _business_day(world: World, call: Call) -> Any:
    """A day of other people's work. `milestones`, `invoices`, `payments`: how many; `contracts`: where."""
    fields = call.fields()
    counts = {name: fields[name] for name in _COUNTS if name in fields}
    if not all(isinstance(count, int) and 0 <= count <= 10_000 for count in counts.values()):
        raise ControlError(f"{', '.join(_COUNTS)} are whole numbers")
    named = fields.get("contracts", ())
    if not isinstance(named, Sequence) or isinstance(named, str):
        raise ControlError("contracts is a list of numbers")
    contracts = [str(number) for number in named]
    with _refusals():
        return business_day(world, contracts=contracts, **counts).shown()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns what the services refuse into the control path's own error."""
    try:
        yield
    except (Refused, PropagationFailed) as refusal:
        raise ControlError(refusal.message, 409) from refusal
    except KeyError as unknown:
        raise ControlError(f"there is no {unknown}", 404) from unknown
