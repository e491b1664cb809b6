"""The page at the sandbox's root, for people: what runs where, the maps, counts, AR and GL, the last requests.

It only shows what the control path tells; every value that comes from the world or from a request is escaped. It needs
nothing from outside: one file, refreshed by asking itself again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from statecfg.sandbox.control import PREFIX
from statecfg.sandbox.dualwrite.settings import DATAVERSE, FINANCE, GATEWAY
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.overview import overview
from statecfg.sandbox.seeding.telling import SERVICES
from statecfg.sandbox.wire import Answer, Request

LAST = 20
DOCS = Path(__file__).resolve().parents[2] / "docs"
# Pages of the documentation that are served too, where the sandbox runs from a checkout.
_PAGES = ("sandbox.md", "commands.md", "exit-codes.md", "output.md")
_MICROSOFT = (
    ("the cutover of invoiced milestones",
     "dynamics365/project-operations/advanced-configuration/migrating-invoiced-milestones"),
    ("Dataverse Web API", "power-apps/developer/data-platform/webapi/overview"),
    ("Finance and Operations OData", "dynamics365/fin-ops-core/dev-itpro/data-entities/odata"),
    ("dual-write", "dynamics365/fin-ops-core/dev-itpro/data-entities/dual-write/dual-write-overview"),
)  # fmt: skip
_CONTROL = ("status", "maps", "ledger", "requests", "settings/meanings", "faults", "jobs", "dump")
_WITNESSES = ((GATEWAY, "Gateway"), (DATAVERSE, "Dataverse"), (FINANCE, "Finance"))

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --line: #dde2ea; --card: #fff; --back: #f3f5f8;
  --good: #17713a; --good-back: #e0f3e6; --off: #4d5866; --off-back: #e8ebf0; --warn: #8a5200; --warn-back: #fdeed3;
  --bad: #a31d1d; --bad-back: #fbe3e3; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --line: #333c49; --card: #1c222b;
  --back: #12161c; --good: #7bd99a; --good-back: #17371f; --off: #b4bdc9; --off-back: #2b323d; --warn: #f0c070;
  --warn-back: #40301a; --bad: #f19a9a; --bad-back: #451f1f; --link: #7db8f5; } }
* { box-sizing: border-box } body { margin: 0; background: var(--back); color: var(--ink);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif }
a { color: var(--link) } main { max-width: 1200px; margin: 0 auto; padding: 20px 16px 40px; display: grid; gap: 16px;
  grid-template-columns: repeat(12, 1fr) }
header { grid-column: 1 / -1; display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap }
h1 { font-size: 22px; margin: 0 } h2 { font-size: 13px; margin: 0 0 10px; color: var(--soft); font-weight: 600 }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; min-width: 0;
  overflow-x: auto } .wide { grid-column: 1 / -1 } .half { grid-column: span 6 }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: var(--soft); font-weight: 500;
  font-size: 12px } th, td { padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap } tr:last-child td { border-bottom: 0 } td.long { white-space: normal; overflow-wrap: anywhere;
  width: 60%; min-width: 20em } .number { text-align: right; font-variant-numeric: tabular-nums }
  th.number { padding-right: 16px }
code, .mono { font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", Consolas, monospace } .soft { color: var(--soft) }
.chip { border-radius: 10px; padding: 1px 9px; font-size: 12px; white-space: nowrap } .good { color: var(--good);
  background: var(--good-back) } .off { color: var(--off); background: var(--off-back) } .warn { color: var(--warn);
  background: var(--warn-back) } .bad { color: var(--bad); background: var(--bad-back) }
.gone { display: none } body.lost .gone { display: inline } small { color: var(--soft); display: block }
@media (max-width: 860px) { .half { grid-column: 1 / -1 } .half td { white-space: normal; overflow-wrap: anywhere } }
ul { margin: 0; padding: 0; list-style: none } li { padding: 2px 0 } p { margin: 8px 0 0 }
"""
_SCRIPT = """
const again = async () => {
  if (!String(getSelection())) try {
    const text = await (await fetch(location.pathname, {cache: 'no-store'})).text();
    const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
    document.querySelector('main').replaceWith(fresh);
    document.body.className = '';
  } catch { document.body.className = 'lost'; }
  setTimeout(again, 3000);
};
setTimeout(again, 3000);
"""
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    f"script-src 'sha256-{_SCRIPT_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_KINDS = {"running": "good", "stopped": "off", "not running": "off", "not initialised": "off", "no row": "off"}


