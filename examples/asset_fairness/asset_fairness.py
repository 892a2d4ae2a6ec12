"""An allocation policy in a package of its own: asset fairness.

It evens out what frameworks hold of everything together, instead of what they hold most of, as dominant
resource fairness does. (That is simpler, but somebody can end up with less than with a part of the cluster
of its own; see section 4.1 of the paper on dominant resource fairness.)

    pip install ./examples/asset_fairness
    meseta master --allocator=asset-fairness
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meseta.allocator.allocator import Allocator, AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.machine import Entropy


def asset_share(allocated: Mapping[str, int], totals: Sequence[tuple[str, float]], weight: float) -> float:
    """Return the sum of the shares of all resources; `allocated` is in thousandths, `totals` in units."""
    return sum(allocated.get(name, 0) / 1000 / total for name, total in totals) / weight


def make(entropy: Entropy, options: AllocatorOptions) -> Allocator:
    """Return the built-in allocator with this policy: what the entry point names."""
    return HierarchicalAllocator(entropy, options, share=asset_share)
