"""The metadata addresses: `EntityDefinitions` with what is below them, relationships, option sets, `$metadata`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.address import Segment
from statecfg.sandbox.dataverse.definitions import (
    Definition,
    entity_definitions,
    global_option_sets,
    relationship_definitions,
)
from statecfg.sandbox.dataverse.edmx import document
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.dataverse.memory import NAVIGATION, chosen, shown
from statecfg.sandbox.dataverse.operations import Operations, parameters
from statecfg.sandbox.dataverse.queryoptions import Options, query_options
from statecfg.sandbox.wire import Answer
from statecfg.sandbox.world import Refused, Tx

_ROOTS = {
    "EntityDefinitions": entity_definitions,
    "RelationshipDefinitions": relationship_definitions,
    "GlobalOptionSetDefinitions": global_option_sets,
}
_CAST = "Microsoft.Dynamics.CRM."


def owns(name: str) -> bool:
    """Whether a first segment belongs to the metadata."""
    return name == "$metadata" or name in _ROOTS


def answer(_tx: Tx, exchange: Exchange, parts: Sequence[Segment], operations: Operations) -> Answer:
    """The answer to a metadata read. Raises Refused."""
    if exchange.method != "GET":
        message = "Changing metadata is not emulated by this sandbox."
        raise Refused(errors.BAD_URI, message, 501)
    if parts[0].name == "$metadata":
        return Answer(200, document(operations), {"Content-Type": "application/xml", "OData-Version": "4.0"})
    options = query_options(exchange.request.query)
    if options.orderby or options.top is not None or options.count or options.apply:
        raise errors.bad_uri("Metadata takes $select, $filter and $expand only.")
    found = _found(parts, options)
    context = f"{exchange.root}/$metadata#{'/'.join(part.name for part in parts)}"
    if isinstance(found, list):
        return exchange.answer({"@odata.context": context, "value": chosen(found, options)})
    if not isinstance(found, dict):
        return exchange.answer({"@odata.context": context, "value": found})
    return exchange.answer({"@odata.context": f"{context}/$entity", **shown(found, options)})


def _found(parts: Sequence[Segment], options: Options) -> Any:
    """What the path leads to: objects, one object, or a property's value."""
    first = parts[0]
    found: Any = list(_ROOTS[first.name]())
    if first.arguments is not None:
        found = _one(found, first, options)
    for part in parts[1:]:
        found = _step(found, part, options)
    return found


def _step(found: Any, part: Segment, options: Options) -> Any:
    if part.name.startswith(_CAST):
        return _cast(found, part.name.removeprefix(_CAST))
    if not isinstance(found, dict) or part.name not in found:
        raise errors.unknown_resource(part.name)
    value = found[part.name]
    if part.arguments is not None:
        if not isinstance(value, list) or part.name not in NAVIGATION:
            raise errors.unknown_resource(part.name)
        return _one(value, part, options)
    return value


def _cast(found: Any, metadata_type: str) -> Any:
    """Only what is of a type; a single object of another type isn't found."""
    wanted = f"#{_CAST}{metadata_type}"
    if isinstance(found, list):
        return [each for each in found if each.get("@odata.type", wanted) == wanted]
    if found.get("@odata.type", wanted) != wanted:
        raise errors.unknown_resource(metadata_type)
    return found


def _one(objects: Sequence[Definition], part: Segment, options: Options) -> Definition:
    text = (part.arguments or "").strip()
    given = parameters(text, options.aliases) if "=" in text else {"MetadataId": text.lower()}
    for each in objects:
        if given and all(each.get(name) == value for name, value in given.items()):
            return each
    raise Refused(errors.DOES_NOT_EXIST, f"Could not find {part.name} with {text}.", 404)
