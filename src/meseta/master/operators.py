"""What operators tell the master, other than ending frameworks."""

from __future__ import annotations

from meseta.master.events import SubscriberAdded, SubscriberRemoved, WhitelistChanged
from meseta.master.state import State


def on_subscriber_added(state: State, event: SubscriberAdded, now: float) -> None:
    """Publish events from now on."""
    state.subscribers += 1


def on_subscriber_removed(state: State, event: SubscriberRemoved, now: float) -> None:
    """Publish no events any more if nobody is left to listen."""
    state.subscribers = max(0, state.subscribers - 1)


def on_whitelist_changed(state: State, event: WhitelistChanged, now: float) -> None:
    """Offer only agents on the hosts that are listed."""
    state.allocator.update_whitelist(event.hostnames)