def offer(kernel: Kernel, details: Callable[[], Mapping[str, Any]]) -> None:
    """Serve the page at the root of every listener. details: what `sandbox.json` says at present."""

    def root(_request: Request) -> Answer:
        try:
            status, content = 200, page(details(), seen(kernel))
        except Exception as failed:
            # A world that is just being replaced can't be shown.
            status, content = 503, _document([f"<section class=wide>{_text(repr(failed))}</section>"])
        return Answer(status, content.encode(), _HEADERS)

    kernel.pages["/"] = root
    for name in _PAGES:
        if (DOCS / name).is_file():
            kernel.pages[f"{PREFIX}docs/{name}"] = _document_of(DOCS / name)


def seen(kernel: Kernel) -> dict[str, Any]:
    """Everything that changes: status, ledger, the last requests, faults, settings that somebody turned."""
    return {
        "now": kernel.world.timestamp(),
        "status": overview(kernel),
        "ledger": kernel.control.call("ledger", "GET"),
        "requests": kernel.log.last(LAST),
        "faults": kernel.world.faults.shown(),
        "turned": [each for each in kernel.world.settings.described() if each["value"] != each["default"]],
        "lies": kernel.world.settings["witness.lies"],
        "docs": [path.removeprefix(f"{PREFIX}docs/") for path in kernel.pages if path.startswith(f"{PREFIX}docs/")],
    }


