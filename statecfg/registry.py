"""Every kind, precondition and invariant there is, and how they are made for one environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statecfg.model.declared import StateSet
from statecfg.model.kind import Check, Checks, Invariant, Invariants, Kind, Kinds
from statecfg.resources.invariants.actuals_staging import ActualsStaging
from statecfg.resources.invariants.customer_transactions import CustomerTransactions
from statecfg.resources.invariants.general_ledger import GeneralLedger
from statecfg.resources.invariants.posted_project_invoices import PostedProjectInvoices
from statecfg.resources.invoices.kind import Invoices
from statecfg.resources.map.kind import Maps
from statecfg.resources.map.spec import VersionSpec
from statecfg.resources.milestones.kind import Milestones
from statecfg.resources.preconditions.finance_version import FinanceVersion
from statecfg.resources.preconditions.financial_dimensions import FinancialDimensions
from statecfg.resources.preconditions.linked_legal_entities import LinkedLegalEntities
from statecfg.resources.preconditions.maintenance import Maintenance
from statecfg.resources.preconditions.neighbour_maps import NeighbourMaps
from statecfg.resources.preconditions.no_async_integration import NoAsyncIntegration
from statecfg.resources.preconditions.no_dataverse_invoice_run import NoDataverseInvoiceRun
from statecfg.resources.preconditions.no_finance_jobs import NoFinanceJobs
from statecfg.resources.preconditions.no_foreign_writes import NoForeignWrites
from statecfg.resources.preconditions.nothing_pending import NothingPending
from statecfg.resources.preconditions.only_these_milestones_ready import OnlyTheseMilestonesReady
from statecfg.resources.preconditions.only_these_ready import OnlyTheseReady
from statecfg.resources.preconditions.phase_complete import PhaseComplete
from statecfg.resources.preconditions.target_mapping import TargetMapping
from statecfg.resources.services import Services
from statecfg.understanding import understanding

_KINDS: tuple[type[Kind], ...] = (Maps, Milestones, Invoices)
_OF_SERVICES: tuple[Any, ...] = (
    FinanceVersion,
    Maintenance,
    TargetMapping,
    LinkedLegalEntities,
    FinancialDimensions,
    OnlyTheseMilestonesReady,
    OnlyTheseReady,
    NoDataverseInvoiceRun,
    NoFinanceJobs,
    NoAsyncIntegration,
    NoForeignWrites,
    NeighbourMaps,
)
_OF_PHASES: tuple[Any, ...] = (PhaseComplete, NothingPending)
_INVARIANTS: tuple[Any, ...] = (CustomerTransactions, GeneralLedger, PostedProjectInvoices, ActualsStaging)

KINDS: Mapping[str, type[Kind]] = {kind.name: kind for kind in _KINDS}
CHECKS: Mapping[str, type[Check]] = {check.name: check for check in (*_OF_SERVICES, *_OF_PHASES)}
INVARIANTS: Mapping[str, type[Invariant]] = {invariant.name: invariant for invariant in _INVARIANTS}


def kinds(services: Services, states: StateSet) -> Kinds:
    """The kinds for one environment."""
    return {
        "map": understanding(Maps)(services, declared_versions(states)),
        "milestones": understanding(Milestones)(services),
        "invoices": understanding(Invoices)(services),
    }


def checks(services: Services, states: StateSet) -> Checks:
    """The preconditions for one environment."""
    made: list[Check] = [understanding(check)(services) for check in _OF_SERVICES]
    made += [understanding(check)(services, states) for check in _OF_PHASES]
    return {check.name: check for check in made}


def invariants(services: Services) -> Invariants:
    """The invariants for one environment."""
    made: list[Invariant] = [understanding(invariant)(services) for invariant in _INVARIANTS]
    return {invariant.name: invariant for invariant in made}


def declared_versions(states: StateSet) -> dict[str, tuple[VersionSpec, ...]]:
    """Every map version that any phase declares, by map: none of them can be an original (rules 3.2)."""
    found: dict[str, tuple[VersionSpec, ...]] = {}
    for phase in states.phases.values():
        for desired in phase.resources:
            version = getattr(desired.spec, "version", None)
            if isinstance(version, VersionSpec):
                found[desired.address.name] = (*found.get(desired.address.name, ()), version)
    return found
