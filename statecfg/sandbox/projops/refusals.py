"""What Project Operations answers when a business rule forbids something.

The real texts are not published; these follow the platform's form for an error that a plug-in raises.
Source: reference/project-operations.md, "Behaviour" and "Rules".
"""

from __future__ import annotations

from statecfg.sandbox.world import Refused

ISV_ABORTED = "0x80040265"
DOES_NOT_EXIST = "0x80040217"


def refused(message: str) -> Refused:
    """A plug-in stopped the operation."""
    return Refused(ISV_ABORTED, message)


def missing(table: str, key: object) -> Refused:
    """The record an action is called on doesn't exist."""
    return Refused(DOES_NOT_EXIST, f"Entity '{table}' With Id = {key} Does Not Exist", 404)
