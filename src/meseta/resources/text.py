"""The two forms of --resources.

    cpus:4;mem(web):1024;ports:[31000-32000];names:{a,b}       name(role):value, roles reserve statically
    [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 4}}]    Resource objects, as JSON

Only what an agent has of its own can be given: no dynamic reservations, volumes or revocable resources.
"""

from __future__ import annotations

from meseta.errors import ConfigError
from meseta.resources.faults import ResourceFault, record_fault, use_fault
from meseta.resources.formats import from_records
from meseta.resources.json_form import read_json_records
from meseta.resources.kinds import ValueType
from meseta.resources.ranges import Ranges
from meseta.resources.records import ResourceRecord
from meseta.resources.values import parse_value
from meseta.resources.vector import Resources
from meseta.roles import STAR

_EXAMPLE = "write name:value or name(role):value, such as cpus:4;mem(web):1024;ports:[31000-32000]"


def parse_resources(text: str, default_role: str = STAR) -> Resources:
    """Return the resources of a flag; those without a role are reserved to `default_role` unless it is `*`.

    Raises ConfigError with the offending piece.
    """
    if text.lstrip().startswith("["):
        records = read_json_records(text, default_role)
    else:
        records = [_parse_piece(piece, default_role) for piece in text.split(";") if piece.strip()]
    try:
        resources, _ = from_records(records)
    except ResourceFault as fault:
        raise ConfigError(f"Cannot use the resources '{text}': {fault}") from None
    fault_of_flag = _flag_fault(resources) or use_fault(resources)
    if fault_of_flag is not None:
        raise ConfigError(f"Cannot use the resources '{text}': {fault_of_flag}")
    return resources


def _parse_piece(piece: str, default_role: str) -> ResourceRecord:
    parts = [part for part in piece.split(":") if part]
    if len(parts) != 2:
        raise ConfigError(f"Bad value for resources, missing or extra ':' in '{piece}'; {_EXAMPLE}")
    name, role = _parse_name(parts[0], piece, default_role)
    record = _record(name, role, parts[1])
    if (fault := record_fault(record)) is not None:
        raise ConfigError(f"Bad value for resources in '{piece}': {fault}")
    return record


def _parse_name(text: str, piece: str, default_role: str) -> tuple[str, str]:
    name, opening, rest = text.partition("(")
    if not opening:
        return name.strip(), default_role
    role, closing, _ = rest.partition(")")
    if not closing:
        raise ConfigError(f"Bad value for resources, mismatched parentheses in '{piece}'; {_EXAMPLE}")
    return name.strip(), role.strip()


def _record(name: str, role: str, text: str) -> ResourceRecord:
    try:
        value = parse_value(text)
    except ValueError as error:
        raise ConfigError(f"Failed to parse resource '{name}' with value '{text}': {error}") from None
    if isinstance(value, float):
        return ResourceRecord(name, int(ValueType.SCALAR), scalar=value, role=role)
    if isinstance(value, Ranges):
        return ResourceRecord(name, int(ValueType.RANGES), ranges=value.pairs(), role=role)
    if isinstance(value, frozenset):
        return ResourceRecord(name, int(ValueType.SET), items=tuple(sorted(value)), role=role)
    raise ConfigError(
        f"Bad type for resource '{name}' with value '{text}': it is a text; "
        "write a number that is not negative, ranges such as [1-10], or a set such as {a,b}"
    )


def _flag_fault(resources: Resources) -> str | None:
    """Say what can only come about at run time, or has two types."""
    types: dict[str, ValueType] = {}
    for kind, _ in resources:
        if kind.is_persistent_volume:
            return "Persistent volumes cannot be specified at the command line"
        if kind.revocable:
            return (
                "Revocable resources cannot be specified at the command line; "
                "do not include a 'revocable' key in the resources JSON"
            )
        if kind.is_dynamically_reserved:
            return (
                "Dynamic reservations cannot be specified at the command line; "
                "do not include a reservation with DYNAMIC type in the resources JSON"
            )
        if types.setdefault(kind.name, kind.type) is not kind.type:
            return f"Resources with the same name ('{kind.name}') but different types are not allowed"
    return None
