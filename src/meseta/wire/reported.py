"""Frameworks as agents describe them when they come back.

After a failover every agent describes every framework that it runs something of, nearly always in the same
bytes as the others; so descriptions are remembered by their bytes, and each is lifted and checked once.
"""

from __future__ import annotations

from collections.abc import Sequence

from meseta.master.validation import description_fault
from meseta.records import FrameworkInfo
from meseta.wire.faults import Fault, first
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_framework
from meseta.wire.parsing import parse

REPORTED_MAX = 10_000
"""Descriptions that are remembered; then the memory is emptied."""

REPORTED_BYTES_MAX = 4096
"""A description that is longer is not remembered."""

_reported: dict[bytes, tuple[FrameworkInfo, Fault]] = {}


def reported_frameworks(raws: Sequence[bytes]) -> tuple[tuple[FrameworkInfo, ...], Fault]:
    """Lift what an agent says of its frameworks, and say why the first that cannot be let in cannot.

    Raises:
        WireError: one is no FrameworkInfo.
    """
    if not raws:
        return (), None
    infos, faults = zip(*[_reported.get(raw) or reported_framework(raw) for raw in raws], strict=True)
    return infos, first(*faults)


def reported_framework(raw: bytes) -> tuple[FrameworkInfo, Fault]:
    """Lift what an agent says of a framework, and say why it cannot be let in, if so.

    Raises:
        WireError: it is no FrameworkInfo.
    """
    known = _reported.get(raw)
    if known is None:
        info = lift_framework(parse(m.FrameworkInfo, raw))
        known = info, "a framework has no ID" if info.id is None else description_fault(info)
        if len(raw) <= REPORTED_BYTES_MAX:
            if len(_reported) >= REPORTED_MAX:
                _reported.clear()
            _reported[raw] = known
    return known
