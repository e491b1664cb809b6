"""One cutover as values: what the reports are tried with."""

from __future__ import annotations

from decimal import Decimal

from statecfg.model.address import Address, Source
from statecfg.model.errors import Blocked, Problem
from statecfg.model.plan import (
    Batching,
    FieldChange,
    Finding,
    Header,
    Identity,
    Plan,
    Step,
    Summary,
    Unchanged,
)
from statecfg.model.records import Record
from statecfg.model.results import (
    ApplyResult,
    DriftReport,
    MapStatus,
    PhaseStatus,
    RunSummary,
    Saved,
    StatusReport,
    StepOutcome,
    ValidationReport,
)
from statecfg.model.window import Attestation

MILESTONES_MAP = Address("map", "milestones")
MAPS = tuple(Address("map", name) for name in ("milestones", "actuals", "invoices"))
MILESTONES = Address("milestones", "invoiced-before-go-live")
INVOICES = Address("invoices", "for-those-milestones")
FILE = "states/milestone-cutover/cutover.yml"
SAVED = Saved("go-live.plan", "9f3c" + "0" * 56 + "e1a2")

IDENTITY = Identity(
    "contoso-prod", "b1a0", "contoso.operations.dynamics.com", "c-1", "contoso.crm4.dynamics.com"
)  # fmt: skip


def header(environment_class: str = "prod", **options: object) -> Header:
    return Header(
        tool="statecfg",
        version="0.1.0",
        environment=IDENTITY,
        environment_class=environment_class,
        phase="cutover",
        position="1 of 2; next: restored",
        source=FILE,
        made_at="2026-11-21T18:02:11+00:00",
        expires_at="",
        inputs={FILE: "a" * 64, "data/milestones.csv": "b" * 64},
        options=options,
    )


def records(count: int) -> tuple[Record, ...]:
    return tuple(
        Record(f"CON-{n:04} / L1 / Kick-off", f"id-{n}", "", {"msdyn_amount": Decimal("12500.00")}, n + 1)
        for n in range(1, count + 1)
    )


FOUND = (
    Finding("ok", "finance-version", "10.0.39, needs 10.0.24", title="finance version"),
    Finding("ok", "target-mapping", "TRANSSTATUS is mapped", title="target mapping"),
    Finding(
        "info", "open-remainder", "12 lines have more to invoice later", title="open remainder", address=MILESTONES
    ),
    Finding(
        "ask",
        "maintenance-mode",
        "can't be read here: you will be asked to attest it",
        "switch administration mode on, background operations on",
        title="maintenance mode",
        where=Source(FILE, 9, 5),
    ),
)
BLOCKING = Finding(
    "block",
    "foreign-ready-milestones",
    "7 milestones outside the file are ready for invoicing, and would be sent as Invoiced.",
    "set them to not ready, or invoice them, before the cutover",
    title="only these milestones ready",
    where=Source(FILE, 13, 5),
    details=tuple(f"CON-{n:04} / L2 / Go-live" for n in range(1, 8)),
)


def steps(count: int = 3) -> tuple[Step, ...]:
    made = records(count)
    return (
        Step(MILESTONES_MAP, "stop", "stop milestones", 1, (MILESTONES_MAP,), "~"),
        Step(MILESTONES_MAP, "save-version", "Default publisher 1.0.0.8, Microsoft 1.0.0.7 and TRANSSTATUS <- "
             "msdyn_invoicestatus", 2, (MILESTONES_MAP,), "+"),
        Step(MILESTONES_MAP, "start", "start milestones on Default publisher 1.0.0.8, without initial sync", 3,
             (MILESTONES_MAP,), "~"),
        Step(MILESTONES, "create", f"{count} milestones to create on 2 contracts, 3 lines", 4, (MILESTONES,), "+",
             batching=Batching(), count=count, records=made),
        Step(MILESTONES, "wait", "until 15 milestones are in F&O as Invoiced", 5, (MILESTONES,), ">",
             sends=False),
        Step(MILESTONES_MAP, "stop", "stop milestones, actuals, invoices", 6, MAPS, "~"),
        Step(INVOICES, "create", "2 invoices to create", 7, (INVOICES,), "+", batching=Batching(every_s=None), count=2,
             records=made[:2]),
        Step(INVOICES, "confirm", "2 invoices to confirm; maps are looked at before every group", 8, (INVOICES,), "!",
             irreversible=True, batching=Batching(every_s=None), count=2, records=made[:2]),
    )  # fmt: skip


PLAN = Plan(
    header=header(),
    findings=FOUND,
    steps=steps(),
    unchanged=(Unchanged(MILESTONES, 12),),
    summaries=(
        Summary(
            MILESTONES,
            (
                ("sum", "37,500.00 USD (3)    control totals match"),
                ("first", "CON-0001 / L1 / Kick-off    2021-11-01    12,500.00 USD"),
            ),
        ),
    ),
    settled=(
        Finding("info", "settled", "CON-0009 / L1 / Start is posted already", title="posted", address=MILESTONES),
    ),
    reads={
        "records": 1215,
        "map/milestones": 1,
        "map/actuals": 1,
        "map/invoices": 1,
        "milestones/invoiced-before-go-live": 1212,
        "invoices/for-those-milestones": 40,
        "seconds": 4.1,
        "requests": 14,
    },
)
BLOCKED_PLAN = Plan(
    header=header(), findings=(*FOUND, BLOCKING), steps=steps(), reads={"map/milestones": 1, "seconds": 1.25}
)
EMPTY_PLAN = Plan(header=header("sandbox"), unchanged=(Unchanged(MILESTONES, 1212), Unchanged(INVOICES, 40)))
PASSED_PLAN = Plan(header=header("sandbox"), unchanged=(Unchanged(MILESTONES, 1212),), passed="restored")

