"""The master: one state, one table from events to handlers, one from timers to handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.allocator.allocator import Allocator
from meseta.master import events
from meseta.master.admission import on_persisted, on_registration_requested
from meseta.master.agents import (
    on_agent_updated,
    on_peer_exited,
    on_ping_due,
    on_pong_received,
    on_reregister_timed_out,
    on_unregistration_requested,
)
from meseta.master.approval import Approvers
from meseta.master.config import MasterConfig
from meseta.master.containment import next_decision
from meseta.master.demand import on_resources_requested
from meseta.master.draining import (
    on_agent_deactivation_requested,
    on_agent_drain_requested,
    on_agent_reactivation_requested,
    settle_draining,
)
from meseta.master.effects import MasterEffect
from meseta.master.executors import (
    on_executor_exited,
    on_executor_message_received,
    on_executor_shutdown_requested,
    on_message_sent,
)
from meseta.master.feedback import (
    on_operation_update_acknowledged,
    on_operation_update_received,
    on_operations_reconcile_requested,
)
from meseta.master.forgetting import on_forgetting_due
from meseta.master.frameworks import (
    on_deactivation_requested,
    on_failover_timed_out,
    on_framework_teardown_requested,
    on_framework_update_requested,
    on_heartbeat_due,
    on_stream_closed,
    on_subscribe_requested,
    on_teardown_requested,
)
from meseta.master.gone import on_agent_gone_requested
from meseta.master.inverse_offers import (
    make_inverse_offers,
    on_inverse_offer_timed_out,
    on_inverse_offers_answered,
)
from meseta.master.maintenance import (
    on_maintenance_scheduled,
    on_maintenance_start_requested,
    on_maintenance_stop_requested,
)
from meseta.master.offers import (
    make_offers,
    on_offer_timed_out,
    on_offers_accepted,
    on_offers_declined,
    on_revived,
    on_suppressed,
)
from meseta.master.operator_operations import on_operation_requested
from meseta.master.operators import on_subscriber_added, on_subscriber_removed, on_whitelist_changed
from meseta.master.quota import (
    on_quota_removal_requested,
    on_quota_set_requested,
    on_quota_update_requested,
)
from meseta.master.reconciliation import on_reconcile_requested
from meseta.master.recovery import on_recovery_timed_out, recover
from meseta.master.registry import NOTHING_RECOVERED, Recovered
from meseta.master.removals import on_removal_due
from meseta.master.returning import on_reregistration_requested
from meseta.master.revocation import on_revocation_check_due, on_revocation_due
from meseta.master.state import State
from meseta.master.tasks import on_kill_requested, on_update_acknowledged, on_update_received
from meseta.master.watching import on_stream_probed, on_watch_due
from meseta.master.weights import on_weights_update_requested

HANDLERS: dict[type, Callable[[State, Any, float], None]] = {
    events.SubscribeRequested: on_subscribe_requested,
    events.FrameworkUpdateRequested: on_framework_update_requested,
    events.TeardownRequested: on_teardown_requested,
    events.DeactivationRequested: on_deactivation_requested,
    events.OffersAccepted: on_offers_accepted,
    events.OffersDeclined: on_offers_declined,
    events.InverseOffersAccepted: on_inverse_offers_answered,
    events.InverseOffersDeclined: on_inverse_offers_answered,
    events.Revived: on_revived,
    events.Suppressed: on_suppressed,
    events.ResourcesRequested: on_resources_requested,
    events.KillRequested: on_kill_requested,
    events.ExecutorShutdownRequested: on_executor_shutdown_requested,
    events.UpdateAcknowledged: on_update_acknowledged,
    events.ReconcileRequested: on_reconcile_requested,
    events.MessageSent: on_message_sent,
    events.OperationUpdateAcknowledged: on_operation_update_acknowledged,
    events.OperationsReconcileRequested: on_operations_reconcile_requested,
    events.RegistrationRequested: on_registration_requested,
    events.ReregistrationRequested: on_reregistration_requested,
    events.UnregistrationRequested: on_unregistration_requested,
    events.AgentUpdated: on_agent_updated,
    events.UpdateReceived: on_update_received,
    events.ExecutorExited: on_executor_exited,
    events.ExecutorMessageReceived: on_executor_message_received,
    events.OperationUpdateReceived: on_operation_update_received,
    events.PongReceived: on_pong_received,
    events.PeerExited: on_peer_exited,
    events.StreamClosed: on_stream_closed,
    events.StreamProbed: on_stream_probed,
    events.Persisted: on_persisted,
    events.FrameworkTeardownRequested: on_framework_teardown_requested,
    events.OperationRequested: on_operation_requested,
    events.AgentGoneRequested: on_agent_gone_requested,
    events.AgentDrainRequested: on_agent_drain_requested,
    events.AgentDeactivationRequested: on_agent_deactivation_requested,
    events.AgentReactivationRequested: on_agent_reactivation_requested,
    events.QuotaUpdateRequested: on_quota_update_requested,
    events.QuotaSetRequested: on_quota_set_requested,
    events.QuotaRemovalRequested: on_quota_removal_requested,
    events.WeightsUpdateRequested: on_weights_update_requested,
    events.MaintenanceScheduled: on_maintenance_scheduled,
    events.MaintenanceStartRequested: on_maintenance_start_requested,
    events.MaintenanceStopRequested: on_maintenance_stop_requested,
    events.WhitelistChanged: on_whitelist_changed,
    events.SubscriberAdded: on_subscriber_added,
    events.SubscriberRemoved: on_subscriber_removed,
}

TIMERS: dict[str, Callable[[State, Any, float], None]] = {
    "offer": on_offer_timed_out,
    "inverse": on_inverse_offer_timed_out,
    "heartbeat": on_heartbeat_due,
    "standbys": on_watch_due,
    "failover": on_failover_timed_out,
    "ping": on_ping_due,
    "reregister": on_reregister_timed_out,
    "recovery": on_recovery_timed_out,
    "forgetting": on_forgetting_due,
    "removal": on_removal_due,
    "revocation": on_revocation_check_due,
    "revoke": on_revocation_due,
}
"""By the first part of a timer's key; the second part is passed on."""


