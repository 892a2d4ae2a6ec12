"""How much there is of resources, whatever their kinds, and how such amounts are reckoned with.

Amounts are milli-units by name. A name that is missing stands for nothing, unless it is said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from meseta.resources import Quantity, Ranges, Resources
from meseta.resources.describe import scalar_text

Amounts = Mapping[str, int]
Sums = dict[str, int]
"""Amounts that are being added up."""


def amount(resources: Resources, name: str) -> int:
    """Return how much there is of a resource, in milli-units; a port or an item of a set is 1000."""
    scalars = resources.scalar(name)
    return scalars or sum(_milli(quantity) for kind, quantity in resources if kind.name == name)


def amounts_of(resources: Resources) -> Sums:
    """Return how much there is by name; a port or an item of a set is 1000."""
    amounts = dict(resources.quantities())
    for kind, quantity in resources:
        if not isinstance(quantity, int):
            amounts[kind.name] = amounts.get(kind.name, 0) + _milli(quantity)
    return amounts


def _milli(quantity: Quantity) -> int:
    if isinstance(quantity, int):
        return quantity
    count = quantity.count() if isinstance(quantity, Ranges) else len(quantity)
    return 1000 * count


def add(sums: Sums, amounts: Amounts) -> None:
    """Add amounts to sums."""
    for name, amount in amounts.items():
        sums[name] = sums.get(name, 0) + amount


def subtract(sums: Sums, amounts: Amounts) -> None:
    """Take amounts off sums, which may get negative."""
    for name, amount in amounts.items():
        sums[name] = sums.get(name, 0) - amount


def positive(amounts: Amounts) -> Sums:
    """Return the amounts of which there is something."""
    return {name: amount for name, amount in amounts.items() if amount > 0}


def less(amounts: Amounts, taken: Amounts) -> Sums:
    """Return what is left when some is taken, without the names of which nothing is."""
    return positive({name: amount - taken.get(name, 0) for name, amount in amounts.items()})


def exceeds(amounts: Amounts, bounds: Amounts, missing: int | None = None) -> bool:
    """Tell whether some amount is above its bound; a name without one has the bound `missing`, or none."""
    for name, amount in amounts.items():
        bound = bounds.get(name, missing)
        if bound is not None and amount > bound:
            return True
    return False


def take(bounds: Sums, amounts: Amounts) -> bool:
    """Take amounts off their bounds, names without one freely; or say that it cannot be, and take nothing."""
    if exceeds(amounts, bounds):
        return False
    for name in bounds:
        bounds[name] -= amounts.get(name, 0)
    return True


def amounts_text(amounts: Amounts) -> str:
    """Return amounts in the order of names: `cpus:1.5; mem:512`."""
    return "; ".join(f"{name}:{scalar_text(amounts[name] / 1000)}" for name in sorted(amounts)) or "{}"
