"""Flag values that are small languages of their own: quantities of resources, weights, names, domains."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from meseta.allocator.allocator import Sorter
from meseta.daemon.flags import Flag, parse_value
from meseta.errors import ConfigError
from meseta.records import Domain


def parse_quantity_sets(flag: str, text: str) -> tuple[Mapping[str, int], ...]:
    """Return alternatives (`|`) of minimum quantities (`;`) in milli-units: `cpus:0.01|mem:32`.

    Raises:
        ConfigError: the text is not of that form.
    """
    if not text.strip():
        return ()
    return tuple(_quantities(flag, alternative) for alternative in text.split("|"))


def parse_role_minimums(flag: str, text: str | None) -> dict[str, tuple[Mapping[str, int], ...]]:
    """Return minimum quantities by role of `role=cpus:4;mem:8192,role=gpus:1`.

    Raises:
        ConfigError: the text is not of that form.
    """
    minimums = {}
    for piece in filter(None, (text or "").split(",")):
        role, _, quantities = piece.partition("=")
        if not role.strip() or not quantities.strip():
            raise ConfigError(
                f"--{flag}: '{piece}' is not usable: expected role=name:amount, such as ml=cpus:4"
            )
        minimums[role.strip()] = parse_quantity_sets(flag, quantities)
    return minimums


def _quantities(flag: str, text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for piece in text.split(";"):
        name, colon, amount = piece.partition(":")
        try:
            found[name.strip()] = round(float(amount) * 1000)
        except (ValueError, OverflowError):
            colon = ""
        if not colon or not name.strip():
            raise ConfigError(f"--{flag}: '{piece}' is not usable: expected name:amount, such as cpus:0.1")
    return found


def parse_rate(flag: str, text: str | None) -> float | None:
    """Return the seconds between two of `number/duration`, such as 1/10mins; None: there is no limit.

    Raises:
        ConfigError: the text is not of that form, or would mean never or at once.
    """
    if text is None:
        return None
    count, _, duration = text.partition("/")
    try:
        interval_s = float(parse_value(Flag(flag, "duration", None, ""), duration)) / int(count)
    except (ValueError, ConfigError, ZeroDivisionError):
        interval_s = 0.0
    if not 0 < interval_s < math.inf:
        raise ConfigError(f"--{flag}={text} is not usable: expected number/duration, such as 1/10mins")
    return interval_s


def parse_percent(flag: str, text: str) -> float:
    """Return a share, from 0 to 1, of `50%`.

    Raises:
        ConfigError: the text is not of that form.
    """
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / 100
    except ValueError:
        share = -1.0
    if not percent or rest or not 0 <= share <= 1:
        raise ConfigError(f"--{flag}={text} is not usable: expected a percentage from 0% to 100%")
    return share


def parse_weights(text: str | None) -> dict[str, float]:
    """Return weights by role of `role=weight,role=weight`.

    Raises:
        ConfigError: the text is not of that form, or a weight is not positive.
    """
    weights = {}
    for piece in filter(None, (text or "").split(",")):
        role, _, weight = piece.partition("=")
        try:
            weights[role.strip()] = float(weight)
        except ValueError:
            weights[role.strip()] = 0.0
        if not 0 < weights[role.strip()] < math.inf:
            raise ConfigError(f"--weights: '{piece}' is not usable: expected role=weight, above 0")
    return weights


def parse_priorities(text: str | None) -> dict[str, int]:
    """Return priorities by role of `role=priority,role=priority`.

    Raises:
        ConfigError: the text is not of that form, or a priority is no whole number.
    """
    priorities = {}
    for piece in filter(None, (text or "").split(",")):
        role, _, priority = piece.partition("=")
        try:
            priorities[role.strip()] = int(priority)
        except ValueError:
            role = ""
        if not role.strip():
            raise ConfigError(f"--role_priorities: '{piece}' is not usable: expected role=whole number")
    return priorities


def parse_names(text: str | None) -> frozenset[str]:
    """Return the names of a comma-separated list."""
    return frozenset(name.strip() for name in (text or "").split(",") if name.strip())


def parse_sorter(flag: str, text: str) -> Sorter:
    """Return what decides whose turn it is.

    Raises:
        ConfigError: there is no such sorter.
    """
    if text == "drf":
        return "drf"
    if text == "random":
        return "random"
    raise ConfigError(f"--{flag}: there is no sorter '{text}': use drf or random")


class _Named(msgspec.Struct):
    name: str


class _FaultDomain(msgspec.Struct):
    region: _Named
    zone: _Named


class _DomainInfo(msgspec.Struct):
    """The JSON of Mesos's DomainInfo."""

    fault_domain: _FaultDomain


def parse_domain(text: str | None) -> Domain | None:
    """Return the fault domain of `--domain`, None if it is unset.

    Raises:
        ConfigError: the text is no DomainInfo in JSON.
    """
    if text is None:
        return None
    try:
        fault_domain = msgspec.json.decode(text, type=_DomainInfo).fault_domain
    except msgspec.DecodeError as fault:
        example = '{"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "a"}}}'
        raise ConfigError(f"--domain={text} is not usable: expected {example} ({fault})") from None
    return Domain(fault_domain.region.name, fault_domain.zone.name)
