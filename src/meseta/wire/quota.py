"""Quotas and weights between messages and records."""

from __future__ import annotations

from collections.abc import Mapping

from meseta.allocator.quota import Quota
from meseta.master.events import QuotaConfig
from meseta.resources import from_milli, to_milli
from meseta.roles import role_fault
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import quota_pb2 as q
from meseta.wire.resources import lift_resources


def lift_config(config: q.QuotaConfig) -> QuotaConfig:
    """Return what a role's quota is asked to be."""
    guarantees = {name: scalar.value for name, scalar in config.guarantees.items()}
    limits = {name: scalar.value for name, scalar in config.limits.items()}
    return QuotaConfig(role=config.role, guarantees=guarantees, limits=limits)


def lift_guarantee(request: q.QuotaRequest) -> dict[str, int]:
    """Return what a request without fault guarantees, in milli-units by name."""
    return {resource.name: to_milli(resource.scalar.value) for resource in request.guarantee}


def request_fault(request: q.QuotaRequest) -> str | None:
    """Say what is wrong with a request of the older kind by itself, in Mesos's words."""
    if (fault := lift_resources(request.guarantee).fault) is not None:
        return f"QuotaInfo with invalid resource: {fault}"
    if (fault := role_fault(request.role)) is not None:
        return f"QuotaInfo with invalid role: {fault}"
    if not request.guarantee:
        return "QuotaInfo with empty 'guarantee'"
    names: set[str] = set()
    for resource in request.guarantee:
        if (fault := _guarantee_fault(resource)) is not None:
            return f"QuotaInfo must not {fault}"
        if resource.name in names:
            return f"QuotaInfo contains duplicate resource name '{resource.name}'"
        names.add(resource.name)
    return None


def _guarantee_fault(resource: m.Resource) -> str | None:
    if resource.reservations or resource.HasField("reservation") or resource.role not in ("", "*"):
        return "contain any ReservationInfo"
    if resource.HasField("disk"):
        return "contain DiskInfo"
    if resource.HasField("revocable"):
        return "contain RevocableInfo"
    return None if resource.type == m.Value.SCALAR else "include non-scalar resources"


def quota_status(quotas: Mapping[str, Quota]) -> q.QuotaStatus:
    """Return all quotas in both generations' forms, in the order of roles."""
    status = q.QuotaStatus()
    for role in sorted(quotas):
        quota = quotas[role]
        info = status.infos.add(role=role)
        config = status.configs.add(role=role)
        for name in sorted(quota.guarantees):
            amount = from_milli(quota.guarantees[name])
            info.guarantee.add(name=name, type=m.Value.SCALAR).scalar.value = amount
            config.guarantees[name].value = amount
        for name in sorted(quota.limits):
            config.limits[name].value = from_milli(quota.limits[name])
    return status
