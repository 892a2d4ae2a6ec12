"""Dominant resource fairness: a client's share is the largest of its shares of the single resources.

Ghodsi and others, "Dominant Resource Fairness: Fair Allocation of Multiple Resource Types", NSDI 2011.
Only scalars count; ports and sets have no share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def dominant_share(allocated: Mapping[str, int], totals: Sequence[tuple[str, float]], weight: float) -> float:
    """Return the weighted dominant share of what is `allocated` (milli-units) in `totals` (units).

    The order of the divisions is Mesos's: an equivalent formula may differ in the last bit, and with it
    who wins a tie.
    """
    share = 0.0
    for name, total in totals:
        amount = allocated.get(name)
        if amount:
            part = amount / 1000.0 / total
            if part > share:
                share = part
    return share / weight