PROBLEMS = (
    Problem("unknown-key", Source(FILE, 31, 5), "`runing` is no key of a map.", "write `running`"),
    Problem(
        "not-a-number",
        Source("data/milestones.csv", 17, "amount"),
        "`12.500,00` is not an amount: the file declares a decimal point, and this one has a comma as well.",
        'declare it: columns: {amount: {from: amount, decimal: ","}}',
    ),
)
VALIDATION = ValidationReport(
    PROBLEMS,
    (Problem("unused-column", Source("data/milestones.csv", 1, "Remark"), "The column Remark is not used."),),
    {"environments": 2, "phases": 3, "rows": 1212},
)


def outcome(number: int, state: str, done: int, total: int, **more: object) -> StepOutcome:
    step = next(step for step in PLAN.steps if step.number == number)
    return StepOutcome(number, step.address, step.verb, step.summary, state, done, total, **more)  # type: ignore[arg-type]


STOPPED = ApplyResult(
    plan=PLAN,
    run="20261121-180211-cutover",
    steps=(
        *(outcome(n, "done", 1, 1) for n in (1, 2, 3)),
        outcome(4, "done", 2, 3, refused=1),
        outcome(5, "done", 1, 1),
        outcome(6, "done", 1, 1),
        outcome(7, "unknown", 1, 2, what="the answer to CON-0002 was lost"),
        outcome(8, "not_started", 0, 2, irreversible=True),
    ),
    error=Blocked(
        "map/actuals is Running again. Sent since the last look that was clean: CON-0002.",
        (
            Finding(
                "block",
                "map-not-stopped",
                "gateway: running, Dataverse: running, F&O: silent",
                title="map/actuals",
                changes=(FieldChange("running", "stopped", "running"),),
            ),
        ),
        where="step 7 (invoices/for-those-milestones create)",
        do="stop the map and find out who started it",
    ),
    next_command="statecfg apply cutover -i inventories/contoso -l contoso-prod",
    findings=(
        *FOUND,
        Finding("ok", "general-ledger", "no new entry in usmf, demf since the baseline", title="general ledger"),
    ),
    notes=(
        "The maps before this window, for the inventory:",
        "maps:",
        "  milestones: {original: {publisher: Microsoft, number: 1.0.0.7, running: running}}",
    ),
    refused_file=".statecfg/refused.csv",
    seconds=432.0,
)
DONE = ApplyResult(
    plan=PLAN,
    run="20261121-180211-cutover",
    steps=tuple(outcome(n, "done", PLAN.steps[n - 1].count or 1, PLAN.steps[n - 1].count or 1) for n in range(1, 9)),
    seconds=75.4,
    next_command="statecfg plan restored -i inventories/contoso -l contoso-prod",
)
IDLE = ApplyResult(plan=EMPTY_PLAN)

DRIFT = DriftReport(
    "contoso-prod",
    "restored",
    (
        Finding(
            "warn",
            "newer-version",
            "the map runs on another version than the one before the window",
            title="map/invoices",
            changes=(FieldChange("version", "Microsoft 1.0.0.3", "Microsoft 1.0.0.4"),),
        ),
        Finding(
            "block",
            "changed-amount",
            "2 migrated milestones have another amount",
            "find out who changed them, and put them back",
            title="milestones",
            details=("CON-0001 / L1 / Kick-off", "CON-0002 / L1 / Kick-off"),
            changes=(FieldChange("CON-0001 / L1 / Kick-off amount", Decimal("12500.00"), Decimal("12000.00")),),
        ),
        Finding("ok", "traceable", "1,212 milestones, 40 invoices", title="records"),
    ),
    looked_at=("Dataverse milestones", "F&O staging", "F&O vouchers"),
    not_looked_at=("the dual-write gateway",),
    environment_class="prod",
    read_at="2026-12-01T06:00:00+00:00",
)
CLEAN = DriftReport("contoso-prod", "restored", looked_at=("Dataverse milestones",), environment_class="prod")

RUN = RunSummary(
    "20261121-180211-cutover",
    "contoso-prod",
    "cutover",
    "stopped",
    who="cutover-app (a1b2)",
    started_at="2026-11-21T18:02:11+00:00",
    ended_at="2026-11-21T18:09:23+00:00",
    digest=SAVED.sha256,
    exit_code=7,
    counts={"milestones create": 1199, "invoices confirm": 1},
    steps=STOPPED.steps,
    attestations=(
        Attestation(
            "maintenance-mode", "A. Smith", "administration mode is on since 17:40", "2026-11-21T18:02:00+00:00", "e"
        ),
    ),
)
STATUS = StatusReport(
    "contoso-prod",
    "prod",
    phases=(
        PhaseStatus("cutover", "open", "1 of 2", "2026-11-21T18:02:11+00:00", "", "1,199 of 1,212 posted"),
        PhaseStatus("restored", "not_begun", "2 of 2"),
        PhaseStatus("abandoned", "not_begun"),
    ),
    maps=(
        MapStatus(
            "milestones",
            "Project Operations integration contract line milestones",
            "Default publisher 1.0.0.8",
            (("gateway", "stopped"), ("Dataverse", "stopped"), ("F&O", "silent")),
            "Microsoft 1.0.0.7, running (run file)",
        ),
        MapStatus(
            "actuals",
            "Project Operations integration actuals",
            "Microsoft 1.0.0.14",
            (("gateway", "stopped"), ("Dataverse", "running"), ("F&O", "not read")),
            agree=False,
            what="the gateway says stopped, but Dataverse still has an active row",
        ),
    ),
    last_run=RUN,
    read_at="2026-11-21T18:10:00+00:00",
)
