"""The two lists on docs/sandbox.md that follow from the sandbox itself; as a program it brings the page up to date."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from statecfg.sandbox.control import Control
from statecfg.sandbox.server import Sandbox
from statecfg.sandbox.settings import Setting, Settings

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"

# What each call of the control path is for; a call without a line here is missing on the page.
CALLS = {
    "GET status": "maps by all witnesses, counts",
    "GET maps": "every map: state, version, what runs, what waits",
    "GET ledger": "AR and GL by legal entity, with their entries",
    "GET requests": "the log of requests; `?after=NUMBER`",
    "DELETE requests": "forget it",
    "GET settings": "values; `settings/meanings` with defaults and meanings",
    "PATCH settings": "turn some: `{name: value}`",
    "GET faults": "the faults asked for, and how often each struck",
    "POST faults": "ask for one",
    "DELETE faults": "forget all, or `faults/NUMBER`",
    "POST edit": "somebody else's edit, now or `when` a request comes in",
    "POST business-day": "a day of other people's work: `milestones`, `invoices`, `payments`, `contracts`",
    "POST snapshot": "keep the world under a `name`",
    "POST restore": "bring it back",
    "GET dump": "the world in canonical form; `?tables=a,b`",
    "POST import": "*Import from staging table*",
    "POST post": "post every proposal that has its lines; `date`",
    "GET jobs": "Finance's batch jobs",
    "POST jobs": "set them: `description`, `status`, `company`",
    "POST generate-mapping": "*Generate mapping* of a data entity; `entity`",
    "POST forget-mapping": "take a `field` out of the milestone entity's target mapping",
    "POST save-as": "*Add mapping* and *Save as*: `map`, `publisher`, `version`, `description`, `mappings`, `base`",
    "POST solution": "the same as an exported solution file",
    "POST witness": "have a witness lie about a map: `witness`, `map`, `says`, `version`; `says: truth` ends it",
    "POST alert-pause": "an alert pauses a `map` that nobody touched",
    "POST async-run": "run the asynchronous integration job now",
    "POST device-approve": "approve a device code, or refuse it: `user_code`, `user`, `declined`",
    "POST credentials": "give an application a secret, a certificate or a federation: `client_id`, and one of them",
    "DELETE refresh-tokens": "make every refresh token worthless",
    "GET headers": "milestone headers, of progress lines and of several customers, with their rows",
    "POST headers": "add a schedule of values to a line: `contract`, `line`, `name`, `amount`, `tax`, `date`",
    "POST next-invoice": "*Next %* of a `header`: `percent` or `amount` becomes ready, the rest stays",
    "POST bulk-confirm": "*Bulk confirm* of `invoices` (numbers or ids), of every draft where none is named",
    "POST sync-actuals": "*Sync Actuals*: everything on the page *Out of sync actuals* goes once more",
    "GET process": "process id and directory",
    "POST seed": "another world: `contracts`, `milestones`, `seed`, `from_file`, ...",
}
_PARTS = ("settings", "calls")


def settings_table(settings: Settings) -> str:
    """Every setting with its default and meaning, as Markdown."""
    return "\n".join(["| setting | as it comes | what it does |", "|---|---|---|", *map(_row, settings)])


def _row(setting: Setting) -> str:
    return f"| `{setting.name}` | `{json.dumps(setting.default)}` | {setting.meaning} |"


def calls_table(control: Control) -> str:
    """Every call of the control path, as Markdown. Raises KeyError for one without words."""
    names = [name.replace("/__sandbox/", "") for name in control.names()]
    ordered = sorted(names, key=list(CALLS).index) if set(names) <= set(CALLS) else [CALLS[name] for name in names]
    return "\n".join(["| call | does |", "|---|---|", *(f"| `{name}` | {CALLS[name]} |" for name in ordered)])


def between(text: str, part: str) -> str:
    """What stands between the marks of a part."""
    found = re.search(rf"<!-- {part}: .*? -->\n(.*?)<!-- end of {part} -->", text, re.DOTALL)
    assert found is not None, f"the page has no marks for {part}"
    return found[1].strip()


def replaced(text: str, part: str, table: str) -> str:
    """The text with something else between the marks of a part."""
    return re.sub(
        rf"(<!-- {part}: .*? -->\n).*?(<!-- end of {part} -->)",
        lambda found: f"{found[1]}\n{table}\n\n{found[2]}",
        text,
        flags=re.DOTALL,
    )


def tables(sandbox: Sandbox) -> dict[str, str]:
    """Both lists, by the names of their marks."""
    return {"settings": settings_table(sandbox.world.settings), "calls": calls_table(sandbox.kernel.control)}


def main() -> int:
    """Write both lists into the page."""
    with tempfile.TemporaryDirectory() as directory, Sandbox.start(directory, contracts=1, milestones=1) as sandbox:
        text = PAGE.read_text(encoding="utf-8")
        for part, table in tables(sandbox).items():
            text = replaced(text, part, table)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
