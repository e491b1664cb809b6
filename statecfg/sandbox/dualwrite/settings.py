"""The knobs of dual-write: every inferred fact and every emulated habit, with its default and its meaning."""

from __future__ import annotations

from statecfg.sandbox.world import World

GATEWAY = "gateway"
DATAVERSE = "dataverse"
FINANCE = "finance"
WITNESSES = (GATEWAY, DATAVERSE, FINANCE)

# name, default, meaning.
_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("gateway.request_reads", 1, "polls that a request answers with waiting before it is done"),
    ("gateway.request_s", 0, "seconds a request takes at least"),
    ("gateway.unread_s", 5, "seconds without a poll after which a request is done all the same"),
    ("gateway.bulk_start_stop", True, "whether one request may start or stop several maps"),
    ("gateway.initial_sync_reads", 1, "reads of a map that show it in initial sync"),
    ("gateway.catch_up_reads", 1, "reads of a map that show it in catch-up after a resume"),
    ("gateway.busy_s", 0, "seconds that initial sync and catch-up take at least"),
    ("gateway.start_without_parameters", "initial_sync", "a start that doesn't say: initial_sync or skip"),
    ("gateway.start_other_version", "run", "a start that names another version: run it, or refuse"),
    ("gateway.sync_failed_state", "6", "state of a map whose initial sync failed: 6 or 1"),
    ("gateway.project_created_state", "6", "state of a map after its project was made: 6 or 1"),
    ("gateway.switch_running_status", 409, "HTTP status of a version switch on a map that runs: 409 or 400"),
    ("gateway.switch_validates", False, "whether a version switch runs the checks of a start"),
    ("gateway.switch_reply", "empty", "what a version switch answers: empty, request (an object) or id"),
    ("gateway.left_name", "label", "leftEntity.name: label or set"),
    ("gateway.list_form", "array", "the map list: array, or an object with the array under value"),
    ("gateway.empty_lists", 0, "how many reads of the map list come back empty"),
    ("gateway.linked", True, "whether the two environments are linked"),
    ("gateway.unlinked_companies", [], "company codes that are no part of the link"),
    ("gateway.start_failures", {}, "maps whose start fails, by name, with a validation code or a text"),
    ("gateway.stop_failures", {}, "maps whose stop fails, by name, with a text"),
    ("gateway.restore_reads", 1, "polls that RestoreTemplates answers with waiting"),
    ("valuemap.missing", "error", "a value its map doesn't hold: error, skip (the field) or default"),
    ("valuemap.type_check", True, "whether a value map whose $type this tenant doesn't know stops a start"),
    ("map_row.author_column", "msdyn_author", "where a publisher is: msdyn_author, msdyn_properties, '' (solution)"),
    ("map_row.solution", "optional", "whether RestoreTemplates wants a row in the solution: optional, required"),
    ("maps.milestone_direction", "one_way", "milestone map: one_way, writeback (a line back) or two_way"),
    ("maps.value_maps", True, "whether any seeded version has a value map"),
    ("maps.duplicate_name", False, "whether a second map has the milestone map's name"),
    ("maps.stopped", [], "maps that are stopped as seeded, by name"),
    ("maps.active", {}, "versions that are active as seeded, by map, as `publisher number`"),
    ("target_mapping.generated", True, "whether the milestone entity's target mapping has TRANSSTATUS as seeded"),
    ("schema.refreshed", False, "whether the cached schemas are as fresh as the target mapping when seeded"),
    ("save_as.activates", True, "whether Save as makes the new version the active one of a map that is stopped"),
    ("solution.import_reads", 1, "reads of the system job that show a solution import in progress"),
    ("pause.limit_s", 86400, "seconds a pause may last before new changes are refused"),
    ("pause.queues_deletes", False, "whether a paused map queues deletes"),
    ("sync.finance_records", 1000, "records that one F&O transaction may carry to Dataverse"),
    ("sync.finance_deletes", True, "whether a row deleted in F&O is deleted in Dataverse, where its key is carried"),
    ("sync.payload_bytes", 116_850_000, "bytes that the rows of one Dataverse write may come to"),
    ("sync.invoice_lines", 1000, "lines of one invoice that live sync carries; an integration job carries any number"),
    ("async.maps", [], "maps in an asynchronous integration job, by name"),
    ("async.shows_mode", True, "whether such a map has a row with AsyncMode in F&O whatever its directions"),
    ("async.survives_stop", False, "whether the job goes on taking changes after its map was stopped"),
    ("witness.gateway.lag_reads", 0, "reads until the gateway's list shows what is so"),
    ("witness.gateway.lag_s", 0, "seconds until the gateway's list shows what is so"),
    ("witness.dataverse.lag_reads", 0, "reads until the runtime rows in Dataverse show what is so"),
    ("witness.dataverse.lag_s", 0, "seconds until the runtime rows in Dataverse show what is so"),
    ("witness.finance.lag_reads", 0, "reads until the project configurations in F&O show what is so"),
    ("witness.finance.lag_s", 0, "seconds until the project configurations in F&O show what is so"),
    ("witness.lies", {}, "witness -> map -> {says: running|stopped|paused, version, publisher}"),
    ("witness.double_encoded", False, "whether msdyn_unsecure is JSON within JSON"),
)  # fmt: skip


def declare_settings(world: World) -> None:
    """Make dual-write's settings known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)
