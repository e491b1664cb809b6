"""`statecfg sandbox`: the local stand-in for the services, started, ended, and told to misbehave.

Only here does the product touch the sandbox, and only inside a command: nobody who plans against a tenant loads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, pairs
from statecfg.model.address import Source
from statecfg.model.errors import OK, DeclarationError, Locked, Problem, StatecfgError, Unavailable

if TYPE_CHECKING:
    from statecfg.sandbox.process import Running
    from statecfg.sandbox.wanted import Shape, Wanted

Function = TypeVar("Function", bound=Callable[..., Any])

# Defaults stand here and in the sandbox's own `wanted`, so that --help needn't load it; a test compares the two.
DIRECTORY, CONTRACTS, MILESTONES, SEED, PORT = ".sandbox", 40, 1200, 7, 18440
EFFECTS = {
    "delay": "delay", "error": "status", "throttle": "status", "drop": "drop", "lost-answer": "lost",
    "cut-answer": "truncate", "expire-token": "expire_token", "refuse-row": "refuse_row",
}  # fmt: skip
SERVICES = ("entra", "dataverse", "finance", "dualwrite", "admin")


@click.group("sandbox", short_help="The local stand-in for the services: up, down, and more.")
def sandbox() -> None:
    """Run the services on this machine, to rehearse a cutover or to test against.

    One process, five HTTPS listeners on loopback: Entra ID, Dataverse, Finance and Operations, the dual-write gateway,
    the Power Platform admin read. Dual-write really carries records, and posting really posts.

    \b
    Example:
      statecfg sandbox up --detach
      statecfg plan cutover -i .sandbox/inventory
      statecfg sandbox down
    """


def _directory(function: Function) -> Function:
    kind = click.Path(file_okay=False, path_type=Path)
    words = "Where the sandbox keeps its files."
    option = click.option(
        "--dir", "directory", metavar="DIR", type=kind, default=DIRECTORY, show_default=True, help=words
    )
    return option(function)


def _number(name: str, default: int, least: int | None, words: str) -> Callable[[Function], Function]:
    return click.option(name, type=click.IntRange(min=least), default=default, show_default=True, help=words)


def _shape_options(function: Function) -> Function:
    file = click.Path(exists=True, dir_okay=False, path_type=Path)

    add = [
        _number("--contracts", CONTRACTS, 1, "Contracts in the file (not with --from)."),
        _number("--milestones", MILESTONES, 1, "Rows of the file (not with --from)."),
        _number("--seed", SEED, None, "The same seed gives the same world."),
        _number("--existing", 0, 0, "More open milestones, on contracts outside the file."),
        click.option("--from", "from_file", metavar="FILE", type=file, help="A legacy export (csv) that it fits."),
        click.option("--columns", metavar="FILE", type=file, help="Its headings: YAML with `columns:`."),
        click.option("--set", "knobs", metavar="NAME=VALUE", multiple=True, help="Turn a setting."),
    ]
    for option in reversed(add):
        function = option(function)
    return function


@sandbox.command("up", short_help="Start it; --detach in the background.")
@_directory
@_shape_options
@click.option(
    "--port", type=click.IntRange(0, 65531), default=PORT, show_default=True, help="First of five ports; 0: free ones."
)
@click.option("--detach", is_flag=True, help="In the background; returns when it is ready.")
@click.option("--keep", is_flag=True, help="Keep the world in DIR, and go on with the one kept there.")
@output_options("text", "json")
@answering
def up(call: Call, directory: Path, port: int, detach: bool, keep: bool, **shape: Any) -> int:
    """Make a company just before its cutover and serve it, with an inventory that is ready to use.

    Writes into DIR: ca.pem, sandbox.json (addresses and sign-in), inventory/, data/milestones.csv (the legacy export to
    migrate). With --from the world fits your own export; its rows that can't be used go to data/unusable.csv with the
    reason.

    \b
    Example:
      statecfg sandbox up --detach
      statecfg sandbox up --dir rehearsal --from export.csv --columns columns.yml --detach
    """
    from statecfg.sandbox.process import LOG_FILE, NotStarted, running, start_detached
    from statecfg.sandbox.wanted import Wanted, arguments

    found = running(directory.absolute())
    if found:
        do = f"use it, or end it with `statecfg sandbox down{_dir(directory)}` and start a fresh one"
        raise Locked(f"a sandbox is running there already (process {found.pid})", where=str(directory), do=do)
    wanted = Wanted(directory.absolute(), port, keep, _shape(**shape))
    _check_export(wanted.shape)
    _check_ports(port)
    if not detach:
        return _serve(call, wanted, directory)
    try:
        started = start_detached(wanted.directory, arguments(wanted))
    except NotStarted as failed:
        do = f"{directory / LOG_FILE} has what it said"
        raise StatecfgError(f"the sandbox didn't start: {failed}", do=do) from failed
    _tell_started(call, directory, started.details)
    return OK


@sandbox.command("down", short_help="End it.")
@_directory
@output_options("text", "json")
@answering
def down(call: Call, directory: Path) -> int:
    """End the sandbox of DIR. Its files stay; without --keep its world is gone.

    \b
    Example:
      statecfg sandbox down
    """
    from statecfg.sandbox.process import NotEnded, end, running

    found = running(directory.absolute())
    if found is None:
        _tell(call, {"ended": None}, f"No sandbox is running in {directory}.")
        return OK
    try:
        end(found)
    except NotEnded as failed:
        raise StatecfgError(str(failed), where=str(directory), do="end it by hand") from failed
    _tell(call, {"ended": found.pid}, f"The sandbox in {directory} has ended (process {found.pid}).")
    return OK


@sandbox.command("seed", short_help="Make its world anew.")
@_directory
@_shape_options
@output_options("text", "json")
@answering
def seed(call: Call, directory: Path, **shape: Any) -> int:
    """Replace the world of a running sandbox; addresses and sign-in stay as they are.

    \b
    Example:
      statecfg sandbox seed --contracts 5 --milestones 60
    """
    from statecfg.sandbox.wanted import shape_values

    wanted = _shape(**shape)
    _check_export(wanted)
    details = _ask(_running(directory), "POST", "seed", shape_values(wanted))
    _tell_started(call, directory, details)
    return OK


@sandbox.group("fault", short_help="Have it misbehave: list, add, clear.", invoke_without_command=True)
@_directory
@click.pass_context
def fault(context: click.Context, directory: Path) -> Any:
    """What goes wrong on purpose. Without a command: the faults asked for, and how often each struck.

    \b
    Example:
      statecfg sandbox fault add throttle --service dataverse --nth 3
      statecfg sandbox fault add lost-answer --method POST --path CreateMultiple --nth 1
      statecfg sandbox fault clear
    """
    context.meta["sandbox.directory"] = directory
    return context.invoke(list_faults) if context.invoked_subcommand is None else None


@fault.command("list", short_help="The faults asked for.")
@output_options("text", "json")
@answering
def list_faults(call: Call) -> int:
    """Show the faults asked for, and how often each struck."""
    found = _ask(_running(_directory_of_faults()), "GET", "faults")
    _tell(call, {"faults": found}, *([_fault_line(each) for each in found] or ["No faults."]))
    return OK


@fault.command("add", short_help="Ask for one.")
@click.argument("effect", type=click.Choice([*EFFECTS, "raw"]))
@click.argument("raw", required=False)
@click.option("--service", type=click.Choice(SERVICES), help="Only requests to this service.")
@click.option("--method", help="Only this method.")
@click.option("--path", metavar="REGEX", help="Only requests whose path and query match.")
@click.option("--body", metavar="TEXT", help="Only requests whose body contains this.")
@click.option("--nth", type=click.IntRange(min=1), help="From the nth such request on, once unless --times says more.")
@click.option("--times", type=click.IntRange(min=0), help="How many requests it strikes; 0: all.")
@click.option("--after", is_flag=True, help="After the request was carried out, not before.")
@click.option("--seconds", type=float, help="delay: how long; throttle: what Retry-After says.")
@click.option("--status", type=click.IntRange(400, 599), help="error: the HTTP status (default 503).")
@click.option("--message", help="error, refuse-row: the service's words.")
@click.option("--contains", metavar="TEXT", help="refuse-row: rows with this text in a column.")
@click.option("--table", help="refuse-row: rows of this table only.")
@output_options("text", "json")
@answering
def add_fault(call: Call, effect: str, raw: str | None, **given: Any) -> int:
    """Ask for a fault. EFFECT `raw` takes the control path's own JSON as the next argument.

    \b
    delay         the request waits          error         an HTTP error status
    throttle      429 with Retry-After       drop          the connection is closed, nothing done
    lost-answer   done, then closed          cut-answer    the answer is cut in the middle
    expire-token  the token is old           refuse-row    a row is refused by what it contains
    """
    wanted = _raw(raw or "") if effect == "raw" else _fault(effect, given)
    made = _ask(_running(_directory_of_faults()), "POST", "faults", wanted)
    _tell(call, made, _fault_line(made))
    return OK


@fault.command("clear", short_help="Forget them.")
@click.argument("number", type=int, required=False)
@output_options("text", "json")
@answering
def clear_faults(call: Call, number: int | None) -> int:
    """Forget one fault, or all."""
    _ask(_running(_directory_of_faults()), "DELETE", "faults" if number is None else f"faults/{number}")
    _tell(call, {"cleared": number}, "No faults any more." if number is None else f"Fault {number} is forgotten.")
    return OK


@sandbox.command("status", short_help="Maps by all witnesses, counts, AR and GL.")
@_directory
@output_options("text", "json")
@answering
def status(call: Call, directory: Path) -> int:
    """Show where it runs, the three maps as each witness tells it, how many records there are, and AR and GL.

    \b
    Example:
      statecfg sandbox status
    """
    found = _running(directory)
    told = _ask(found, "GET", "status")
    ledger = _ask(found, "GET", "ledger")
    _tell(
        call, {"status": told, "ledger": ledger, "details": _shown(found.details)}, *_status_lines(found, told, ledger)
    )
    return OK


@sandbox.command("settings", short_help="Its knobs: show or turn.")
@_directory
@click.argument("changes", metavar="[NAME=VALUE]...", nargs=-1)
@output_options("text", "json")
@answering
def settings(call: Call, directory: Path, changes: Sequence[str]) -> int:
    """Show every setting, or change some; a value is JSON, or else a text.

    \b
    Example:
      statecfg sandbox settings valuemap.missing=skip witness.dataverse.lag_reads=3
    """
    found = _running(directory)
    turned = _knobs(changes, "settings")
    values = _ask(found, "PATCH", "settings", turned) if turned else _ask(found, "GET", "settings")
    shown = {name: value for name, value in values.items() if not turned or name in turned}
    _tell(call, shown, *(f"{name} = {json.dumps(value, default=str)}" for name, value in shown.items()))
    return OK


@sandbox.command("import-and-post", short_help="Finance's evening: import from staging, post every proposal.")
@_directory
@output_options("text", "json")
@answering
def import_and_post(call: Call, directory: Path) -> int:
    """Import what stands in staging, then post every invoice proposal, as the accountants will.

    Only this moves AR and GL. After a cutover done right there is nothing to import and nothing to post.

    \b
    Example:
      statecfg sandbox import-and-post
    """
    from statecfg.sandbox.seeding.telling import posting_lines

    found = _running(directory)
    told = {"import": _ask(found, "POST", "import"), "post": _ask(found, "POST", "post")}
    _tell(call, told, *posting_lines(told["import"], told["post"]))
    return OK


def _running(directory: Path) -> Running:
    """The sandbox of a directory. Raises Unavailable if none answers."""
    from statecfg.sandbox.process import running

    found = running(directory.absolute())
    if found is None:
        do = f"start one with `statecfg sandbox up --detach{_dir(directory)}`"
        raise Unavailable("no sandbox is running there", where=str(directory), do=do)
    return found


def _ask(found: Running, method: str, name: str, body: Any = None) -> Any:
    """One call of the control path. Raises StatecfgError with the sandbox's own words, Unavailable."""
    from statecfg.sandbox.talk import NoAnswer, Unwilling

    try:
        return found.control.send(method, name, body)
    except NoAnswer as gone:
        raise Unavailable(str(gone), do="see whether it still runs: `statecfg sandbox status`") from gone
    except Unwilling as refused:
        raise StatecfgError(f"the sandbox refused: {refused}") from refused


