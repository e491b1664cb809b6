"""An environment as its inventory describes it: addresses, sign-in, maps, and every inferred fact as a setting.

Field names are the keys of the inventory's files. Defaults are the product's; a docstring says where a fact comes
from and which are only inferred. Standard library only: `statecfg.loading` validates, this only holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: an environment variable or a file (owner-only). Never the secret itself."""

    env: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in to one service: exactly one of secret, certificate, refresh token, device code.

    certificate: a PEM file with key and certificate. refresh_token and device_code sign in a user, which the
    dual-write gateway demands (reference/dual-write.md, "Sign-in"). tenant overrides the environment's.
    scope overrides the service's own, for clouds of other names.
    """

    client_id: str
    client_secret: Secret | None = None
    certificate: Secret | None = None
    certificate_password: Secret | None = None
    refresh_token: Secret | None = None
    device_code: bool = False
    tenant: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Auth:
    """Sign-in for each service; `finance` and `admin` default to `dataverse`."""

    dataverse: SignIn
    dualwrite: SignIn | None = None
    finance: SignIn | None = None
    admin: SignIn | None = None


@dataclass(frozen=True, slots=True)
class OriginalVersion:
    """What a map ran on before the window, written down beforehand."""

    publisher: str
    number: str
    running: Literal["running", "stopped"] = "running"


@dataclass(frozen=True, slots=True)
class MapNames:
    """One table map: identified by entity set and F&O label together (reference/dual-write.md, "Which map is which").

    finance_set: the OData set behind it in F&O. via: how a new version comes to be.
    """

    entity_set: str
    entity: str
    finance_set: str = ""
    original: OriginalVersion | None = None
    via: Literal["manual", "solution", "row"] | None = None
    solution: str = ""
    solution_file: str = ""


MILESTONES_MAP = MapNames(
    "msdyn_contractlinescheduleofvalues",
    "Project Operations integration contract line milestones",
    "ProjectContractLineMilestones",
)
ACTUALS_MAP = MapNames("msdyn_actuals", "Project Operations integration actuals", "ProjActualsImports")
INVOICES_MAP = MapNames("invoices", "Project invoice proposal V2")


@dataclass(frozen=True, slots=True)
class Maps:
    """The three maps of the procedure (reference/project-operations.md, "Dual-write maps")."""

    milestones: MapNames = MILESTONES_MAP
    actuals: MapNames = ACTUALS_MAP
    invoices: MapNames = INVOICES_MAP


@dataclass(frozen=True, slots=True)
class MapRow:
    """What `via: row` rests on; inferred. author_column: the column of msdyn_dualwriteentitymap that holds the
    publisher (`msdyn_properties`: it and the description are members of that column's JSON), "" = the row has none and
    the solution's publisher is the author. solution: unique name of the solution to which a new row is added, "" =
    none. restore_solution: the solution that is named when maps are applied."""

    author_column: str = "msdyn_author"
    description_column: str = "msdyn_description"
    solution: str = ""
    restore_solution: str = "Default"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A rule set aside, by whom and why."""

    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class Maintenance:
    """How this environment shows maintenance (reference/project-operations.md, "Maintenance mode")."""

    provider: Literal["administration_mode", "attest"] = "attest"
    background_operations: Literal["on", "off", "any"] = "on"
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody's word on what can't be read."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class AsyncIntegration:
    """Answers for sandbox and test where AsyncMode has no row (rules 5.1)."""

    none: Answer | None = None


@dataclass(frozen=True, slots=True)
class Admin:
    """The Power Platform admin API and this environment's id in it."""

    url: str = "https://api.bap.microsoft.com"
    environment: str = ""
    scope: str = "https://service.powerapps.com//.default"
    api_version: str = "2021-04-01"


@dataclass(frozen=True, slots=True)
class Actions:
    """Names of actions that are only inferred for current versions (reference/project-operations.md, section 4)."""

    create_invoice: str = "msdyn_NewInvoiceContract"
    confirm_invoice: str = "msdyn_PostInvoice"


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names and values that no public source establishes; probed, easy to change."""

    company: str = "_msdyn_owningcompany_value"
    company_navigation: str = "msdyn_OwningCompany"
    company_code: str = "cdm_companycode"
    transaction_type: int = 192350006
    milestone_date: str = "msdyn_milestonedate"
    confirm_status: str = ""
    milestone_customer: str = ""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Words by which jobs are recognised (reference/project-operations.md 4.3, finance-and-operations.md 8.4)."""

    create_invoices: tuple[str, ...] = ("create invoices",)
    workflows: tuple[str, ...] = ("ProcessRunCaller", "ProcessRunner")
    long_running: tuple[str, ...] = ("Create invoice", "Confirm an invoice")
    finance: tuple[str, ...] = ("Import from staging", "Post invoice proposals", "Post project invoice")


@dataclass(frozen=True, slots=True)
class Fence:
    """How often the world is looked at again while records are written. group: invoices between two looks."""

    every_s: float = 10.0
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """Deadlines of waits, in seconds, and how often to look."""

    map_s: float = 900.0
    witness_s: float = 120.0
    arrival_s: float = 900.0
    confirm_s: float = 1800.0
    create_s: float = 900.0
    service_s: float = 600.0
    first_look_s: float = 0.2
    longest_look_s: float = 15.0
    execution_limit_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Writes:
    """Sizes of bulk writes. batch: records of the first request; most: of the greatest; workers: requests at once
    (bounded by the server's x-ms-dop-hint)."""

    batch: int = 100
    most: int = 500
    workers: int = 4


@dataclass(frozen=True, slots=True)
class Control:
    """Control totals: invoiced rows, per currency."""

    count: int | None = None
    sum: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockSettings:
    """The record in Dataverse that says who is at work here. lease_s: seconds without a renewal until it expires."""

    entity_set: str = "annotations"
    id_column: str = "annotationid"
    name_column: str = "subject"
    text_column: str = "notetext"
    lease_s: float = 120.0


EnvironmentClass = Literal["sandbox", "test", "prod"]


@dataclass(frozen=True, slots=True)
class Environment:
    """One linked pair Dataverse + F&O, with everything its inventory says. Paths are absolute.

    variables: every variable as templates see it, the environment's own `vars` included.
    """

    name: str
    environment_class: EnvironmentClass
    dataverse: str
    finance: str
    dualwrite: str
    tenant: str
    auth: Auth
    authority: str = "https://login.microsoftonline.com"
    admin: Admin = Admin()
    ca_file: str = ""
    legal_entities: tuple[str, ...] = ()
    cutover_version: str = ""
    milestone_file: str = ""
    control: Control = Control()
    maps: Maps = Maps()
    map_row: MapRow = MapRow()
    maintenance: Maintenance = Maintenance()
    async_integration: AsyncIntegration = AsyncIntegration()
    actions: Actions = Actions()
    columns: Columns = Columns()
    jobs: Jobs = Jobs()
    invoice_link: Literal["details", "schedules"] = "details"
    fence: Fence = Fence()
    waits: Waits = Waits()
    writes: Writes = Writes()
    lock: LockSettings = LockSettings()
    finance_release: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_production(self) -> bool:
        return self.environment_class == "prod"
