"""What the master tells schedulers, from its effects to the wire.

One record becomes a v1 `scheduler.Event` (protobuf or JSON) for frameworks on HTTP, or the message of old
for drivers. Offers and statuses are the hot ones: they are spliced from cached and received bytes, which
is possible because the bytes of a message are the concatenation of the bytes of its fields.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, ClassVar

from meseta.master import effects as x
from meseta.records import Domain, FrameworkCapability, FrameworkInfo, StatusUpdate
from meseta.resources.formats import Format
from meseta.wire import json
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.gen import scheduler_v0_pb2 as v0
from meseta.wire.lower import (
    fill_domain,
    fill_unavailability,
    nanoseconds,
    operation_status_message,
    status_message,
    update_message,
)
from meseta.wire.lower_attributes import fill_attribute
from meseta.wire.resources import fill_resources
from meseta.wire.splice import field, number

EPHEMERAL_PORTS = "ephemeral_ports"
"""For connections that containers open: agents hand these out, frameworks have nothing to do with them."""

AGENT_PARTS_MAX = 100_000
RESOURCE_PARTS_MAX = 50_000

HEARTBEAT = s.Event(type=s.Event.HEARTBEAT)


class SchedulerEvents:
    """Encodes for schedulers, remembering what offers have in common. `master` describes the master."""

    def __init__(self, master: m.MasterInfo) -> None:
        self._master = master
        self._agent_parts: dict[str, tuple[x.OfferedAgent, bytes]] = {}
        self._resource_parts: dict[tuple[Any, str, Format, bool], bytes] = {}

    # ── v1 ────────────────────────────────────────────────────────────────────────────────────────────

    def v1(self, message: x.FrameworkMessage, *, as_json: bool) -> bytes:
        """Return a v1 event, without its RecordIO frame."""
        if as_json:
            return json.to_json(self.v1_event(message))
        if isinstance(message, x.Updated):
            status = self._v1_status(message.update).SerializeToString()
            return number(1, s.Event.UPDATE) + field(5, field(1, status))
        if isinstance(message, x.Offered):
            offers = b"".join([field(1, self._offer(o, message.info)) for o in message.offers])
            return number(1, s.Event.OFFERS) + field(3, offers)
        return self.v1_event(message).SerializeToString()

    def v1_event(self, message: x.FrameworkMessage) -> s.Event:
        """Return a v1 event as a message."""
        event = s.Event()
        self._V1[type(message)](self, event, message)
        return event

    def _subscribed(self, event: s.Event, message: x.Subscribed) -> None:
        event.type = s.Event.SUBSCRIBED
        event.subscribed.framework_id.value = message.framework_id
        event.subscribed.heartbeat_interval_seconds = message.heartbeat_interval_s
        event.subscribed.master_info.CopyFrom(self._master)

    def _offered(self, event: s.Event, message: x.Offered) -> None:
        event.type = s.Event.OFFERS
        for offer in message.offers:
            event.offers.offers.add().MergeFromString(self._offer(offer, message.info))

    def _rescinded(self, event: s.Event, message: x.Rescinded) -> None:
        event.type = s.Event.RESCIND
        event.rescind.offer_id.value = message.offer_id

    def _inverse_offered(self, event: s.Event, message: x.InverseOffered) -> None:
        event.type = s.Event.INVERSE_OFFERS
        for offer in message.offers:
            self._fill_inverse_offer(event.inverse_offers.inverse_offers.add(), offer)

    def _inverse_rescinded(self, event: s.Event, message: x.InverseRescinded) -> None:
        event.type = s.Event.RESCIND_INVERSE_OFFER
        event.rescind_inverse_offer.inverse_offer_id.value = message.offer_id

    def _revoked(self, event: s.Event, message: x.Revoked) -> None:
        event.type = s.Event.REVOKE
        event.revoke.role = message.role
        for id in message.task_ids:
            event.revoke.task_ids.add(value=id)
        if message.deadline_s is None:
            event.revoke.withdrawn = True
        else:
            event.revoke.deadline.nanoseconds = nanoseconds(message.deadline_s)

    def _updated(self, event: s.Event, message: x.Updated) -> None:
        event.type = s.Event.UPDATE
        event.update.status.CopyFrom(self._v1_status(message.update))

    def _delivered(self, event: s.Event, message: x.Delivered) -> None:
        event.type = s.Event.MESSAGE
        event.message.agent_id.value = message.agent_id
        event.message.executor_id.value = message.executor_id
        event.message.data = message.data

    def _failed(self, event: s.Event, message: x.Failed) -> None:
        event.type = s.Event.FAILURE
        event.failure.agent_id.value = message.agent_id
        if message.executor_id is not None:
            event.failure.executor_id.value = message.executor_id
            event.failure.status = message.status or 0

    def _errored(self, event: s.Event, message: x.Errored) -> None:
        event.type = s.Event.ERROR
        event.error.message = message.message

    def _heartbeat(self, event: s.Event, message: x.Heartbeat) -> None:
        event.type = s.Event.HEARTBEAT

    def _operation_updated(self, event: s.Event, message: x.OperationUpdated) -> None:
        event.type = s.Event.UPDATE_OPERATION_STATUS
        event.update_operation_status.status.CopyFrom(operation_status_message(message.status))

    _V1: ClassVar[dict[type, Callable[[SchedulerEvents, s.Event, Any], None]]] = {
        x.Subscribed: _subscribed,
        x.Offered: _offered,
        x.Rescinded: _rescinded,
        x.InverseOffered: _inverse_offered,
        x.InverseRescinded: _inverse_rescinded,
        x.Revoked: _revoked,
        x.Updated: _updated,
        x.Delivered: _delivered,
        x.Failed: _failed,
        x.Errored: _errored,
        x.Heartbeat: _heartbeat,
        x.OperationUpdated: _operation_updated,
    }

    def _v1_status(self, update: StatusUpdate) -> m.TaskStatus:
        """The status with what the update says about it: v1 has no update around a status."""
        status = status_message(update.status)
        status.timestamp = update.timestamp
        if update.agent_id is not None:
            status.agent_id.value = update.agent_id
        if update.executor_id is not None:
            status.executor_id.value = update.executor_id
        if update.uuid is not None:
            status.uuid = update.uuid
        else:
            status.ClearField("uuid")
        return status

    # ── v0 ────────────────────────────────────────────────────────────────────────────────────────────

    def v0(self, message: x.FrameworkMessage) -> tuple[str, bytes] | None:
        """Return the name and body of the message for a driver; None when drivers get none."""
        if isinstance(message, x.Heartbeat | x.Revoked):
            return None
        encode = self._V0.get(type(message))
        if encode is not None:
            body: Any = encode(self, message)
            return body.DESCRIPTOR.full_name, body.SerializeToString()
        event = v0.Event.FromString(self.v1_event(message).SerializeToString())
        return "mesos.scheduler.Event", event.SerializeToString()

    def _v0_subscribed(self, message: x.Subscribed) -> Any:
        kind = i.FrameworkReregisteredMessage if message.reregistered else i.FrameworkRegisteredMessage
        body = kind(master_info=self._master)
        body.framework_id.value = message.framework_id
        return body

    def _v0_offered(self, message: x.Offered) -> Any:
        body = i.ResourceOffersMessage(pids=[offer.agent.pid for offer in message.offers])
        for offer in message.offers:
            body.offers.add().MergeFromString(self._offer(offer, message.info))
        return body

    def _v0_rescinded(self, message: x.Rescinded) -> Any:
        return i.RescindResourceOfferMessage(offer_id=m.OfferID(value=message.offer_id))

    def _v0_inverse_offered(self, message: x.InverseOffered) -> Any:
        body = i.InverseOffersMessage(pids=[offer.agent.pid for offer in message.offers])
        for offer in message.offers:
            self._fill_inverse_offer(body.inverse_offers.add(), offer)
        return body

    def _v0_inverse_rescinded(self, message: x.InverseRescinded) -> Any:
        return i.RescindInverseOfferMessage(inverse_offer_id=m.OfferID(value=message.offer_id))

    def _v0_updated(self, message: x.Updated) -> Any:
        body = i.StatusUpdateMessage(update=update_message(message.update))
        if message.pid is not None:
            body.pid = message.pid
        return body

    def _v0_delivered(self, message: x.Delivered) -> Any:
        body = i.ExecutorToFrameworkMessage(data=message.data)
        body.slave_id.value = message.agent_id
        body.framework_id.value = message.framework_id
        body.executor_id.value = message.executor_id
        return body

    def _v0_failed(self, message: x.Failed) -> Any:
        if message.executor_id is None:
            return i.LostSlaveMessage(slave_id=m.AgentID(value=message.agent_id))
        body = i.ExitedExecutorMessage(status=message.status or 0)
        body.slave_id.value = message.agent_id
        body.framework_id.value = message.framework_id
        body.executor_id.value = message.executor_id
        return body

    def _v0_errored(self, message: x.Errored) -> Any:
        return i.FrameworkErrorMessage(message=message.message)

    _V0: ClassVar[dict[type, Callable[[SchedulerEvents, Any], Any]]] = {
        x.Subscribed: _v0_subscribed,
        x.Offered: _v0_offered,
        x.Rescinded: _v0_rescinded,
        x.InverseOffered: _v0_inverse_offered,
        x.InverseRescinded: _v0_inverse_rescinded,
        x.Updated: _v0_updated,
        x.Delivered: _v0_delivered,
        x.Failed: _v0_failed,
        x.Errored: _v0_errored,
    }

    # ── offers ────────────────────────────────────────────────────────────────────────────────────────

    def offer(self, offer: x.OfferRecord, info: FrameworkInfo) -> m.Offer:
        """Return an offer as the framework `info` is told of it."""
        return m.Offer.FromString(self._offer(offer, info))

    def _offer(self, offer: x.OfferRecord, info: FrameworkInfo) -> bytes:
        multi_role = FrameworkCapability.MULTI_ROLE in info.capabilities
        refined = FrameworkCapability.RESERVATION_REFINEMENT in info.capabilities
        form = Format.POST if refined else Format.PRE
        parts = [
            field(1, field(1, offer.id.encode())),
            field(2, field(1, offer.framework_id.encode())),
            self._agent_part(offer.agent),
            self._resource_part(offer, form, multi_role),
        ]
        parts += [field(6, field(1, executor_id.encode())) for executor_id in offer.executor_ids]
        if multi_role:
            parts.append(field(10, field(1, offer.role.encode())))
        return b"".join(parts)

    def _agent_part(self, agent: x.OfferedAgent) -> bytes:
        known = self._agent_parts.get(agent.id)
        if known is not None and known[0] is agent:
            return known[1]
        message = m.Offer(hostname=agent.info.hostname)
        message.agent_id.value = agent.id
        for attribute in agent.info.attributes:
            fill_attribute(message.attributes.add(), attribute)
        fill_agent_url(message.url, agent)
        if agent.unavailability is not None:
            fill_unavailability(message.unavailability, agent.unavailability)
        if agent.info.domain is not None:
            fill_domain(message.domain, agent.info.domain)
        part = message.SerializePartialToString()
        if len(self._agent_parts) >= AGENT_PARTS_MAX:
            self._agent_parts.clear()
        self._agent_parts[agent.id] = (agent, part)
        return part

    def _resource_part(self, offer: x.OfferRecord, form: Format, multi_role: bool) -> bytes:
        key = (offer.resources, offer.role, form, multi_role)
        part = self._resource_parts.get(key)
        if part is None:
            message = m.Offer()
            shown = offer.resources.filter(lambda kind: kind.name != EPHEMERAL_PORTS)
            fill_resources(message.resources, shown, form, offer.role if multi_role else None)
            part = message.SerializePartialToString()
            if len(self._resource_parts) >= RESOURCE_PARTS_MAX:
                self._resource_parts.clear()
            self._resource_parts[key] = part
        return part

    def _fill_inverse_offer(self, message: m.InverseOffer, offer: x.InverseOfferRecord) -> None:
        message.id.value = offer.offer_id
        message.framework_id.value = offer.framework_id
        message.agent_id.value = offer.agent.id
        fill_agent_url(message.url, offer.agent)
        fill_unavailability(message.unavailability, offer.unavailability)


def fill_agent_url(message: m.URL, agent: x.OfferedAgent) -> None:
    """Write where an agent answers: `http://host:port/slave(1)`."""
    name, _, address = agent.pid.partition("@")
    ip, _, port = address.rpartition(":")
    message.scheme = "http"
    message.address.hostname = agent.info.hostname
    message.address.ip = ip
    message.address.port = int(port)
    message.path = "/" + name


def master_info(
    master_id: str, ip: str, port: int, hostname: str, version: str, domain: Domain | None = None
) -> m.MasterInfo:
    """Return how a master describes itself to schedulers and in ZooKeeper.

    `ip` as a number is in network byte order read as little-endian: 192.168.0.1 is 16820416.
    """
    info = m.MasterInfo(
        id=master_id,
        ip=int.from_bytes(ipaddress.IPv4Address(ip).packed, "little"),
        port=port,
        pid=f"master@{ip}:{port}",
        hostname=hostname,
        version=version,
    )
    info.address.hostname = hostname
    info.address.ip = ip
    info.address.port = port
    kinds = m.MasterInfo.Capability
    for kind in (kinds.AGENT_UPDATE, kinds.AGENT_DRAINING, kinds.QUOTA_V2):
        info.capabilities.add(type=kind)
    if domain is not None:
        fill_domain(info.domain, domain)
    return info
