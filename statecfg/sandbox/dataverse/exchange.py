"""One request to the Web API with what its headers and its sender mean, and answers with Dataverse's headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.wire import Answer, MalformedJson, Request, json_bytes, json_value
from statecfg.sandbox.world import Refused, World

JSON_TYPE = "application/json; odata.metadata=minimal"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"
LOOKUP_NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
TOTAL_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
PAGE_LIMIT = 5000

# Signs of a key that stand in an address as they are.
_KEY_SIGNS = "='(),-_.~!*:@$;"

_PREFERENCE = re.compile(r'([A-Za-z][\w.\-]*)\s*(?:=\s*("(?:[^"]*)"|[^,;]*))?')


@dataclass(frozen=True, slots=True)
class Preferences:
    """What `Prefer` asks for. annotations: patterns of annotation names; page_size: None if not asked."""

    representation: bool = False
    annotations: tuple[str, ...] = ()
    page_size: int | None = None
    continue_on_error: bool = False
    track_changes: bool = False

    def annotated(self, name: str) -> bool:
        """Whether an annotation was asked for."""
        return any(_fits(pattern, name) for pattern in self.annotations)

    @property
    def details(self) -> bool:
        """Whether errors carry their extra annotations."""
        return "*" in self.annotations


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, its sender and its preferences.

    root: `https://host:port/api/data/v9.2`. path: what follows it, percent-encoded.
    user: the systemuser it is made for. references: in a change set, `$1` -> address.
    """

    world: World
    request: Request
    root: str
    path: str
    user: str
    prefer: Preferences
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    @property
    def if_match(self) -> str | None:
        """The precondition on the present version; None without one."""
        return _condition(self.request.headers.get("if-match"))

    @property
    def if_none_match(self) -> str | None:
        """The opposite precondition; the literal word `null` means nothing, and clients send it everywhere."""
        return _condition(self.request.headers.get("if-none-match"))

    def body(self) -> Any:
        """The JSON body. Raises Refused."""
        try:
            return json_value(self.request.body)
        except MalformedJson as cause:
            raise errors.bad_payload(f"Error Message : {cause}") from cause

    def object_body(self) -> Mapping[str, Any]:
        """The JSON body, which must be an object; an empty body is an empty object. Raises Refused."""
        if not self.request.body.strip():
            return {}
        body = self.body()
        if body is None:
            return {}
        if not isinstance(body, Mapping):
            raise errors.bad_payload("Error Message : The request body must be a JSON object.")
        return body

    def answer(self, value: Any, status: int = 200, applied: str = "", **headers: str) -> Answer:
        """An answer with a JSON body. applied: the preference that was honoured; header names with underscores."""
        named = {"Content-Type": JSON_TYPE, "OData-Version": "4.0", **_headers(headers)}
        if applied:
            named["Preference-Applied"] = applied
        return Answer(status, json_bytes(value), named)

    def nothing(self, status: int = 204, **headers: str) -> Answer:
        """An answer without a body."""
        return Answer(status, b"", {"OData-Version": "4.0", **_headers(headers)})

    def address(self, entity_set: str, key: str) -> str:
        """A record's absolute address."""
        return f"{self.root}/{entity_set}({quote(key, safe=_KEY_SIGNS)})"


def preferences(header: str) -> Preferences:
    """What a `Prefer` header asks for; what isn't understood is ignored, as HTTP says."""
    found = {name.lower(): (value or "").strip().strip('"') for name, value in _PREFERENCE.findall(_one_list(header))}
    size = found.get("odata.maxpagesize", found.get("maxpagesize", ""))
    listed = found.get("odata.include-annotations", "")
    return Preferences(
        representation=found.get("return", "") == "representation",
        annotations=tuple(part.strip() for part in re.split(r"[,|]", listed) if part.strip()),
        page_size=max(1, min(int(size), PAGE_LIMIT)) if size.isdigit() and len(size) < 10 else None,
        continue_on_error=found.get("odata.continue-on-error", "false") in ("", "true"),
        track_changes="odata.track-changes" in found,
    )


def error_answer(refused: Refused, details: bool = False) -> Answer:
    """A refusal in Dataverse's form; details: with the annotations that `include-annotations="*"` brings."""
    error: dict[str, Any] = {"code": refused.code, "message": refused.message}
    if details:
        error |= {
            "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus": "0",
            "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode": "0",
            "@Microsoft.PowerApps.CDS.HelpLink": "http://go.microsoft.com/fwlink/?LinkID=398563",
            "@Microsoft.PowerApps.CDS.TraceText": "",
            "@Microsoft.PowerApps.CDS.InnerError.Message": refused.message,
        }
    headers = {"Content-Type": "application/json; odata.metadata=minimal", "OData-Version": "4.0"}
    return Answer(refused.status, json_bytes({"error": error}), headers)


def _one_list(header: str) -> str:
    """Annotation names in an unquoted list (`a,b`) are joined, so that commas part preferences only."""
    found = re.search(r'odata\.include-annotations\s*=\s*("[^"]*"|[^"\s]+)', header)
    return header.replace(found[1], f'"{found[1].strip(chr(34)).replace(",", "|")}"') if found else header


def _fits(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def _condition(value: str | None) -> str | None:
    text = (value or "").strip()
    return None if text in ("", "null") else text


def _headers(named: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}
