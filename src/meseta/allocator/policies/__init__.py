"""What decides whose turn it is: functions that give a node of the role tree its share."""

from meseta.allocator.policies.drf import dominant_share

__all__ = ["dominant_share"]
