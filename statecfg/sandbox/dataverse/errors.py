"""The errors of Dataverse in its own words and numbers. Source: reference/dataverse.md, "Errors"."""

from __future__ import annotations

from statecfg.sandbox.world import Duplicate, Refused, Table

DOES_NOT_EXIST = "0x80040217"
NOT_FOUND_BY_KEY = "0x80060891"
DUPLICATE_RECORD = "0x80040237"
DUPLICATE_KEY = "0x80060892"
DUPLICATES_FOUND = "0x80040333"
VERSION_MISMATCH = "0x80060882"
BAD_URI = "0x80060888"
BAD_PAYLOAD = "0x80048d19"
TEXT_TOO_LONG = "0x80044331"
CHOICE_OUT_OF_RANGE = "0x8004431a"
INVALID_STATE = "0x80048408"
INVALID_ARGUMENT = "0x80040203"
ISV_ABORTED = "0x80040265"
NOT_A_MEMBER = "0x80072560"
USER_DISABLED = "0x80040225"
DELETE_RESTRICTED = "0x80040227"
AGGREGATE_LIMIT = "0x8004e023"
EXPIRED_VERSION = "0x80044352"


def address_too_long(length: int, limit: int) -> Refused:
    """The address is longer than the service reads."""
    return Refused(BAD_URI, f"The URL of {length} characters exceeds the limit of {limit}.", 414)


def does_not_exist(table: Table, key: object) -> Refused:
    """No record has this primary key."""
    return Refused(DOES_NOT_EXIST, f"Entity '{table.name}' With Id = {key} Does Not Exist", 404)


def not_found_by_key(table: Table) -> Refused:
    """No record has these values of an alternate key."""
    message = f"A record with the specified key values does not exist in {table.name} entity"
    return Refused(NOT_FOUND_BY_KEY, message, 404)


def duplicate(table: Table, found: Duplicate) -> Refused:
    """A record with the same primary or alternate key exists."""
    if found.columns == table.key:
        return Refused(DUPLICATE_RECORD, "A record with matching key values already exists.", 412)
    names = {key.columns: key.name for key in table.alternate_keys}
    message = (
        f"Entity Key {names.get(found.columns, '')} violated. A record with the same value for "
        f"{', '.join(found.columns)} already exists. A duplicate record cannot be created. "
        "Select one or more unique values and try again."
    )
    return Refused(DUPLICATE_KEY, message, 412)


def duplicate_detected() -> Refused:
    """A duplicate detection rule finds another record like the one that was written."""
    message = "A record was not created or updated because a duplicate of the current record already exists."
    return Refused(DUPLICATES_FOUND, message, 412)


def version_mismatch() -> Refused:
    """The record changed since its ETag was read."""
    message = "The version of the existing record doesn't match the RowVersion property provided."
    return Refused(VERSION_MISMATCH, message, 412)


def matches_already() -> Refused:
    """A create was asked for (`If-None-Match: *`), but the record is there."""
    return Refused(DUPLICATE_RECORD, "A record with matching key values already exists.", 412)


def bad_uri(message: str, status: int = 400) -> Refused:
    """The address or the query can't be understood."""
    return Refused(BAD_URI, message, status)


def bad_payload(message: str) -> Refused:
    """The body can't be understood."""
    return Refused(BAD_PAYLOAD, f"Error identified in Payload provided by the user. {message}")


def unknown_property(name: str, table: Table) -> Refused:
    """A query names a property that the table doesn't have."""
    return bad_uri(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")


def undeclared_property(name: str, table: Table) -> Refused:
    """A body binds a navigation property that the table doesn't have, or writes its name in the wrong case."""
    return bad_payload(
        "InnerException : Microsoft.OData.ODataException: An undeclared property "
        f"'{name}' which only has property annotations in the payload but no property value was found in the payload. "
        "In OData, only declared navigation properties and declared named streams can be represented as properties "
        f"without values. Type 'Microsoft.Dynamics.CRM.{table.name}'."
    )


def invalid_property(name: str, table: Table) -> Refused:
    """A body has a property that the table doesn't have."""
    return bad_payload(f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table.name}'.")


def unknown_resource(segment: str) -> Refused:
    """The address names neither an entity set nor an operation."""
    return bad_uri(f"Resource not found for the segment '{segment}'.", 404)


def bad_key(table: Table) -> Refused:
    """The columns in the key segment are no key of the table."""
    return bad_uri(
        f"The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{table.name}'. Ensure that the "
        "names and number of key properties match the declared or alternate key properties for the resource."
    )


def too_long(table: Table, column: str, limit: int) -> Refused:
    """A text is longer than its column."""
    message = (
        f"A validation error occurred. The length of the '{column}' attribute of the '{table.name}' entity exceeded "
        f"the maximum allowed length of '{limit}'."
    )
    return Refused(TEXT_TOO_LONG, message)


def out_of_range(table: Table, column: str, value: object) -> Refused:
    """A number outside its column's limits, or an option that the choice doesn't have."""
    message = f"A validation error occurred. The value {value} of '{column}' on record of type '{table.name}' is "
    return Refused(CHOICE_OUT_OF_RANGE, message + "outside the valid range.")


def invalid_status(table: Table, status: object, state: object) -> Refused:
    """A status that doesn't belong to the state."""
    return Refused(INVALID_STATE, f"{status} is not a valid status code for state code {state} on {table.name}")


def delete_restricted(table: Table, other: str) -> Refused:
    """Another record needs this one."""
    message = f"The object you tried to delete is associated with another object ({other}) and cannot be deleted."
    return Refused(DELETE_RESTRICTED, message, 405)
