"""One environment from its layers of variables: settings validated, paths absolute, secrets only by reference.

Everything a file may say of an environment is declared in `statecfg.model.environment`; free variables stand under
`vars`. Reads no secret.
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from statecfg.loading.document import ListNode, MapNode, Node, Scalar, node_of, plain
from statecfg.loading.inventory import Inventory
from statecfg.loading.layers import Layer, Rank, merged, sections_of
from statecfg.loading.problems import Problems, advice
from statecfg.loading.rendering import Variables
from statecfg.loading.shapes import Shape
from statecfg.model.address import Source
from statecfg.model.environment import Environment, Secret, SignIn

SETTINGS = Shape(Environment, keys={"environment_class": "class"}, hidden={"name": "", "variables": {}})
FREE = "vars"
NAME = "environment"
"""The name by which expressions know the environment itself."""

_SECTIONS = {**sections_of(Environment), FREE: {}}
_PATHS = (("milestone_file",), ("ca_file",), ("maps", "*", "solution_file"), ("auth", "*", "*", "file"))
_CREDENTIALS = ("client_secret", "certificate", "certificate_password", "refresh_token")
_SECRET_NAME = re.compile(r"(^|_)(secret|password|passwd|pwd|refresh_token|access_token|api_?key)$", re.IGNORECASE)
_URLS = ("dataverse", "finance", "dualwrite", "authority")


@dataclass(frozen=True, slots=True)
class Declared:
    """An environment, and its variables as the state files' expressions see them. extra: the names that -e gave."""

    environment: Environment | None
    variables: Variables
    extra: frozenset[str]


def extra_variables(extra: Mapping[str, str], problems: Problems) -> MapNode:
    """`-e KEY=VALUE` as a tree; a dot in KEY leads into a section. Values are text; paths count from where one is."""
    entries: dict[str, Any] = {}
    for key, text in extra.items():
        *sections, last = key.split(".")
        here = entries
        for section in sections:
            here = here.setdefault(section, {})
            if not isinstance(here, dict):
                problems.add("extra-twice", Source(f"-e {key}"), f"`{section}` is given whole and in part")
                break
        else:
            here[last] = Scalar(text, Source(f"-e {key}"), "quoted")
    return _sorted_out(_tree(entries))


def _tree(entries: Mapping[str, Any]) -> MapNode:
    source = Source("-e")
    nodes: dict[str, Node] = {
        key: value if isinstance(value, Scalar) else _tree(value) for key, value in entries.items()
    }
    return MapNode(nodes, source, {key: node.source for key, node in nodes.items()})


def _sorted_out(extra: MapNode) -> MapNode:
    """Settings stay, other names are free variables."""
    known = set(SETTINGS.keys.values())
    free = {key: node for key, node in extra.entries.items() if key not in known}
    own: dict[str, Node] = {key: node for key, node in extra.entries.items() if key in known}
    if free:
        own[FREE] = MapNode(free, extra.source, {key: extra.place(key) for key in free})
    return MapNode(own, extra.source, {**extra.keys, FREE: extra.source})


def declared_environment(inventory: Inventory, host: str, extra: MapNode, problems: Problems) -> Declared:
    """The environment of one host. Its problems are noted; then `environment` may be None."""
    layers = [_built_in(), *inventory.layers(host, problems), Layer(Rank.EXTRA, extra)]
    tree = merged(layers, _SECTIONS, problems)
    if tree.source in (Source("built-in"), extra.source):
        tree = replace(tree, source=inventory.hosts[host])
    settings, free = _split(_with_paths(tree), problems)
    names = {**free.entries, **settings.entries, NAME: Scalar(host, inventory.hosts[host], "quoted")}
    variables = Variables(names)
    settings, free = _rendered(settings, variables, problems), _rendered(free, variables, problems)
    settings = _without_clear_secrets(settings, problems)
    refuse_clear_secrets(free, problems)
    environment = SETTINGS.value(settings, problems, f"the variables of {host}")
    if environment is not None:
        environment = replace(environment, name=host, variables=plain(free) | plain(settings) | {NAME: host})
        environment = _checked(environment, settings, problems)
    given = set(extra.entries) - {FREE} | set(_free_part(extra).entries)
    return Declared(environment, variables, frozenset(given))


