"""What the allocator measures, under Mesos's names (src/master/allocator/mesos/metrics.cpp).

Quantities are in natural units. Times of runs are not here: the allocator knows no clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from meseta.allocator.filters import Refusals
from meseta.allocator.ledger import Ledger
from meseta.resources import from_milli

PREFIX = "allocator/mesos"
RESOURCES = ("cpus", "mem", "disk")


def gauges(ledger: Ledger, refusals: Refusals) -> dict[str, float]:
    """Return the gauges of resources, roles and quotas."""
    tree = ledger.tree
    values: dict[str, float] = {}
    for name in RESOURCES:
        prefix = f"{PREFIX}/resources/{name}"
        values[f"{prefix}/total"] = from_milli(tree.totals.get(name, 0))
        values[f"{prefix}/offered_or_allocated"] = from_milli(tree.root.allocated.get(name, 0))
    for node in tree.roles():
        values[f"{PREFIX}/roles/{node.path}/shares/dominant"] = tree.share(node)
        values[f"{PREFIX}/offer_filters/roles/{node.path}/active"] = 0.0
    for refusal in refusals:
        values[f"{PREFIX}/offer_filters/roles/{refusal.client.role}/active"] += 1.0
    if ledger.quotas.enforced:
        offered = ledger.offered_contested()
        for role in ledger.quotas.roles():
            values |= _quota_gauges(ledger, role, offered.get(role, {}))
    return values


def _quota_gauges(ledger: Ledger, role: str, offered: Mapping[str, int]) -> dict[str, float]:
    quota, node = ledger.quotas.of(role), ledger.tree.node(role)
    allocated: Mapping[str, int] = node.allocated if node is not None else {}
    held = ledger.quotas.consumed.get(role, {})
    values: dict[str, float] = {}
    for name, quantity in held.items():
        if consumed := quantity - offered.get(name, 0):
            values[f"{PREFIX}/quota/roles/{role}/resources/{name}/consumed"] = from_milli(consumed)
    for name in {**quota.guarantees, **quota.limits}:
        prefix = f"{PREFIX}/quota/roles/{role}/resources/{name}"
        values[f"{prefix}/offered_or_allocated"] = from_milli(allocated.get(name, 0))
        if name in quota.guarantees:
            values[f"{prefix}/guarantee"] = from_milli(quota.guarantees[name])
        if name in quota.limits:
            values[f"{prefix}/limit"] = from_milli(quota.limits[name])
    return values
