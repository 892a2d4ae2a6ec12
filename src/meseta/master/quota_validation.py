"""What makes a quota no quota, in Mesos's words (src/master/quota.cpp)."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping

from meseta.allocator.amounts import exceeds
from meseta.allocator.quota import Quota
from meseta.master.events import QuotaConfig
from meseta.resources import to_milli
from meseta.resources.describe import scalar_text
from meseta.roles import role_fault

EXABYTE_MB = 1 << 40
"""The largest amount of memory or disk that can be guaranteed or be a limit, in megabytes."""
TRILLION = 10**12
"""The largest amount of anything else."""


def config_fault(config: QuotaConfig) -> str | None:
    """Say what is wrong with the quota of one role, if anything."""
    return next(_config_faults(config), None)


def _config_faults(config: QuotaConfig) -> Iterator[str]:
    if (fault := role_fault(config.role)) is not None:
        yield f"Invalid 'QuotaConfig.role': {fault}"
    for field, amounts in (("guarantees", config.guarantees), ("limits", config.limits)):
        if (fault := _size_fault(amounts)) is not None:
            yield f"Invalid 'QuotaConfig.{field}': {fault}"
    for what, amounts in (("guarantee", config.guarantees), ("limit", config.limits)):
        for name, amount in amounts.items():
            if (fault := _amount_fault(amount)) is not None:
                yield f"Invalid {what} configuration {{'{name}': {scalar_text(amount)}}}: {fault}"
    quota = quota_of(config)
    if exceeds(quota.guarantees, quota.limits):
        yield (
            f"'QuotaConfig.guarantees' {_map_text(config.guarantees)} is not contained within the"
            f" 'QuotaConfig.limits' {_map_text(config.limits)}"
        )


def _size_fault(amounts: Mapping[str, float]) -> str | None:
    for name, amount in amounts.items():
        is_size = name in ("mem", "disk")
        most, text = (EXABYTE_MB, "1 exabyte") if is_size else (TRILLION, "1 trillion")
        if amount > most:
            return (
                f"{{'{name}': {scalar_text(amount)}}} is invalid: values greater than {text}"
                f" ({most}) are not supported"
            )
    return None


def _amount_fault(amount: float) -> str | None:
    if math.isinf(amount):
        return "Infinite values not supported"
    if math.isnan(amount):
        return "NaN not supported"
    if 0 < abs(amount) < sys.float_info.min:
        return "Subnormal values not supported"
    return "Negative values not supported" if amount < 0 else None


def quota_of(config: QuotaConfig) -> Quota:
    """Return what a valid config asks for. A guarantee of nothing is none; a limit of nothing is one."""
    guarantees = {name: to_milli(amount) for name, amount in config.guarantees.items()}
    limits = {name: to_milli(amount) for name, amount in config.limits.items()}
    return Quota({name: amount for name, amount in guarantees.items() if amount}, limits)


def _map_text(amounts: Mapping[str, float]) -> str:
    inner = ", ".join(f"{name}: {scalar_text(amounts[name])}" for name in sorted(amounts))
    return f"{{ {inner} }}"
