"""One sandbox put together: the world's tables and rules, the five services, and the control path.

The only place that knows all services. It opens no port and seeds nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from statecfg.sandbox.admin import Admin
from statecfg.sandbox.admin import declare_settings as declare_admin_settings
from statecfg.sandbox.dataverse import catalog as dataverse_catalog
from statecfg.sandbox.dualwrite.compose import DualWrite
from statecfg.sandbox.dualwrite.gateway import RESOURCE as GATEWAY_RESOURCE
from statecfg.sandbox.entra.directory import Directory
from statecfg.sandbox.entra.service import Entra
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.finance import compose as finance
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.projops import compose as projops
from statecfg.sandbox.seeding.identities import Identities
from statecfg.sandbox.world import World

Urls = Callable[[str], str]

# Source: reference/project-operations.md, "Maintenance mode"; the admin API takes tokens for this resource.
ADMIN_RESOURCE = "https://service.powerapps.com/"


def prepare(world: World) -> DualWrite:
    """Define every table and setting of a world, and put the rules in place that no request needs."""
    dataverse_catalog.define(world)
    finance.prepare(world)
    projops.prepare(world)
    declare_admin_settings(world)
    return DualWrite(world)


def composed(world: World, dualwrite: DualWrite, people: Identities, urls: Urls) -> Kernel:
    """Every service on a prepared world. urls: the base address of a service by its name."""
    directory = _directory(people, urls)
    tokens = Tokens(directory)
    tokens.refresh_token(people.services[1], people.administrator.entra, people.refresh_token)
    kernel = Kernel(world)
    kernel.expire_token = tokens.expire
    entra = Entra(directory, tokens, world.settings)
    admin = Admin(world, tokens, people.environment, urls)
    for service in (entra, finance.serve(world, tokens, kernel.control), dualwrite.gateway(tokens, urls), admin):
        kernel.serve(service)
    entra.register(kernel.control)
    dualwrite.register(kernel.control)
    kernel.edit_with(finance.EDITED, finance.edit)
    return kernel


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
