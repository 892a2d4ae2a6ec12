"""What is to be run, and how to ask whether it is well."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Uri(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A thing to fetch into a sandbox before its command starts."""

    value: str
    executable: bool = False
    extract: bool = True
    cache: bool = False
    output_file: str | None = None


class CommandInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A command: a line for `/bin/sh -c` if `shell`, else the file `value` with `arguments` as its argv."""

    value: str | None = None
    shell: bool = True
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    """Names and values in the order given; variables of type SECRET are not among them."""
    user: str | None = None
    uris: tuple[Uri, ...] = ()


class HealthCheckType(IntEnum):
    """How a health check asks; numbers are those of the wire."""

    UNKNOWN = 0
    COMMAND = 1
    HTTP = 2
    TCP = 3


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """When and how to ask a task whether it is well; after too many failures in a row it is killed."""

    type: HealthCheckType
    delay_s: float = 15.0
    interval_s: float = 10.0
    timeout_s: float = 20.0
    consecutive_failures: int = 3
    grace_period_s: float = 10.0
    command: CommandInfo | None = None
    scheme: str = "http"
    port: int = 0
    path: str = "/"