def _directory_of_faults() -> Path:
    directory = click.get_current_context().meta["sandbox.directory"]
    assert isinstance(directory, Path)
    return directory


def _dir(directory: Path) -> str:
    """The option that names the directory, where it isn't the default."""
    return "" if directory == Path(DIRECTORY) else f" --dir {directory}"


def _shape(knobs: Sequence[str], **given: Any) -> Shape:
    from statecfg.sandbox.wanted import Shape

    if given["columns"] and not given["from_file"]:
        raise click.UsageError("--columns says what the headings of --from mean: give --from FILE too.")
    return Shape(**given, settings=_knobs(knobs, "--set"))


def _knobs(given: Sequence[str], option: str) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that is JSON is taken for what it says, any other as a text."""
    return {name: _value(text) for name, text in pairs(given, option).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _raw(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as cause:
        raise click.UsageError(f"`raw` takes a JSON object as the next argument: {cause}") from cause


def _check_export(shape: Shape) -> None:
    """Read the export here first, so that its faults are told as any other file's. Raises DeclarationError."""
    from statecfg.sandbox.seeding.legacy import Unreadable, read

    if shape.from_file is None:
        return
    try:
        if not read(shape.from_file, shape.columns).usable:
            raise Unreadable("no row of it can be used")
    except Unreadable as wrong:
        problem = Problem("export-unusable", Source(str(shape.from_file)), str(wrong))
        raise DeclarationError((problem,)) from wrong


