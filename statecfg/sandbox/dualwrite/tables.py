"""The gateway's own tables: the link, maps, versions on offer, requests, cached schemas, what runs, what waits.

No client reads them directly. `dw.maps` is what the gateway *says*; `dw.deployments` is what the run time *does*.
"""

from __future__ import annotations

from statecfg.sandbox.tables import Column, Table
from statecfg.sandbox.world import World

LINK = "dw.link"
MAPS = "dw.maps"
TEMPLATES = "dw.templates"
REQUESTS = "dw.requests"
RESTORES = "dw.restores"
SCHEMAS = "dw.schemas"
KEYS = "dw.keys"
DEPLOYMENTS = "dw.deployments"
QUEUE = "dw.queue"
BACKLOG = "dw.backlog"
CATCH_UP_ERRORS = "dw.catchuperrors"
SYNC_RUNS = "dw.syncruns"
TIDINGS = "dw.tidings"
TOLD = "dw.told"
IMPORTS = "dw.imports"


def _text(name: str) -> Column:
    return Column(name, "string")


def _long(name: str) -> Column:
    return Column(name, "memo")


def _whole(name: str, default: int = 0) -> Column:
    return Column(name, "bigint", default=default)


def _flag(name: str, *, default: bool = False) -> Column:
    return Column(name, "bool", default=default)


_TABLES = (
    Table(LINK, ("cid",), (Column("cid", "guid"), _text("cname"), _text("environment"), _flag("linked", default=True))),
    Table(
        MAPS,
        ("map",),
        (
            _text("map"), _text("tname"), _text("entity_set"), _text("source_table"), _text("label"),
            _text("finance_set"), Column("pid", "guid"), _text("project"), _text("state"), Column("template", "guid"),
            _whole("position"), _text("busy"), _text("busy_until"), _whole("busy_reads"), _long("described"),
        ),
        indexes=(("pid",), ("project",), ("entity_set",)),
    ),
    Table(
        TEMPLATES,
        ("id",),
        (
            Column("id", "guid"), _text("map"), Column("row", "guid"), _text("name"), _text("author"),
            _text("version"), _text("description"), _long("mapping"), _flag("managed"), _text("created"),
            _whole("position"),
        ),
        indexes=(("map",), ("row",)),
    ),
    Table(
        REQUESTS,
        ("id", "map"),
        (
            Column("id", "guid"), _text("map"), _text("action"), _text("state"), _text("created"), _text("modified"),
            _long("error"), _long("error_uri"), Column("activity", "guid"), _long("body"), Column("template", "guid"),
            _whole("reads"), _text("due"), _text("seen"), _whole("position"),
        ),
        indexes=(("map", "position"), ("state",)),
    ),
    Table(
        RESTORES,
        ("id",),
        (
            Column("id", "guid"), _text("action"), _text("state"), _text("created"), _text("modified"),
            _long("solutions"), _long("message"), _whole("reads"), _text("due"), Column("activity", "guid"),
        ),
    ),
    Table(SCHEMAS, ("map",), (_text("map"), _long("finance"), _long("dataverse"), _text("refreshed"))),
    Table(KEYS, ("entity_set",), (_text("entity_set"), _long("fields"), _flag("customized"))),
    Table(
        DEPLOYMENTS,
        ("map",),
        (
            _text("map"), _text("mode"), _text("source_table"), _text("finance_set"), _long("mapping"),
            _text("version"), _text("author"), _text("since"),
        ),
        indexes=(("source_table",), ("finance_set",)),
    ),
    Table(
        QUEUE,
        ("id",),
        (
            Column("id", "bigint"), _text("map"), _text("direction"), _text("operation"),
            _long("before"), _long("after"), _text("at"),
        ),
        indexes=(("map",),),
    ),
    Table(
        BACKLOG,
        ("id",),
        (Column("id", "bigint"), _text("map"), _text("operation"), _long("mapping"), _long("after"), _text("company")),
        indexes=(("map",),),
    ),
    Table(
        CATCH_UP_ERRORS,
        ("id",),
        (Column("id", "bigint"), _text("map"), _text("operation"), _long("after"), _long("message"), _text("at")),
        indexes=(("map",),),
    ),
    Table(
        SYNC_RUNS,
        ("id",),
        (
            Column("id", "bigint"), _text("map"), Column("request", "guid"), _text("company"), _text("status"),
            _text("at"), _whole("upserts"), _whole("errors"), _long("details"),
        ),
        indexes=(("map",),),
    ),
    Table(
        TIDINGS,
        ("id",),
        (
            Column("id", "bigint"), _text("witness"), _text("map"), _text("says"), Column("template", "guid"),
            _long("mapping"), _text("due"), _whole("reads"),
        ),
        indexes=(("witness",),),
    ),
    Table(
        TOLD,
        ("witness", "map"),
        (_text("witness"), _text("map"), _text("says"), Column("template", "guid"), _long("mapping")),
    ),
    Table(IMPORTS, ("job",), (Column("job", "guid"), _long("content"), _whole("reads"))),
)  # fmt: skip


def define_tables(world: World) -> None:
    """Make the gateway's tables known to the world."""
    for table in _TABLES:
        world.define(table)
