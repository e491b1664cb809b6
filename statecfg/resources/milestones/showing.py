"""What a plan shows of milestones: how much is as declared, sums to check, and the world in little. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from statecfg.model.declared import Desired
from statecfg.model.plan import Summary, Unchanged, WorldLine
from statecfg.resources.milestones.assess import WHOLE, digest_of
from statecfg.resources.milestones.live import ContractInfo, MilestonesLive, Tally
from statecfg.resources.milestones.spec import MilestonesSpec
from statecfg.resources.milestones.standing import SMALL
from statecfg.resources.milestones.steps import counted
from statecfg.resources.milestones.wording import money

STANDINGS: Mapping[str, str] = {
    "done": "ready and Invoiced in F&O",
    "drafted": "on a draft invoice",
    "posted": "posted",
    "settled": "invoiced before",
}
"""Count of a tally -> its words."""


def unchanged(desired: Desired, live: MilestonesLive) -> Unchanged | None:
    """How many milestones are as declared already, and how they stand."""
    counts = {words: live.total(name) for name, words in STANDINGS.items()}
    whole = sum(counts.values())
    if not whole:
        return None
    parts = [f"{count:,} {words}" for words, count in counts.items() if count]
    return Unchanged(desired.address, whole, ", ".join(parts))


def summary(desired: Desired, live: MilestonesLive) -> Summary | None:
    """Sums per currency, control totals, the first row; None once nothing is left to do."""
    if live.complete:
        return None
    spec: MilestonesSpec = desired.spec
    lines = sum(len(contract.lines) for contract in live.contracts.values())
    shown = [
        ("rows", f"{counted(live.rows, 'milestone')} on {counted(len(live.tallies), 'contract')}, {lines:,} lines"),
        ("sum", sums(live.sums)),
        ("control totals", "match" if spec.expect.count is not None or spec.expect.sum else "none declared"),
        ("first", live.first),
    ]
    if live.aside:
        shown.append(("set aside", sums(live.aside)))
    if live.adopted:
        shown.append(("made by hand", f"{counted(len(live.adopted), 'milestone')} adopted"))
    return Summary(desired.address, tuple(shown))


def sums(amounts: Mapping[str, tuple[int, Decimal]]) -> str:
    """Amounts per currency with their number of rows: `9,412,350.00 USD (812)   1,904,100.00 EUR (388)`."""
    return "   ".join(f"{money(amount)} {currency} ({rows:,})" for currency, (rows, amount) in sorted(amounts.items()))


def world(desired: Desired, live: MilestonesLive) -> Iterator[WorldLine]:
    """One line a contract: how many of its rows exist, and everything that the plan depends on, digested."""
    for number, tally in live.tallies.items():
        contract = live.contracts.get(number)
        whole = (tally.digest + (_contract_digest(contract) if contract else 0)) % WHOLE
        part = contract.number if contract else number
        yield WorldLine(desired.address, part, tally.found, f"{whole:032x}", _words(tally, contract))


def _contract_digest(contract: ContractInfo) -> int:
    facts = [contract.id, contract.company, contract.currency, contract.won]
    lines = sorted({(line.id, line.fixed_price, line.project, line.customers) for line in contract.lines.values()})
    return digest_of("|".join(map(str, [*facts, *lines])).encode())


def _words(tally: Tally, contract: ContractInfo | None) -> str:
    if contract is None:
        return "no such contract"
    facts = {
        "milestones": f"{tally.found:,} of {tally.rows:,}",
        "to do": _to_do(tally),
        "contract": f"{contract.currency} in {contract.company}, {'won' if contract.won else 'not won'}",
        "lines": f"{len(contract.lines):,}, #{_contract_digest(contract) % SMALL:04x}",
    }
    parts = [f"{name}: {value}" for name, value in facts.items() if value]
    return "; ".join([*parts, tally.standing] if tally.standing else parts)


def _to_do(tally: Tally) -> str:
    doing = {"create": "to create", "set_ready": "to set ready", "resend": "to send again", "blocked": "blocked"}
    counts = [(getattr(tally, name), words) for name, words in {**doing, **STANDINGS}.items()]
    return ", ".join(f"{count:,} {words}" for count, words in counts if count)