def _built_in() -> Layer:
    fields = {field.name: field for field in dataclasses.fields(Environment) if field.name in SETTINGS.keys}
    values = {SETTINGS.keys[name]: _default(field) for name, field in fields.items() if _has_default(field)}
    tree = node_of(values, Source("built-in"))
    assert isinstance(tree, MapNode)
    return Layer(Rank.BUILT_IN, tree)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def _with_paths(tree: MapNode) -> MapNode:
    for pattern in _PATHS:
        tree = _marked(tree, pattern)
    return tree


def _marked(node: Any, pattern: Sequence[str]) -> Any:
    """The tree with the scalars that a pattern leads to marked as paths."""
    if not pattern:
        return replace(node, is_path=True) if isinstance(node, Scalar) and not node.is_null else node
    if not isinstance(node, MapNode):
        return node
    step, *rest = pattern
    entries = {key: _marked(value, rest) if step in ("*", key) else value for key, value in node.entries.items()}
    return replace(node, entries=entries)


def _free_part(tree: MapNode) -> MapNode:
    free = tree.entries.get(FREE)
    return free if isinstance(free, MapNode) else MapNode({}, tree.place(FREE))


def _split(tree: MapNode, problems: Problems) -> tuple[MapNode, MapNode]:
    """The settings, and the free variables under `vars`."""
    free = _free_part(tree)
    given = tree.entries.get(FREE)
    if given is not None and not isinstance(given, MapNode) and not (isinstance(given, Scalar) and given.is_null):
        problems.add("wrong-type", given.source, "`vars` must be a mapping of variables")
    check_names(free, problems)
    settings = {key: node for key, node in tree.entries.items() if key != FREE}
    return replace(tree, entries=settings), free


def check_names(free: MapNode, problems: Problems, *, settings_too: bool = False) -> None:
    """Notes free variables that no expression could name, or that hide a setting (unless `settings_too`)."""
    for name in free.entries:
        if not name.isidentifier():
            do = "use letters, digits and _, beginning with a letter"
            problems.add("bad-variable-name", free.place(name), f"`{name}` can't be the name of a variable", do)
        elif not settings_too and (name in SETTINGS.keys.values() or name == NAME):
            do = "say it beside `vars`, or give the variable another name"
            problems.add("bad-variable-name", free.place(name), f"`{name}` is the name of a setting", do)


def _rendered(node: MapNode, variables: Variables, problems: Problems) -> MapNode:
    done = variables.rendered(node, problems)
    assert isinstance(done, MapNode)
    return done


def _without_clear_secrets(settings: MapNode, problems: Problems) -> MapNode:
    """The settings with every secret in the clear taken out, so that no later message can show it."""
    auth = settings.entries.get("auth")
    if not isinstance(auth, MapNode):
        return settings
    services = {service: _service(service, node, problems) for service, node in auth.entries.items()}
    return replace(settings, entries={**settings.entries, "auth": replace(auth, entries=services)})


def _service(service: str, node: Node, problems: Problems) -> Node:
    if not isinstance(node, MapNode):
        return node
    entries = dict(node.entries)
    for key in _CREDENTIALS:
        value = entries.get(key)
        if isinstance(value, Scalar) and value.style != "failed" and not value.is_null:
            _note_secret(f"auth.{service}.{key}", value.source, problems)
            entries[key] = Scalar("", value.source, "failed")
    return replace(node, entries=entries)


def _note_secret(name: str, place: Source, problems: Problems) -> None:
    what = f"`{name}` is a secret in the clear"
    do = "take it out of the file, change it where it is valid, and write {env: NAME} or {file: PATH}"
    problems.add("secret-in-the-clear", place, what, do)


def refuse_clear_secrets(node: Node, problems: Problems) -> None:
    """Notes free variables that by their name are secrets."""
    if isinstance(node, ListNode):
        for item in node.items:
            refuse_clear_secrets(item, problems)
    if not isinstance(node, MapNode):
        return
    for key, value in node.entries.items():
        if isinstance(value, Scalar) and value.text and not value.is_null and _SECRET_NAME.search(key):
            _note_secret(key, value.source, problems)
        refuse_clear_secrets(value, problems)


