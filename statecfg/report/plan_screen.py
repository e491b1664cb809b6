"""A plan on a screen: what was read, what was found, what would be sent and in which order, and what it comes to.

Pure. It names no kind: words and sums come from the kinds themselves, as steps, summaries and findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Literal

from rich.text import Text

from statecfg.model.address import Address
from statecfg.model.plan import Header, Plan, Step
from statecfg.model.records import Record
from statecfg.model.results import Saved
from statecfg.report.estimate import seconds
from statecfg.report.finding_lines import NAMES_SHOWN, column, finding_lines
from statecfg.report.layout import RULE, blank, hanging, heading, indented, line, style
from statecfg.report.words import counted, deed, duration, instant, number, plain, short_digest, shown, span

Detail = Literal["summary", "rows", "full"]
DETAILS: tuple[Detail, ...] = ("summary", "rows", "full")


def plan_lines(plan: Plan, *, detail: Detail = "summary", saved: Saved | None = None) -> Iterator[Text]:
    """The whole screen of a plan. `rows` names every record, `full` shows every value that would be sent."""
    yield from header_lines(plan)
    yield from _found(plan, NAMES_SHOWN if detail == "summary" else None)
    if plan.steps:
        yield blank()
        yield from step_lines(plan, detail)
        yield from _elsewhere(plan.header)
    yield line((RULE, "quiet"))
    yield from closing_lines(plan, saved)
    if detail == "full":
        yield from _inputs(plan.header)


def brief_lines(plan: Plan) -> Iterator[Text]:
    """A plan that was looked at before: which one it is, and what it comes to."""
    yield from header_lines(plan)
    yield from closing_lines(plan, None)


def header_lines(plan: Plan) -> Iterator[Text]:
    """Which environment, which phase of which file, and what was read for it."""
    head, identity = plan.header, plan.header.environment
    link = f"{identity.dataverse_host or identity.organization_id} <-> {identity.finance_host}"
    yield line(("Environment  ", "head"), f"{identity.name} ({head.environment_class})   {link}")
    yield from hanging(_named("Phase"), f"{head.phase}{_position(head)}   {head.source}", at=13)
    if plan.reads:
        yield from hanging(_named("Read"), _reads(plan), at=13)


def _named(name: str) -> Text:
    return Text(name.ljust(13), style=style("head"))


def _position(head: Header) -> str:
    return f" ({head.position})" if head.position else ""


def _reads(plan: Plan) -> str:
    text = ", ".join(_counts(plan)) or "nothing"
    if "seconds" in plan.reads:
        text += f" in {duration(float(plan.reads['seconds']))}"
    if "requests" in plan.reads:
        text += f", {counted(int(plan.reads['requests']), 'request')}"
    at = plan.reads.get("at") or plan.header.made_at
    return f"{text}, at {instant(str(at))}" if at else text


def _counts(plan: Plan) -> Iterator[str]:
    """How many records of each kind were read."""
    numbers: dict[str, int] = {}
    for name, value in plan.reads.items():
        kind, slash, _ = name.partition("/")
        if slash and isinstance(value, int):
            numbers[kind] = numbers.get(kind, 0) + value
    for kind, count in numbers.items():
        yield counted(count, kind.removesuffix("s"))


def _found(plan: Plan, names: int | None) -> Iterator[Text]:
    sections = {
        "Preconditions": [finding for finding in plan.findings if finding.address is None],
        "Found": [finding for finding in plan.findings if finding.address is not None],
        "Left as it is": plan.settled,
    }
    at = column([*plan.findings, *plan.settled])
    for name, findings in sections.items():
        if findings:
            yield blank()
            yield heading(name)
            yield from finding_lines(findings, details=names, at=at)


def step_lines(plan: Plan, detail: Detail) -> Iterator[Text]:
    """Each step in the order in which it would run, below the resources that it touches; those say what they come to
    where they are first named."""
    told: set[Address] = set()
    for touched, group in groupby(plan.steps, _touched):
        steps = tuple(group)
        yield heading(touched)
        for address in dict.fromkeys(step.address for step in steps):
            if address not in told:
                yield from _comes_to(plan, address)
            told.add(address)
        for step in steps:
            yield from hanging(_lead(step), _does(step), at=8)
            yield from _records(step, detail)


def _lead(step: Step) -> Text:
    lead = Text(f"{step.number:>4} ").append("!" if step.irreversible else " ", style=style("!"))
    return lead.append(step.mark if step.mark != "!" else ">", style=style(step.mark))


def _touched(step: Step) -> str:
    """The resources of a step in one word: `map/milestones`, or `map/milestones,actuals` for several of a kind."""
    targets = step.targets or (step.address,)
    if len({target.kind for target in targets}) == 1:
        return plain(f"{targets[0].kind}/{','.join(target.name for target in targets)}")
    return plain(", ".join(str(target) for target in targets))


def _does(step: Step) -> str:
    return f"{deed(step.verb, step.summary)}{'   CANNOT BE UNDONE' if step.irreversible else ''}"


def _comes_to(plan: Plan, address: Address) -> Iterator[Text]:
    rows = [row for summary in plan.summaries if summary.address == address for row in summary.lines]
    at = 10 + max((len(label) for label, _ in rows), default=0)
    for label, words in rows:
        yield from hanging(Text(" " * 8 + plain(label), style=style("quiet")), words, at=at)
    for same in plan.unchanged:
        if same.address == address and same.count:
            yield line((f"      = {number(same.count)} {same.what or 'already as declared'}", "="))


def _records(step: Step, detail: Detail) -> Iterator[Text]:
    if detail == "summary" or not step.count:
        return
    for record in step.records:
        yield from _record(record, step.mark, detail)


def _record(record: Record, mark: str, detail: Detail) -> Iterator[Text]:
    row = f"row {record.row}" if record.row else ""
    lead = Text(" " * 8).append(mark, style=style(mark)).append(f" {row}")
    yield from hanging(lead, record.key, at=20)
    if detail == "full":
        for name, value in record.values.items():
            yield from hanging(Text(" " * 20 + plain(name)), shown(value), at=52)


def _elsewhere(head: Header) -> Iterator[Text]:
    following = head.position.partition("next: ")[2]
    words = str(head.options.get("not_here") or f"what {following} declares")
    if following:
        yield blank()
        yield from hanging(Text("Not in this phase:"), f"{words} (statecfg plan {following}).", at=19)


def closing_lines(plan: Plan, saved: Saved | None) -> Iterator[Text]:
    """What the plan comes to, how long it takes, whether it may be carried out, and where it was saved."""
    yield from hanging(Text("Plan:", style=style("head")), totals(plan), at=6)
    if plan.steps and not plan.blocked:
        yield line(f"Takes {span(*seconds(plan.steps, plan.header.environment_class))}.")
    yield from _obstacles(plan)
    if saved:
        until = f"until the world changes{_limit(plan.header)}"
        yield line(("Saved ", "head"), f"{saved.path}   sha256 {short_digest(saved.sha256)}   good {until}")


def _limit(head: Header) -> str:
    try:
        whole = datetime.fromisoformat(head.expires_at) - datetime.fromisoformat(head.made_at)
    except ValueError:
        return ""
    return f", at most {duration(whole.total_seconds())}"


def _obstacles(plan: Plan) -> Iterator[Text]:
    blocking = [finding.code for finding in plan.findings if finding.severity == "block"]
    if blocking:
        words = f"{counted(len(blocking), 'finding')} must be settled first: {', '.join(dict.fromkeys(blocking))}."
        yield from hanging(Text("BLOCKED", style=style("block")), f"{words} Nothing can be applied or saved.", at=9)
    asking = [finding.code for finding in plan.findings if finding.severity == "ask"]
    if asking and plan.steps:
        words = f"{counted(len(asking), 'question')} will be asked before the first write: {', '.join(asking)}."
        yield from hanging(Text("ASKED", style=style("ask")), words, at=9)


def totals(plan: Plan) -> str:
    """What a plan comes to in one sentence: single changes by kind, records by kind and verb, and what stays."""
    unchanged = sum(same.count for same in plan.unchanged)
    stays = f" {number(unchanged)} unchanged." if unchanged else ""
    if plan.passed and not plan.steps:
        return f"nothing to do: {plan.header.phase} is passed, see {plan.passed}.{stays}"
    if not plan.steps:
        return f"nothing to do, everything is as declared.{stays}"
    return f"{', '.join([*_single_changes(plan.steps), *_records_to(plan.steps), *_waits(plan.steps)])}.{stays}"


def _single_changes(steps: Iterable[Step]) -> Iterator[str]:
    numbers: dict[str, int] = {}
    for step in steps:
        if step.sends and not step.count:
            numbers[step.address.kind] = numbers.get(step.address.kind, 0) + 1
    for kind, count in numbers.items():
        yield f"{counted(count, 'step')} on {kind.removesuffix('s')}s"


def _records_to(steps: Iterable[Step]) -> Iterator[str]:
    numbers: dict[tuple[str, str], int] = {}
    for step in steps:
        if step.sends and step.count:
            to = (step.address.kind, step.verb.removesuffix("-canary").replace("-", " "))
            numbers[to] = numbers.get(to, 0) + step.count
    # A canary goes ahead of the others, and is one of them.
    for (kind, verb), count in numbers.items():
        yield f"{counted(count, kind.removesuffix('s'))} to {verb}"


def _waits(steps: Iterable[Step]) -> Iterator[str]:
    waits = sum(not step.sends for step in steps)
    if waits:
        yield counted(waits, "wait")


def _inputs(head: Header) -> Iterator[Text]:
    yield blank()
    yield heading("Made from")
    for path, digest in head.inputs.items():
        yield from indented(f"{digest}  {path}", 2, "quiet")
    yield from indented(f"by {head.tool} {head.version}, {instant(head.made_at)}", 2, "quiet")
