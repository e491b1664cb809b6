"""`statecfg validate`: everything that the files alone show."""

from __future__ import annotations

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.errors import DeclarationError
from statecfg.model.results import ValidationReport


@click.command("validate", short_help="Check the files; nothing is contacted.")
@project_options
@output_options("text", "json", "events", "junit", "sarif")
@click.option("--strict", is_flag=True, help="Warnings are problems too.")
@answering
def validate(call: Call, strict: bool) -> int:
    """Check inventory, state files and record files, and name every problem at its line.

    Nothing is contacted: this is what a pull request can be checked with.

    \b
    Examples:
      statecfg validate -i inventories/contoso
      statecfg validate -i inventories/contoso -o sarif > statecfg.sarif

    Exit codes: 0 the files are right, 8 they are not.
    """
    try:
        report = call.application().validate()
    except DeclarationError as error:
        report = ValidationReport(problems=error.problems)
    code = report.exit_code(strict=strict)
    _show(call, report, strict, code)
    return code


def _show(call: Call, report: ValidationReport, strict: bool, code: int) -> None:
    from statecfg import __version__
    from statecfg.report import as_json, as_junit, as_sarif
    from statecfg.report.problem_lines import validation_lines

    match call.output.form:
        case "json" | "events":
            call.output.document(as_json.validation_document(report, strict=strict), code)
        case "junit":
            call.output.raw(as_junit.validation_junit(report, strict=strict))
        case "sarif":
            call.output.raw(as_json.encoded(as_sarif.validation_sarif(report, __version__)))
        case _:
            call.output.lines(validation_lines(report, strict=strict))