class Master:
    """The leading master. `handle`, `tick` and `deadline` as in `meseta.machine.Machine`.

    `state` may be read by anybody between two calls, and changed by nobody.
    """

    def __init__(
        self,
        config: MasterConfig,
        allocator: Allocator,
        approvers: Approvers,
        *,
        epoch_offset_s: float,
        recovered: Recovered = NOTHING_RECOVERED,
        now: float = 0.0,
    ) -> None:
        """Start as the leader at `now`, with what the registry holds.

        `epoch_offset_s` added to `now` gives seconds since the epoch, for the timestamps that peers see.
        """
        self.state = State(config, allocator, approvers, epoch_offset_s)
        recover(self.state, recovered, now)

    def handle(self, event: events.MasterEvent, now: float, /) -> list[MasterEffect]:
        """Take one event; return what is to be done about it, in order."""
        state = self.state
        effects = state.effects = []
        HANDLERS[type(event)](state, event, now)
        if state.wishes.emptied:
            settle_draining(state, now)
        return effects

    def tick(self, now: float, /) -> list[MasterEffect]:
        """Do what is due: timers first, then offers."""
        state = self.state
        effects = state.effects = []
        for kind, key in state.deadlines.due(now):
            TIMERS[kind](state, key, now)
        if state.wishes.emptied:
            settle_draining(state, now)
        due = next_decision(state)
        if due is not None and due <= now:
            make_offers(state, now)
            make_inverse_offers(state, now)
        return effects

    def deadline(self) -> float | None:
        """Return when `tick` is next due: for a timer, or because the allocator has something to offer."""
        timer = self.state.deadlines.next()
        offers = next_decision(self.state)
        if timer is None or (offers is not None and offers < timer):
            return offers
        return timer
