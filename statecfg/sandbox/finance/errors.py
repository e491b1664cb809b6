"""The errors of Finance and Operations in their wire form.

The inner part is inferred; clients decide on the status.
Source: reference/finance-and-operations.md, 7.1.
"""

from __future__ import annotations

from typing import Any

from statecfg.sandbox.wire import Answer, json_bytes

GENERAL = "An error has occurred."
ACTION_FAILED = "Exception occurred while executing action"
INVALID_QUERY = "The query specified in the URI is not valid."
ODATA_EXCEPTION = "Microsoft.OData.ODataException"
OPERATION_EXCEPTION = "System.InvalidOperationException"
JSON_ERROR = "application/json; odata.metadata=minimal"
THROTTLED = "This request could not be processed at this time due to system experiencing high resource utilization."


class WireError(Exception):
    """An answer that is an error; inner: the X++ or OData text, "" if there is none."""

    def __init__(self, status: int, message: str, inner: str = "", kind: str = OPERATION_EXCEPTION) -> None:
        super().__init__(inner or message)
        self.status = status
        self.message = message
        self.inner = inner
        self.kind = kind

    def answer(self) -> Answer:
        """The answer."""
        return error_answer(self.status, self.message, self.inner, self.kind)


def error_answer(status: int, message: str, inner: str = "", kind: str = OPERATION_EXCEPTION) -> Answer:
    """An error answer."""
    error: dict[str, Any] = {"code": "", "message": message}
    if inner:
        error["innererror"] = {"message": inner, "type": kind, "stacktrace": ""}
    return Answer(status, json_bytes({"error": error}), {"Content-Type": JSON_ERROR})


def invalid(text: str) -> WireError:
    """The query or the body is not understood."""
    return WireError(400, f"{INVALID_QUERY} {text}", text, ODATA_EXCEPTION)


def bad_body(text: str) -> WireError:
    """The body is not understood."""
    return WireError(400, GENERAL, text, ODATA_EXCEPTION)


def no_resource(target: str) -> WireError:
    """The address names nothing."""
    return WireError(404, f"No HTTP resource was found that matches the request URI '{target}'.")


def no_row(entity: str) -> WireError:
    """No row has this key, in the companies that the request sees."""
    return WireError(404, f"No record of '{entity}' was found for the given key.")


def not_allowed(method: str) -> WireError:
    """The method is not for this address."""
    return WireError(405, f"The requested resource does not support http method '{method}'.")


def stale() -> WireError:
    """The row changed since its ETag was read."""
    return WireError(412, "The record was changed by another user; the ETag does not match.")


def write_failed(entity: str, text: str, status: int) -> WireError:
    """A rule of the entity refused a row."""
    return WireError(status, GENERAL, f"Write failed for table row of type '{entity}Entity'. Infolog: Error: {text}")


def action_failed(action: str, entity: str, text: str) -> WireError:
    """An action ended with an error."""
    message = f"{ACTION_FAILED} {action} on Entity {entity}: {text}"
    return WireError(400, message, message)
