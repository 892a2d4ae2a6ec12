"""What decides whose turn it is: functions that give a node of the role tree its share."""

from meseta.allocator.policies.drf import dominant_share
from meseta.allocator.policies.guarded import GuardedShare

__all__ = ["GuardedShare", "dominant_share"]
