"""An inventory in Ansible's shape: hosts.yml with groups in groups, and the variables of groups and hosts.

A host is an environment. What is here ends in layers of variables for one of them; what the variables mean is
`statecfg.loading.environments`' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from statecfg.loading.document import MapNode, Node, Scalar, read_document
from statecfg.loading.layers import Layer, Rank
from statecfg.loading.problems import Problems, advice, shown
from statecfg.model.address import Source

ALL = "all"
_SUFFIXES = (".yml", ".yaml")


@dataclass(slots=True)
class Group:
    """A group while hosts.yml is read: where it stands, what it is inside of, its hosts and its own variables."""

    name: str
    source: Source
    parents: set[str] = field(default_factory=set)
    hosts: dict[str, Node] = field(default_factory=dict)
    variables: list[MapNode] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What an inventory's folder holds. hosts: environment -> where it is declared. files: every file that was read."""

    folder: Path
    groups: dict[str, Group]
    hosts: dict[str, Source]
    group_files: dict[str, tuple[Path, ...]]
    host_files: dict[str, tuple[Path, ...]]

    def above(self, group: str) -> frozenset[str]:
        """Every group that a group is inside of."""
        found: set[str] = set()
        waiting = [group]
        while waiting:
            parents = self.groups[waiting.pop()].parents - found
            found |= parents
            waiting.extend(parents)
        return frozenset(found)

    def groups_of(self, host: str) -> list[str]:
        """The groups that a host is in, outermost first."""
        direct = [group.name for group in self.groups.values() if host in group.hosts]
        every = {ALL, *direct}.union(*(self.above(name) for name in direct))
        return sorted(every, key=lambda name: (len(self.above(name)), name))

    def hosts_in(self, group: str) -> list[str]:
        """The environments of a group and of the groups inside it."""
        return [host for host in self.hosts if group in self.groups_of(host)]

    def files_of(self, host: str) -> list[Path]:
        """The variable files that count for a host."""
        groups = [path for group in self.groups_of(host) for path in self.group_files.get(group, ())]
        return [*groups, *self.host_files.get(host, ())]

    def layers(self, host: str, problems: Problems) -> list[Layer]:
        """The variables of one host, low to high."""
        return [*self._group_layers(host, problems), *self._host_layers(host, problems)]

    def _group_layers(self, host: str, problems: Problems) -> Iterator[Layer]:
        for name in self.groups_of(host):
            nodes = [*self.groups[name].variables, *_variables(self.group_files.get(name, ()), problems)]
            for order, node in enumerate(nodes):
                yield Layer(Rank.GROUP, node, name, self.above(name), order)

    def _host_layers(self, host: str, problems: Problems) -> Iterator[Layer]:
        inline = [group.hosts[host] for group in self.groups.values() if host in group.hosts]
        nodes = [node for node in inline if isinstance(node, MapNode)]
        for order, node in enumerate([*nodes, *_variables(self.host_files.get(host, ()), problems)]):
            yield Layer(Rank.HOST, node, order=order)


def read_inventory(folder: Path, problems: Problems) -> Inventory | None:
    """The inventory in a folder; None if there is none (then `problems` says why)."""
    hosts_file = next(
        (folder / f"hosts{suffix}" for suffix in _SUFFIXES if (folder / f"hosts{suffix}").is_file()), None
    )
    if hosts_file is None:
        _no_inventory(folder, problems)
        return None
    groups = _groups(hosts_file, problems)
    hosts = {host: _host_place(groups, host) for group in groups.values() for host in group.hosts}
    group_files = _variable_files(folder / "group_vars", groups, "group", problems)
    host_files = _variable_files(folder / "host_vars", hosts, "environment", problems)
    return Inventory(folder, groups, hosts, group_files, host_files)


def _no_inventory(folder: Path, problems: Problems) -> None:
    where = Source(shown(folder))
    do = "name a folder that has a hosts.yml, with -i"
    if not folder.exists():
        problems.add("no-inventory", where, "there is no such inventory", do)
    elif folder.is_file():
        problems.add("no-inventory", where, "is a file, and an inventory is a folder", do)
    elif (folder / "hosts").exists() or (folder / "hosts.ini").exists():
        problems.add("no-inventory", where, "only hosts.yml is read, not Ansible's INI form", "write it as hosts.yml")
    else:
        problems.add("no-inventory", where, "there is no hosts.yml in it", "name a folder that has one, with -i")


