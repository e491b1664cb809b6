"""Mistakes that the sandbox makes when it is asked to, so that it can be proved that somebody would notice.

Each is a setting and off by default; no real service has them.
"""

from __future__ import annotations

from collections.abc import Mapping

from statecfg.sandbox.settings import Settings

# Clients find a batch's answer by this text. Source: reference/dataverse.md, "$batch".
BATCH_PREFIX = "batchresponse_"


def declare_settings(settings: Settings) -> None:
    """The knobs of the mistakes."""
    settings.declare(
        "dataverse.batch_delimiter",
        BATCH_PREFIX,
        "a mistake: how the lines between the parts of a batch's answer begin; the header says batchresponse_ always",
    )
    settings.declare("dataverse.omit_headers", [], "a mistake: headers that no answer carries, for example ETag")


def batch_delimiter(settings: Settings) -> str:
    """How the delimiter of a batch's answer begins in the body."""
    return str(settings["dataverse.batch_delimiter"])


def kept_headers(settings: Settings, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without those that are to be left out."""
    omitted = settings["dataverse.omit_headers"]
    if not omitted:
        return headers
    names = {str(name).lower() for name in omitted}
    return {name: value for name, value in headers.items() if name.lower() not in names}