def page(details: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    """The whole page as HTML. view: what `seen` gives."""
    status = view["status"]
    return _document(
        (
            _header(details, view),
            _section("Where", "half", _where(details)),
            _section("How many", "half", _counts(status["counts"])),
            _section("The three maps, by all witnesses", "wide", _maps(status["maps"], view["lies"])),
            _section("Accounts receivable and general ledger, by legal entity", "wide", _ledger(view["ledger"])),
            _section("The last requests", "wide", _requests(view["requests"])),
            _section("Faults and turned settings", "half", _odd(view)),
            _section("Documentation", "half", _links(view["docs"])),
        )
    )


def _document_of(path: Path) -> Callable[[Request], Answer]:
    def shown(_request: Request) -> Answer:
        return Answer(200, path.read_bytes(), {**_HEADERS, "Content-Type": "text/plain; charset=utf-8"})

    return shown


def _document(parts: Iterable[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>statecfg sandbox</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        f"<style>{_STYLE}</style></head>\n<body><main>\n{chr(10).join(parts)}\n</main>"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _header(details: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    world, status = details.get("world", {}), view["status"]
    what = f"{world.get('contracts', 0):,} contracts, {world.get('milestones', 0):,} milestones to migrate"
    crashes = f" {_chip(str(status['crashes']) + ' crashes of its own', 'bad')}" if status["crashes"] else ""
    return (
        f"<header><h1>statecfg sandbox</h1><span class=soft>{_text(what)}, seed {_text(world.get('seed', ''))} · "
        f"process {_text(details.get('pid', ''))} since {_moment(details.get('started', ''))} · "
        f"seen {_moment(view['now'])}</span>{crashes}"
        "<span class='chip bad gone'>it doesn't answer any more</span></header>"
    )


def _where(details: Mapping[str, Any]) -> str:
    rows = [[_text(name), _mono(details.get(key, ""))] for name, key in SERVICES]
    rows += [
        [_text(name), _mono(details.get(key, ""))]
        for name, key in (("inventory", "inventory"), ("certificates", "ca_file"))
    ]
    return _table((), rows)


def _counts(counts: Mapping[str, Any]) -> str:
    def told(counted: Any) -> str:
        if not isinstance(counted, Mapping):
            return f"{counted:,}"
        return "<br>".join(f"{number:,} {_text(name)}" for name, number in counted.items()) or "none"

    return _table((), [[_text(name), told(counted)] for name, counted in counts.items()])


def _maps(maps: Mapping[str, Any], lies: Mapping[str, Any]) -> str:
    rows = []
    for name, told in maps.items():
        said = [
            _witness(told[witness], told["versions"].get(witness), lies=name in lies.get(witness, {}))
            for witness, _ in _WITNESSES
        ]
        waiting = [
            f"{told[kind]:,} {kind.replace('_', ' ')}"
            for kind in ("queued", "backlog", "catch_up_errors")
            if told[kind]
        ]
        what = _mono(told["runs"]) if told["runs"] else "<span class=soft>nothing</span>"
        rows.append([f"<b>{_text(name)}</b>", what, *said, _text(", ".join(waiting) or "nothing")])
    heads = ("Map", "really runs", *(label for _, label in _WITNESSES), "waiting")
    return _table(heads, rows) + (
        "<p class=soft>Dataverse and Finance hold a row only while a map runs and only for the directions it carries: "
        "no row is not the same as stopped.</p>"
    )


def _witness(state: str, told: Mapping[str, Any] | None, *, lies: bool) -> str:
    chip = _chip(state, _KINDS.get(state, "warn")) + (" " + _chip("made to lie", "warn") if lies else "")
    if told is None:
        return chip
    version = f"<small>{_text(told['version'] or 'no version')}, {told['lines']} lines</small>"
    return chip + version + (_chip("carries TRANSSTATUS", "warn") if told["transaction_status"] else "")


def _ledger(ledger: Mapping[str, Any]) -> str:
    heads = ("Legal entity", "#AR entries", "#AR balance", "#of it open", "#GL lines", "#GL debit", "#GL credit")
    rows = [
        [
            f"<b>{_text(entity)}</b> {_text(books['gl']['currency'])}",
            f"{books['ar']['count']:,}", _money(books["ar"]["amount"]), _money(books["ar"]["open_amount"]),
            f"{books['gl']['count']:,}", _money(books["gl"]["debit"]), _money(books["gl"]["credit"]),
        ]
        for entity, books in ledger.items()
    ]  # fmt: skip
    return _table(heads, rows)


def _requests(entries: Sequence[Mapping[str, Any]]) -> str:
    if not entries:
        return "<span class=soft>none yet</span>"
    rows = [_request(entry) for entry in reversed(entries)]
    return _table(("#No.", "at", "service", "method", "path", "answer"), rows)


def _request(entry: Mapping[str, Any]) -> list[str]:
    status = entry["status"]
    kind = "bad" if status == 0 or status >= 500 else "warn" if status >= 400 else "good"
    answer = _chip("dropped" if status == 0 else str(status), kind)
    faults = " ".join(_chip(str(effect), "warn") for effect in entry.get("faults", ()))
    target = unquote(f"{entry['path']}?{entry['query']}" if entry["query"] else entry["path"])
    shown = target if len(target) <= 240 else f"{target[:240]}…"
    return [
        f"{entry['number']:,}", _moment(entry["at"]), _text(entry["service"]), _text(entry["method"]),
        f"<span class=mono>{_text(shown)}</span>", f"{answer} {faults}",
    ]  # fmt: skip


def _odd(view: Mapping[str, Any]) -> str:
    faults = [
        f"fault {fault['number']}: {fault['effect']}, struck {fault['fired']} of {fault['seen']}"
        for fault in view["faults"]
    ]
    turned = [f"{each['name']} = {json.dumps(each['value'], default=str)}" for each in view["turned"]]
    lines = [f"<li class=mono>{_text(line)}</li>" for line in (*faults, *turned)]
    return f"<ul>{''.join(lines)}</ul>" if lines else "<span class=soft>no faults; every setting as it came</span>"


def _links(docs: Iterable[str]) -> str:
    own = list(_anchors((f"docs/{name}", f"{PREFIX}docs/{name}") for name in docs))
    told = _anchors((name, f"{PREFIX}{name}") for name in _CONTROL)
    theirs = _anchors((name, f"https://learn.microsoft.com/{path}") for name, path in _MICROSOFT)
    lines = (
        ("This sandbox", own or ["docs/sandbox.md in the project's source"]),
        ("As JSON", told),
        ("Microsoft", theirs),
    )
    return "".join(f"<p><span class=soft>{_text(head)}</span><br>{' · '.join(links)}</p>" for head, links in lines)


def _anchors(links: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, target in links:
        yield f'<a href="{escape(target, quote=True)}" rel="noreferrer">{_text(name)}</a>'


def _section(head: str, width: str, content: str) -> str:
    return f'<section class="{width}"><h2>{_text(head)}</h2>{content}</section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already. A head that begins with "#" stands over numbers."""
    classes = [' class="number"' if h.startswith("#") else ' class="long"' if h == "path" else "" for h in heads]
    head = "".join(f"<th{c}>{_text(h.removeprefix('#'))}</th>" for h, c in zip(heads, classes, strict=True))
    body = "".join(f"<tr>{_cells(row, classes)}</tr>" for row in rows)
    return f"<table>{'<tr>' + head + '</tr>' if head else ''}{body}</table>"


def _cells(row: Sequence[str], classes: Sequence[str]) -> str:
    return "".join(f"<td{c}>{cell}</td>" for cell, c in zip(row, classes or [""] * len(row), strict=True))


def _chip(text: str, kind: str) -> str:
    return f'<span class="chip {kind}">{_text(text)}</span>'


def _mono(value: Any) -> str:
    return f"<code>{_text(value)}</code>"


def _moment(value: Any) -> str:
    return _text(str(value).replace("T", " ").removesuffix("Z"))


def _money(amount: Any) -> str:
    """An amount with at least two decimals, thousands apart, and no digit lost."""
    whole, _, cents = f"{Decimal(amount):,f}".partition(".")
    return _text(f"{whole}.{cents.rstrip('0').ljust(2, '0')}")


def _text(value: Any) -> str:
    return escape(str(value), quote=True)