def _host_place(groups: dict[str, Group], host: str) -> Source:
    return next(group.hosts[host].source for group in groups.values() if host in group.hosts)


def _groups(hosts_file: Path, problems: Problems) -> dict[str, Group]:
    root = read_document(hosts_file, problems)
    groups = {ALL: Group(ALL, Source(shown(hosts_file)))}
    if isinstance(root, MapNode):
        for name, node in root.entries.items():
            _add_group(groups, name, node, root.place(name), "" if name == ALL else ALL, problems)
    elif root is not None or not problems:
        problems.add("no-hosts", groups[ALL].source, "names no environment", "write all: children: GROUP: hosts: NAME:")
    _check_circles(groups, problems)
    if not problems and not any(group.hosts for group in groups.values()):
        problems.add("no-hosts", groups[ALL].source, "names no environment", "write all: children: GROUP: hosts: NAME:")
    return groups


def _add_group(groups: dict[str, Group], name: str, node: Node, place: Source, parent: str, problems: Problems) -> None:
    group = groups.setdefault(name, Group(name, place))
    if parent:
        group.parents.add(parent)
    if isinstance(node, Scalar) and node.is_null:
        return
    if not isinstance(node, MapNode):
        problems.add("wrong-type", node.source, f"the group `{name}` must be a mapping with hosts, children or vars")
        return
    for key, value in node.entries.items():
        if key not in ("hosts", "children", "vars"):
            do = advice(key, ("hosts", "children", "vars"))
            problems.add("unknown-key", node.place(key), f"`{key}` isn't known in a group", do)
        elif isinstance(value, MapNode):
            _fill(groups, group, key, value, problems)
        elif not (isinstance(value, Scalar) and value.is_null):
            problems.add(
                "wrong-type", value.source, f"`{key}` must be a mapping", "write `NAME:` on lines of their own"
            )


def _fill(groups: dict[str, Group], group: Group, key: str, value: MapNode, problems: Problems) -> None:
    if key == "vars":
        group.variables.append(value)
        return
    for name, node in value.entries.items():
        if key == "children":
            _add_group(groups, name, node, value.place(name), group.name, problems)
        elif isinstance(node, MapNode) or (isinstance(node, Scalar) and node.is_null):
            group.hosts[name] = node if isinstance(node, MapNode) else Scalar("", value.place(name))
        else:
            problems.add("wrong-type", node.source, f"`{name}` must be empty or a mapping of variables")


def _check_circles(groups: dict[str, Group], problems: Problems) -> None:
    for group in groups.values():
        reached: set[str] = set()
        waiting = list(group.parents)
        while waiting:
            parent = waiting.pop()
            if parent not in reached:
                reached.add(parent)
                waiting.extend(groups[parent].parents)
        if group.name in reached:
            problems.add("circular-groups", group.source, f"the group `{group.name}` is inside itself")
            group.parents.clear()


def _variable_files(folder: Path, known: Iterable[str], what: str, problems: Problems) -> dict[str, tuple[Path, ...]]:
    """Name -> its files: NAME.yml, or every *.yml of a folder NAME, by name."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or not (path.is_dir() or path.suffix in _SUFFIXES):
            continue
        name = path.name if path.is_dir() else path.stem
        if name not in known:
            problems.add(
                f"unknown-{what}", Source(shown(path)), f"hosts.yml has no {what} `{name}`", advice(name, known)
            )
        inside = [path]
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
        found[name] = (*found.get(name, ()), *inside)
    return found


def _variables(files: Iterable[Path], problems: Problems) -> Iterator[MapNode]:
    for path in files:
        node = read_document(path, problems)
        if isinstance(node, MapNode):
            yield node
        elif node is not None:
            problems.add("wrong-type", node.source, "a file of variables must be a mapping")
