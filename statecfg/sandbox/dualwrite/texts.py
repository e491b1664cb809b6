"""The texts in which dual-write reports failures, as the two services and the gateway word them.

Source: reference/dual-write.md, "Error texts and codes"; reference/project-operations.md, "Error shapes".
"""

from __future__ import annotations

from collections.abc import Mapping

_PLUGIN = "Microsoft.Dynamics.Integrator.DualWriteRuntime.Plugins.PostCommitPlugin"

# What each validation code says where nothing more is known of its cause; what the checks find says more.
# Source: reference/dual-write.md, "Validation codes at start or save".
VALIDATION: Mapping[str, str] = {
    "DIPV1000": "Connection validation failed",
    "DIPV1001": "Exceptions encountered during Dual-write project validation",
    "DIPV1002": "Dual-write only supports mapping between cross-company entities or company-specific entities",
    "DIPV1003": "Integration keys are missing",
    "DIPV1004": "Integration key field isn't bi-directionally mapped",
    "DIPV1005": "Missing environment info for dataset",
    "DIPV1006": "Exceptions encountered during project validation",
    "DIPV1007": "Task has environment that doesn't exist in the connection set",
    "DIPV1008": "Data partition isn't valid",
    "DIPV1010": "Mandatory field in destination entity must be mapped",
    "DIPV1011": "Readonly field in destination entity must not be mapped",
    "DIPV1012": "Error occurred while parsing Dataverse entity source filter",
    "DIPV1014": "Mapping is missing for integration key",
    "DIPV1015": "Mapping is missing for integration key for lookup field",
    "DIPV1016": "Missing Organization mapping for destination entity",
    "DIPV1017": "Missing Organization mapping for related entity",
    "DIPV1018": "Missing source schema",
    "DIPV1019": "Export can't be performed on the table due to the missing versionnumber field",
    "DIPV1020": "Missing destination schema",
    "DIPV1021": "Missing source field in the mapping",
    "DIPV1022": "Missing source field in the schema",
    "DIPV1023": "Duplicate source fields",
    "DIPV1024": "Missing destination field in the mapping",
    "DIPV1025": "Missing destination field in the schema",
    "DIPV1026": "Duplicate destination fields",
    "DIPV1027": "Map the integration key associated with the entity lookup field to the destination field",
    "DIPV1028": "Map the integration key associated with the entity lookup field to the source field",
    "DIPV1029": "Duplicate value map",
    "DIPV1030": "Data type mismatch",
    "DIPV1031": "Missing default transform for mandatory destination field",
}


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


def validation_failed(code: str, text: str = "") -> str:
    """A map cannot start, or a version cannot be chosen. text: what was found, "" for what the code says by itself."""
    return f"Project validation failed [{code}] {text or VALIDATION.get(code, 'Validation failed.')}"


def initial_sync_failed(label: str, entity_set: str, exported: int, failed: int, errors: str) -> str:
    """An initial sync from F&O or from Dataverse that ended with errors."""
    return (
        "Dual write Initial Sync completed with status: Error. Following are the details: Executed leg: "
        f"From AX {label} to CRM {entity_set} with exported records count: {exported}, "
        f"ImportRecordsErrorCount: {failed}, ImportRecordsInsertedCount: 0 and "
        f"ImportRecordsUpdatedCount: {exported - failed} ErrorsDetails: {errors}"
    )
