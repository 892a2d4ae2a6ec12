"""Every extension point, as the protocol that a plugin has to satisfy.

| kind | entry point group | chosen by | protocol |
|---|---|---|---|
| allocation module | `meseta.allocators` | `--allocator=NAME` | `AllocatorFactory` |
| revocation policy | `meseta.victim_policies` | `--revocation_policy=NAME` | `VictimPolicy` |

A plugin is an object in an installed package, named by an entry point of its group. It is imported only
when it is chosen.
"""

from __future__ import annotations

from typing import Protocol

from meseta.allocator.allocator import Allocator, AllocatorOptions
from meseta.allocator.victims import VictimPolicy
from meseta.machine import Entropy

__all__ = ["AllocatorFactory", "VictimPolicy"]


class AllocatorFactory(Protocol):
    """Makes the allocation module of one master, often its class itself."""

    def __call__(self, entropy: Entropy, options: AllocatorOptions, /) -> Allocator:
        """Return an allocator that takes all its chance from `entropy`."""
        ...