def _checked(environment: Environment, settings: MapNode, problems: Problems) -> Environment:
    """The environment with its addresses in one form; what fields can't say of each other is noted."""
    for key in _URLS:
        checked: dict[str, Any] = {key: _address(getattr(environment, key), settings, (key,), problems)}
        environment = replace(environment, **checked)
    url = _address(environment.admin.url, settings, ("admin", "url"), problems)
    environment = replace(environment, admin=replace(environment.admin, url=url))
    for service, sign_in in _sign_ins(environment):
        _check_sign_in(service, sign_in, _place(settings, ("auth", service)), problems)
    if environment.ca_file and not Path(environment.ca_file).is_file():
        what = f"`ca_file`: there is no {environment.ca_file}"
        problems.warn("no-ca-file", _place(settings, ("ca_file",)), what, "start the sandbox, or correct the path")
    return environment


def _place(node: Node, path: Sequence[str]) -> Source:
    place = node.source
    for key in path:
        if not isinstance(node, MapNode) or key not in node.entries:
            break
        place, node = node.place(key), node.entries[key]
    return place


def _address(url: str, settings: MapNode, path: Sequence[str], problems: Problems) -> str:
    found = re.match(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?\Z", url)
    if not found:
        place, name = _place(settings, path), ".".join(path)
        problems.add("bad-address", place, f"`{name}` must be an https address", "write it as https://host")
    return url.rstrip("/")


def _sign_ins(environment: Environment) -> Iterator[tuple[str, SignIn]]:
    for field in dataclasses.fields(environment.auth):
        sign_in = getattr(environment.auth, field.name)
        if sign_in is not None:
            yield field.name, sign_in


def _check_sign_in(service: str, sign_in: SignIn, place: Source, problems: Problems) -> None:
    ways = {
        "client_secret": sign_in.client_secret,
        "certificate": sign_in.certificate,
        "refresh_token": sign_in.refresh_token,
        "device_code": sign_in.device_code,
    }
    given = [name for name, value in ways.items() if value]
    if len(given) != 1:
        what = f"`auth.{service}` has {' and '.join(given)}" if given else f"`auth.{service}` has no way to sign in"
        problems.add("sign-in-way", place, what, f"give exactly one of {', '.join(ways)}")
    elif service == "dualwrite" and given[0] in ("client_secret", "certificate"):
        what = f"`auth.dualwrite` has {given[0]}, but the dual-write gateway takes only users"
        problems.add("sign-in-way", place, what, "give refresh_token, or device_code: true")
    if sign_in.certificate_password and not sign_in.certificate:
        problems.add("sign-in-way", place, f"`auth.{service}` has certificate_password but no certificate")
    for name in _CREDENTIALS:
        secret = getattr(sign_in, name)
        if secret is not None:
            _check_secret(f"auth.{service}.{name}", secret, place, problems)


def _check_secret(name: str, secret: Secret, place: Source, problems: Problems) -> None:
    if bool(secret.env) == bool(secret.file):
        problems.add("secret-place", place, f"`{name}` needs either env or file", "write {env: NAME} or {file: PATH}")
    elif secret.env and not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", secret.env):
        # A secret pasted after `env:` must not be shown, so the value isn't.
        problems.add("secret-place", place, f"`{name}`: env must be the name of an environment variable")
    elif secret.file:
        _look_at_file(name, Path(secret.file), place, problems)


def _look_at_file(name: str, path: Path, place: Source, problems: Problems) -> None:
    """Warns of a secret's file that is missing or open to others; it is refused only when it is read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        problems.warn("no-secret-file", place, f"`{name}`: there is no {path}", "make it, readable by you only")
        return
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        problems.warn("open-secret-file", place, f"`{name}`: others can read {path}", f"chmod 600 {path}")


def chosen_host(inventory: Inventory, limit: str | None, problems: Problems) -> str | None:
    """The environment that is meant: `limit`, or the only one there is."""
    where = Source(f"--limit {limit}") if limit else next(iter(inventory.hosts.values()), Source(""))
    if limit is None and len(inventory.hosts) > 1:
        do = f"choose one with --limit: {', '.join(sorted(inventory.hosts))}"
        problems.add("which-environment", where, f"the inventory has {len(inventory.hosts)} environments", do)
        return None
    if limit is None or limit in inventory.hosts:
        return limit or next(iter(inventory.hosts), None)
    hosts = inventory.hosts_in(limit) if limit in inventory.groups else []
    if hosts:
        problems.add("which-environment", where, f"`{limit}` is a group", f"choose one of it: {', '.join(hosts)}")
    else:
        do = advice(limit, inventory.hosts)
        problems.add("unknown-environment", where, f"there is no environment `{limit}` in {inventory.folder}", do)
    return None
