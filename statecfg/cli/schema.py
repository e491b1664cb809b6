"""`statecfg schema`: JSON Schema of the files, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options
from statecfg.model.errors import OK


@click.command("schema", short_help="JSON Schema of state files and inventories, for editors.")
@click.option("--write", "directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
              help="Write one file a schema into DIR, instead of all to stdout.")  # fmt: skip
@output_options("text", "json")
@answering
def schema(call: Call, directory: Path | None) -> int:
    """Write the JSON Schema of state files and inventories, which editors use to complete and check them.

    \b
    Examples:
      statecfg schema --write .schemas
      statecfg schema > statecfg.schema.json
    """
    schemas = call.surroundings.schemas()
    if directory:
        _write(call, schemas, directory)
    else:
        _print(call, dict(schemas))
    return OK


def _write(call: Call, schemas: Mapping[str, Any], directory: Path) -> None:
    from statecfg.report.as_json import document, encoded
    from statecfg.report.layout import line

    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, value in schemas.items():
        path = directory / name
        path.write_text(encoded(value) + "\n", encoding="utf-8")
        paths.append(path.as_posix())
    if call.output.form == "text":
        call.output.lines(line(f"Wrote {path}") for path in paths)
    else:
        call.output.document(document("schema", {"written": paths}), OK)


def _print(call: Call, schemas: dict[str, Any]) -> None:
    from statecfg.report.as_json import encoded

    call.output.raw(encoded(schemas))
