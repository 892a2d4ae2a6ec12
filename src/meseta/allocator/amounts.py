"""How much there is of a resource, whatever its kind."""

from __future__ import annotations

from meseta.resources import Quantity, Ranges, Resources


def amount(resources: Resources, name: str) -> int:
    """Return how much there is of a resource, in milli-units; a port or an item of a set is 1000."""
    scalars = resources.scalar(name)
    return scalars or sum(_milli(quantity) for kind, quantity in resources if kind.name == name)


def _milli(quantity: Quantity) -> int:
    if isinstance(quantity, int):
        return quantity
    count = quantity.count() if isinstance(quantity, Ranges) else len(quantity)
    return 1000 * count
