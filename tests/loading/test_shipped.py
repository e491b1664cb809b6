"""The inventories and state files that come with the product, loaded with its own kinds."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from statecfg import registry
from statecfg.loading.document import plain, read_document
from statecfg.loading.problems import Problems
from statecfg.loading.project import Project, load_project, validation_report
from statecfg.loading.schema import STATE_FILE, schemas
from statecfg.model.address import Address
from statecfg.model.environment import Environment
from statecfg.sandbox.seeding.export import totals
from statecfg.sandbox.seeding.generate import portfolio
from statecfg.sandbox.seeding.identities import identities
from tests.loading.test_schema import fits

ROOT = Path(__file__).parents[2]
STATES = ROOT / "states/milestone-cutover"
VOCABULARY: dict[str, Any] = {
    "kinds": registry.KINDS,
    "checks": registry.CHECKS,
    "invariants": registry.INVARIANTS,
}


def contoso(limit: str) -> Project:
    return load_project(ROOT / "inventories/contoso", STATES, limit=limit, extra={}, **VOCABULARY)


@pytest.mark.parametrize("limit", ["contoso-uat", "contoso-prod"])
def test_the_shipped_phases_load_for_the_shipped_environments(limit: str) -> None:
    project = contoso(limit)
    assert project.warnings == ()
    assert list(project.states.phases) == ["cutover", "restored", "abandoned"]
    assert project.states.chain() == ("cutover", "restored")
    assert project.environment.is_production == (limit == "contoso-prod")


def test_the_cutover_says_what_the_rules_say() -> None:
    phase = contoso("contoso-uat").states.phases["cutover"]
    milestones = Address("milestones", "invoiced-before-go-live")
    by_address = {desired.address: desired for desired in phase.resources}
    version = by_address[Address("map", "milestones")].spec.version
    assert (version.publisher, version.number) == ("Default publisher", "1.0.0.8")
    assert [(row.finance, row.dataverse, dict(row.values)) for row in version.mappings] == [
        ("TRANSSTATUS", "msdyn_invoicestatus", {"4": "192350001"})
    ]
    assert [dict(each.wants) for each in by_address[milestones].conditions] == [
        {"running": "running", "version": "cutover", "mappings": "exact"}
    ]
    assert by_address[Address("invoices", "for-those-milestones")].spec.of == str(milestones)
    spec = by_address[milestones].spec
    assert (spec.on_refused, spec.not_invoiced, spec.restamp) == ("continue", "refuse", "refuse")
    records = by_address[milestones].records
    assert records is not None
    assert len(list(records)) == spec.expect.count == 6


def test_restored_and_abandoned_hold_what_the_cutover_holds() -> None:
    phases = contoso("contoso-uat").states.phases
    assert phases["restored"].holds == phases["abandoned"].holds == phases["cutover"].holds != ()


def test_the_sandbox_inventory_needs_only_a_started_sandbox() -> None:
    project = load_project(
        ROOT / "inventories/sandbox",
        STATES,
        limit=None,
        extra={"milestone_file": str(STATES / "data/milestones.csv"), "control.count": "6", "control.sum": "{{ {} }}"},
        **VOCABULARY,
    )
    environment = project.environment
    assert environment.environment_class == "sandbox"
    assert [urls[-5:] for urls in (environment.authority, environment.dataverse, environment.finance)] == [
        "18440",
        "18441",
        "18442",
    ]
    assert (environment.dualwrite[-5:], environment.admin.url[-5:]) == ("18443", "18444")
    assert environment.ca_file == str(ROOT / ".sandbox/ca.pem")


def test_the_sandbox_inventory_says_what_the_default_sandbox_is() -> None:
    """The sandbox writes an inventory of its own; but for ports and paths the shipped one must say the same."""
    people = identities(7)
    company = portfolio(40, 1200, 7)
    count, sums = totals(company.of_file())
    environment = load_project(
        ROOT / "inventories/sandbox",
        STATES,
        limit=None,
        extra={"milestone_file": str(STATES / "data/milestones.csv"), "control.count": "6", "control.sum": "{{ {} }}"},
        **VOCABULARY,
    ).environment
    node = read_document(ROOT / "inventories/sandbox/host_vars/sandbox.yml", Problems())
    assert node is not None
    written = plain(node)
    assert written["control"] == {"count": count, "sum": {code: f"{amount:f}" for code, amount in sums.items()}}
    assert environment.tenant == people.tenant
    assert environment.admin.environment == people.environment
    assert environment.auth.dataverse.client_id == people.client_id
    assert environment.legal_entities == tuple(entity.code for entity in company.entities)


def test_validate_counts_what_it_looked_at() -> None:
    report = validation_report(ROOT / "inventories/contoso", ROOT / "states", limit=None, extra={}, **VOCABULARY)
    assert (report.problems, report.warnings) == ((), ())
    assert report.counts == {"environments": 2, "phases": 3, "resources": 11, "rows": 6}


def settings(declared: Any) -> Iterator[str]:
    """Every key that an inventory may have, sections inside out."""
    for name, hint in get_type_hints(declared).items():
        yield {"environment_class": "class"}.get(name, name)
        for inner in (hint, *get_args(hint)):
            if dataclasses.is_dataclass(inner):
                yield from settings(inner)


def test_the_example_inventory_explains_every_setting() -> None:
    files = ROOT.glob("inventories/contoso/**/*.yml")
    text = "\n".join(path.read_text() for path in files)
    missing = {key for key in settings(Environment) if not re.search(rf"\b{key}:", text)}
    # The environment's name and the rendered variables are no keys of a file.
    assert missing - {"name", "variables"} == set()


@pytest.mark.parametrize("path", sorted(STATES.glob("*.yml")), ids=lambda path: path.name)
def test_the_shipped_state_files_fit_the_editors_schema(path: Path) -> None:
    schema = schemas(**VOCABULARY)[STATE_FILE]
    node = read_document(path, Problems())
    assert node is not None
    assert fits(schema, plain(node), schema)


def test_every_kind_and_check_can_stand_in_a_schema() -> None:
    text = str(schemas(**VOCABULARY)[STATE_FILE])
    for name in (*registry.KINDS, *registry.CHECKS, *registry.INVARIANTS):
        assert f"'{name}'" in text
