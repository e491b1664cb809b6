"""The texts in which dual-write reports failures, as the two services and the gateway word them.

Source: reference/dual-write.md, "Error texts and codes"; reference/project-operations.md, "Error shapes".
"""

from __future__ import annotations

_PLUGIN = "Microsoft.Dynamics.Integrator.DualWriteRuntime.Plugins.PostCommitPlugin"


def write_failed(label: str, reason: str) -> str:
    """F&O refused a row that came from Dataverse."""
    return f"Write failed for entity {label} with unknown exception - {reason}"


def plugin_failed(table: str, reason: str) -> str:
    """The Dataverse transaction that carried a refused row."""
    return (
        "An unexpected error occurred from ISV code. (ErrorType = ClientError) Unexpected exception from plug-in "
        f"(Execute): {_PLUGIN}: System.Exception: failed to process entity {table} - ({reason})"
    )


def finance_write_failed(entity_set: str, label: str, reason: str) -> str:
    """The F&O transaction whose row Dataverse could not take."""
    return (
        "Cannot save the changes to the database. Unit of Work can not commit transaction. "
        f"Unable to write data to entity {entity_set}. Writes to {label} failed with the error message {reason}"
    )


def dataverse_refused(code: str, text: str) -> str:
    """Dataverse refused a row that came from F&O."""
    return f"Request failed with status code BadRequest and CDS error code : {code} response message: {text}"


def validation_failed(code: str, text: str) -> str:
    """A map cannot start, or a version cannot be chosen."""
    return f"Project validation failed [{code}] {text}"


def initial_sync_failed(label: str, entity_set: str, exported: int, failed: int, errors: str) -> str:
    """An initial sync from F&O or from Dataverse that ended with errors."""
    return (
        "Dual write Initial Sync completed with status: Error. Following are the details: Executed leg: "
        f"From AX {label} to CRM {entity_set} with exported records count: {exported}, "
        f"ImportRecordsErrorCount: {failed}, ImportRecordsInsertedCount: 0 and "
        f"ImportRecordsUpdatedCount: {exported - failed} ErrorsDetails: {errors}"
    )
