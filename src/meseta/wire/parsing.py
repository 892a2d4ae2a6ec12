"""The one door for messages of peers: their bytes become complete messages, or are refused.

Whatever is behind it may encode a message, or parts of it, again. That takes all required fields: asked to
encode an incomplete message, protobuf's encoder raises, and to name what is missing it walks through the
message and loses its way after any map of plain values: it reads memory that is not its own, and the process
ends. A peer can bring that about with twenty bytes. `FindInitializationErrors` and `ByteSize` take the same
walk; `IsInitialized` and `SerializePartialToString` do not.
"""

from __future__ import annotations

from typing import Any

from meseta.errors import WireError
from meseta.wire.missing import missing_fields


def parse(kind: type[Any], body: bytes) -> Any:
    """Return `body` as a message of the class `kind`, complete with all required fields.

    Raises:
        WireError: it is not one.
    """
    try:
        message = kind.FromString(body)
    except Exception as fault:
        raise WireError(f"not a {kind.DESCRIPTOR.full_name}: {fault}") from None
    if not message.IsInitialized():
        missing = missing_fields(message)
        raise WireError(f"{kind.DESCRIPTOR.full_name} without required fields: {missing}")
    return message
