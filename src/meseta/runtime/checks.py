"""Asks a task over the network whether it is well, within a time limit."""

from __future__ import annotations

import asyncio
import ssl

from meseta.containers.effects import RunCheck
from meseta.errors import UnreachableError
from meseta.runtime.client import HttpClient

HEALTHY = range(200, 400)


async def run_network_check(check: RunCheck) -> str | None:
    """Ask by HTTP or TCP. Returns what is wrong, in words; None if the answer is good."""
    try:
        async with asyncio.timeout(check.timeout_s):
            return await (_tcp(check.port or 0) if check.url is None else _http(check.url, check.timeout_s))
    except TimeoutError:
        return late(check.timeout_s)


def late(timeout_s: float) -> str:
    """Return the sentence about an answer that did not come in time."""
    return f"no answer within {timeout_s:g} s"


async def _http(url: str, timeout_s: float) -> str | None:
    try:
        async with HttpClient(tls=_any_certificate(url)) as client:
            answer = await client.request("GET", url, timeout_s=timeout_s)
    except (UnreachableError, ValueError) as fault:
        return str(fault)
    return None if answer.status in HEALTHY else f"{url} answered {answer.status}"


def _any_certificate(url: str) -> ssl.SSLContext | None:
    """A task's own certificate is seldom one for 127.0.0.1: like Mesos, take any."""
    if not url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _tcp(port: int) -> str | None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as fault:
        return f"port {port} does not accept connections: {fault.strerror}"
    writer.close()
    return None
