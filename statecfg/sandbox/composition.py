"""One sandbox put together: the world's tables and rules, the five services, and the control path.

The only place that knows all services. It opens no port and seeds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from statecfg.sandbox import dump
from statecfg.sandbox.admin import Admin
from statecfg.sandbox.admin import declare_settings as declare_admin_settings
from statecfg.sandbox.dataverse import service as dataverse
from statecfg.sandbox.dataverse.operations import Environment
from statecfg.sandbox.dualwrite.compose import DualWrite
from statecfg.sandbox.dualwrite.gateway import RESOURCE as GATEWAY_RESOURCE
from statecfg.sandbox.entra.directory import Directory
from statecfg.sandbox.entra.service import Entra
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.finance import compose as finance
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.projops import compose as projops
from statecfg.sandbox.seeding import departures
from statecfg.sandbox.seeding.identities import Identities
from statecfg.sandbox.world import World

Urls = Callable[[str], str]

# Source: reference/project-operations.md, "Maintenance mode"; the admin API takes tokens for this resource.
ADMIN_RESOURCE = "https://service.powerapps.com/"


def prepare(world: World) -> DualWrite:
    """Define every table and setting of a world, and put the rules in place that no request needs."""
    dataverse.prepare(world)
    finance.prepare(world)
    projops.prepare(world)
    declare_admin_settings(world)
    departures.declare_settings(world)
    return DualWrite(world)


@dataclass(frozen=True, slots=True)
class Composed:
    """A sandbox that can answer. install: writes what follows from its catalog into a world that was just planted."""

    kernel: Kernel
    install: Callable[[], None]


def composed(world: World, dualwrite: DualWrite, people: Identities, urls: Urls) -> Composed:
    """Every service on a prepared world. urls: the base address of a service by its name."""
    directory = _directory(people, urls)
    tokens = Tokens(directory, lambda: world.now().timestamp())
    tokens.refresh_token(people.services[1], people.administrator.entra, people.refresh_token)
    kernel = Kernel(world)
    kernel.expire_token = tokens.expire
    entra = Entra(directory, tokens, world.settings)
    web_api = _web_api(world, tokens, dualwrite, people, urls)
    kernel.serve(entra)
    kernel.serve(web_api)
    kernel.serve(finance.serve(world, tokens, kernel.control))
    kernel.serve(dualwrite.gateway(tokens, urls))
    kernel.serve(Admin(world, tokens, people.environment, urls))
    entra.register(kernel.control)
    dualwrite.register(kernel.control)
    projops.register(kernel.control, world)
    dump.register(kernel.control, world)
    kernel.edit_with(finance.EDITED, finance.edit)
    web_api.offer_edits(kernel)
    return Composed(kernel, web_api.install)


def _web_api(world: World, tokens: Tokens, dualwrite: DualWrite, people: Identities, urls: Urls) -> dataverse.Dataverse:
    """Dataverse with the actions of the apps that are installed in it."""
    environment = Environment(
        environment_id=people.environment,
        tenant_id=people.tenant,
        finance_url=urls("finance"),
        authority=f"{urls('entra')}/{people.tenant}",
    )
    web_api = dataverse.Dataverse(world, tokens, environment)
    for table, name, action in projops.ACTIONS:
        web_api.register(table, name, action)
    for name, unbound in dualwrite.actions().items():
        web_api.register("", name, unbound)
    return web_api


def _directory(people: Identities, urls: Urls) -> Directory:
    directory = Directory(people.tenant)
    for client in (people.application, *people.services):
        directory.add_client(client)
    # The administrator comes first: who approves a device code without saying who, is the first one.
    for person in (people.administrator, *people.colleagues):
        directory.add_user(person.entra)
    for service in ("dataverse", "finance"):
        directory.add_resource(urls(service), service)
    directory.add_resource(GATEWAY_RESOURCE, "dualwrite")
    directory.add_resource(ADMIN_RESOURCE, "admin")
    return directory
