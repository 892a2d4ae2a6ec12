"""Resources, attributes and quantities as v0 JSON shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from meseta.allocator.amounts import amounts_of
from meseta.attributes import Attribute
from meseta.records import Domain
from meseta.resources import Format, Ranges, Resources, from_milli
from meseta.resources.describe import quantity_text
from meseta.wire import json
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.resources import fill_resources

Json = dict[str, Any]

ALWAYS_SHOWN = ("disk", "mem", "gpus", "cpus")
"""Scalars that are there even when they are zero, in Mesos's order."""

RENDERED_MAX = 20_000


@lru_cache(maxsize=RENDERED_MAX)
def resources(of: Resources) -> msgspec.Raw:
    """Return sums by name: numbers, ranges and sets as text; revocable ones apart, as `<name>_revocable`."""
    shown: Json = dict.fromkeys(ALWAYS_SHOWN, 0.0)
    members: dict[str, Ranges | frozenset[str]] = {}
    for part, suffix in ((of.nonrevocable(), ""), (of.revocable(), "_revocable")):
        shown |= {name + suffix: from_milli(amount) for name, amount in part.quantities().items()}
        for kind, quantity in part:
            if not isinstance(quantity, int):
                name = kind.name + suffix
                members[name] = members[name] | quantity if name in members else quantity  # type: ignore[operator]
    shown |= {name: quantity_text(quantity) for name, quantity in members.items()}
    return msgspec.Raw(msgspec.json.encode(shown))


def reserved(of: Resources) -> dict[str, msgspec.Raw]:
    """Return sums by name for every role that something is reserved for."""
    return {role: resources(part) for role, part in of.reservations().items()}


def full(of: Resources, role: str | None = None) -> list[Json]:
    """Return the messages, in the format for operators: with `role` and with `reservations`."""
    holder = m.AgentInfo()
    fill_resources(holder.resources, of, Format.ENDPOINT, role)
    return [json.to_dict(resource) for resource in holder.resources]


def reserved_full(of: Resources) -> dict[str, list[Json]]:
    """Return the messages for every role that something is reserved for."""
    return {role: full(part) for role, part in of.reservations().items()}


def quantities(of: Resources) -> dict[str, float]:
    """Return amounts by name, in the order of names: of ranges and sets the number of their members."""
    return amounts(amounts_of(of))


def amounts(milli: Mapping[str, int]) -> dict[str, float]:
    """Return amounts in natural units by name, in the order of names."""
    return {name: from_milli(milli[name]) for name in sorted(milli)}


def attributes(of: Iterable[Attribute]) -> Json:
    """Return attributes by name: numbers, or text."""
    shown: Json = {}
    for attribute in of:
        value = attribute.value
        if isinstance(value, Ranges):
            shown[attribute.name] = str(value)
        elif isinstance(value, frozenset):
            shown[attribute.name] = quantity_text(value)
        else:
            shown[attribute.name] = value
    return shown


def domain(of: Domain) -> Json:
    """Return a fault domain."""
    return {"fault_domain": {"region": {"name": of.region}, "zone": {"name": of.zone}}}


def labels(of: m.Labels) -> list[Json]:
    """Return labels as a list of keys and values."""
    return [json.to_dict(label) for label in of.labels]
