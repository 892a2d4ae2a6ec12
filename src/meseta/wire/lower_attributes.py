"""From an agent's attributes back to protobuf."""

from __future__ import annotations

from meseta.attributes import Attribute, AttributeType
from meseta.resources import Ranges
from meseta.wire.gen import mesos_pb2 as m


def fill_attribute(message: m.Attribute, attribute: Attribute) -> None:
    """Write one attribute into an empty message."""
    message.name = attribute.name
    message.type = attribute.type  # type: ignore[assignment]
    value = attribute.value
    if attribute.type is AttributeType.SCALAR:
        assert isinstance(value, float), "scalars have a number"
        message.scalar.value = value
    elif attribute.type is AttributeType.RANGES:
        assert isinstance(value, Ranges), "ranges have ranges"
        for begin, end in value.pairs():
            message.ranges.range.add(begin=begin, end=end)
    elif attribute.type is AttributeType.SET:
        assert isinstance(value, frozenset), "sets have items"
        message.set.item.extend(sorted(value))
    else:
        message.text.value = str(value)
