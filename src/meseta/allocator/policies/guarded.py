"""A third party's policy, held to what the role tree relies on: it returns a number, and never raises."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from meseta.errors import PolicyError

Share = Callable[[Mapping[str, int], Sequence[tuple[str, float]], float], float]


class GuardedShare:
    """A policy that never fails: instead of nonsense it gives the last place, and notes the first fault."""

    __slots__ = ("_fault", "_share")

    def __init__(self, share: Share) -> None:
        self._share = share
        self._fault: str | None = None

    def __call__(
        self, allocated: Mapping[str, int], totals: Sequence[tuple[str, float]], weight: float
    ) -> float:
        """Return the share, infinity if the policy gives none."""
        try:
            share = self._share(allocated, totals, weight)
        except Exception as error:
            return self._note(f"raised {error!r}")
        if not isinstance(share, int | float) or math.isnan(share):
            return self._note(f"gave {share!r}, which is no share")
        return share

    def check(self) -> None:
        """Raise PolicyError if the policy has failed since the last check."""
        fault, self._fault = self._fault, None
        if fault is not None:
            name = getattr(self._share, "__qualname__", repr(self._share))
            raise PolicyError(f"policy {getattr(self._share, '__module__', '?')}.{name} {fault}")

    def _note(self, fault: str) -> float:
        self._fault = self._fault or fault
        return math.inf