def _check_ports(port: int) -> None:
    """See that the ports are free. Raises click.UsageError."""
    from statecfg.sandbox.server import PortTaken, bound

    try:
        opened = bound(port)
    except PortTaken as taken:
        raise click.UsageError(
            f"{taken}. Choose others with --port, or let it take free ones with --port 0."
        ) from taken
    for each in opened.values():
        each.close()


def _serve(call: Call, wanted: Wanted, directory: Path) -> int:
    """Run in the foreground until Ctrl-C."""
    from statecfg.sandbox.server import serve
    from statecfg.sandbox.settings import UnknownSetting, WrongValue

    def told(details: Mapping[str, Any]) -> None:
        _tell_started(call, directory, details)
        if call.output.form == "text":
            call.output.raw("\nCtrl-C ends it.")

    try:
        return serve(wanted, told)
    except UnknownSetting as unknown:
        raise click.UsageError(f"--set: there is no setting {unknown}.") from unknown
    except WrongValue as wrong:
        raise click.UsageError(f"--set: {wrong}.") from wrong


def _fault(effect: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A fault as the control path takes it, from the options of `fault add`."""
    seconds, status = given["seconds"], given["status"]
    wanted: dict[str, Any] = {"effect": EFFECTS[effect]}
    if effect == "throttle":
        wanted |= {"status": 429, "retry_after": int(seconds) if seconds is not None else 1}
    elif effect == "error":
        wanted["status"] = status or 503
    elif effect == "delay":
        wanted["seconds"] = seconds if seconds is not None else 1.0
    named = {"service": "service", "method": "method", "path": "path", "body": "body", "nth": "occurrence",
             "times": "times", "message": "message", "contains": "contains", "table": "table"}  # fmt: skip
    wanted |= {theirs: given[ours] for ours, theirs in named.items() if given[ours] is not None}
    return wanted | ({"phase": "after"} if given["after"] else {})


def _fault_line(fault: Mapping[str, Any]) -> str:
    """One fault as a line: number, what, to which requests, how often it struck."""
    hidden = ("number", "effect", "seen", "fired")
    rest = "  ".join(f"{name}={value}" for name, value in fault.items() if name not in hidden and value not in ("", 0))
    return f"{fault['number']:>3}  {fault['effect']:<12} {rest}  struck {fault['fired']} of {fault['seen']}"


def _tell(call: Call, document: Any, *lines: str) -> None:
    """The result: lines for a person, the document for a program."""
    if call.output.form == "text":
        for line in lines:
            call.output.raw(line)
    else:
        call.output.document(document, OK)


def _shown(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details without their secrets."""
    return {name: value for name, value in details.items() if not re.search("secret|token", name)}


def _tell_started(call: Call, directory: Path, details: Mapping[str, Any]) -> None:
    """What runs, where, and what to do next."""
    from statecfg.sandbox.seeding.telling import started_lines

    _tell(call, _shown(details), *started_lines(directory, details))


def _status_lines(found: Running, told: Any, ledger: Any) -> list[str]:
    from statecfg.sandbox.seeding.telling import status_lines

    return list(status_lines(found.details, told, ledger))
