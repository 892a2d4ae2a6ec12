"""What the JSON writers and readers know of a message type, and where they are kept once compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FeatureSet, FieldDescriptorProto

Function = TypeVar("Function", bound=Callable[..., Any])
Compile = Callable[[Descriptor, dict[Descriptor, Function]], Function]


def compiled(cache: dict[Descriptor, Function], of: Any, compile_: Compile[Function]) -> Function:
    """Return the function for a message type. A type becomes visible in `cache` only when it is complete."""
    function = cache.get(of)
    if function is None:
        extended = dict(cache)
        function = compile_(of, extended)
        cache.update(extended)
    return function


class Field(NamedTuple):
    """What has to be known of a field."""

    name: str
    type: int
    repeated: bool
    required: bool
    message: Descriptor | None
    enum: EnumDescriptor | None
    deprecated: bool
    default: Any
    """None unless the schema gives one."""

    @property
    def map_value(self) -> Field | None:
        """The value of a map's entries; None for other fields."""
        if self.message is None or not self.message.GetOptions().map_entry:
            return None
        return next(field for _, field in fields_of(self.message) if field.name == "value")


def fields_of(of: Descriptor) -> Iterator[tuple[FieldDescriptor, Field]]:
    """Yield the fields of a message type; what a field is, the schema says in all versions of protobuf."""
    schema = DescriptorProto()
    of.CopyToProto(schema)
    for field, proto in zip(of.fields, schema.field, strict=True):
        yield (
            field,
            Field(
                name=field.name,
                type=field.type,
                repeated=proto.label == FieldDescriptorProto.LABEL_REPEATED,
                required=proto.options.features.field_presence == FeatureSet.LEGACY_REQUIRED,
                message=field.message_type,
                enum=field.enum_type,
                deprecated=proto.options.deprecated,
                default=field.default_value if proto.HasField("default_value") else None,
            ),
        )
