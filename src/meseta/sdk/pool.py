"""What is left of an offer, and taking parts of it for tasks.

Reserved resources are taken first (nobody else can use them), then unreserved ones. Left alone are
volumes and other disks, shared and revocable resources: who wants those names them in raw messages.
Scalars have three decimal digits, so amounts are integers of thousandths here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meseta.wire.gen import mesos_pb2

Resource = mesos_pb2.Resource


class Pool:
    """The remaining resources of one offer."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._scalars: list[tuple[Resource, int]] = []
        self._ports: list[tuple[Resource, list[tuple[int, int]]]] = []
        for resource in sorted(filter(_is_plain, resources), key=_reserved_first):
            if resource.type == mesos_pb2.Value.SCALAR:
                self._scalars.append((resource, round(resource.scalar.value * 1000)))
            elif resource.name == "ports":
                spans = [(span.begin, span.end) for span in resource.ranges.range]
                self._ports.append((resource, spans))

    def amount(self, name: str) -> float:
        """Return how much of a scalar resource is left."""
        return sum(left for resource, left in self._scalars if resource.name == name) / 1000

    def port_count(self) -> int:
        """Return how many ports are left."""
        return sum(last - first + 1 for _, spans in self._ports for first, last in spans)

    def lacks(self, amounts: Mapping[str, float], ports: int = 0) -> list[str]:
        """Return the names of the resources of which less than wanted is left."""
        short = [
            name for name, wanted in amounts.items() if round(wanted * 1000) > round(self.amount(name) * 1000)
        ]
        return [*short, "ports"] if ports > self.port_count() else short

    def take(self, amounts: Mapping[str, float], ports: int = 0) -> list[Resource]:
        """Take resources out; the caller has made sure that nothing lacks."""
        taken: list[Resource] = []
        for name, wanted in amounts.items():
            taken += self._take_scalar(name, round(wanted * 1000))
        return taken + self._take_ports(ports)

    def _take_scalar(self, name: str, wanted: int) -> list[Resource]:
        taken = []
        for index, (resource, left) in enumerate(self._scalars):
            part = min(left, wanted)
            if resource.name != name or part <= 0:
                continue
            self._scalars[index] = (resource, left - part)
            wanted -= part
            piece = Resource()
            piece.CopyFrom(resource)
            piece.scalar.value = part / 1000
            taken.append(piece)
        assert wanted <= 0, f"the pool has too little {name}"
        return taken

    def _take_ports(self, wanted: int) -> list[Resource]:
        taken = []
        for index, (resource, spans) in enumerate(self._ports):
            parts, left = _split(spans, wanted)
            if not parts:
                continue
            self._ports[index] = (resource, left)
            wanted -= sum(last - first + 1 for first, last in parts)
            piece = Resource()
            piece.CopyFrom(resource)
            piece.ranges.ClearField("range")
            for first, last in parts:
                piece.ranges.range.add(begin=first, end=last)
            taken.append(piece)
        assert wanted <= 0, "the pool has too few ports"
        return taken


def _split(spans: list[tuple[int, int]], wanted: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Split spans into the first `wanted` numbers and the rest."""
    parts, left = [], []
    for first, last in spans:
        count = min(wanted, last - first + 1)
        if count > 0:
            parts.append((first, first + count - 1))
            wanted -= count
        if first + count <= last:
            left.append((first + count, last))
    return parts, left


def _is_plain(resource: Resource) -> bool:
    special = ("revocable", "shared")
    if any(resource.HasField(field) for field in special):
        return False
    return not (resource.disk.HasField("persistence") or resource.disk.HasField("source"))


def _reserved_first(resource: Resource) -> int:
    old_form = resource.HasField("role") and resource.role != "*"
    return -max(len(resource.reservations), int(old_form))
