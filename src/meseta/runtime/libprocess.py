"""libprocess as bytes: process ids, and messages as HTTP requests. No sockets here.

A message is `POST /<receiver>/<name>` with the sender's pid in its headers; the answer says only whether such
a receiver exists, and replies are messages of their own over another connection. What a live Mesos sends is
matched byte for byte: the order of headers, one chunk per body, no framing at all for an empty body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

import msgspec

from meseta.runtime.http1 import decode_path, split_target

AGENT_PREFIX = "libprocess/"
_PID = re.compile(r"([!\"$&-.0-9:->A-~]+)@([A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
"""Without `@/?#%` in the id."""
_NAME = re.compile(r"[A-Za-z0-9_.]+", re.ASCII)
_HEAD = re.compile(
    r"POST (/([\w.()-]+)/([\w.]+)) HTTP/1\.1\r\n"
    r"User-Agent: libprocess/([!-~]+)\r\n"
    r"Libprocess-From: (?:\4)\r\n"
    r"Connection: Keep-Alive\r\n"
    r"Host: ([\w.:-]+)\r\n"
    r"(Transfer-Encoding: chunked\r\n)?\r\n",
    re.ASCII,
)


class Pid(NamedTuple):
    """The name of a process: its id, and the address at which its host listens."""

    id: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.id}@{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """`host:port`"""
        return f"{self.host}:{self.port}"


def parse_pid(text: str) -> Pid | None:
    """The pid `id@host:port` that this text is, or None. The host may be a name; it is resolved on
    connecting.

    Ids that could not stand in a request line are refused here, because pids also come from inside of
    messages.
    """
    match = _PID.fullmatch(text)
    if match is None:
        return None
    port = int(match[3])
    return Pid(match[1], match[2], port) if 0 < port < 65536 else None


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Who sends what to whom. `sender` is as the peer wrote it, which need not be a pid."""

    receiver: str
    sender: str
    name: str


def is_message(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is a message, rather than a call of the HTTP API."""
    if method != "POST":
        return False
    return "libprocess-from" in headers or headers.get("user-agent", "").startswith(AGENT_PREFIX)


def read_envelope(target: str, headers: Mapping[str, str]) -> Envelope | None:
    """Receiver, sender and name of a message; None if the receiver is not properly percent-encoded."""
    sender = headers.get("libprocess-from")
    if sender is None:
        sender = headers.get("user-agent", "").removeprefix(AGENT_PREFIX)
    path = split_target(target)[0]
    receiver, _, name = path[1:].partition("/")
    decoded = decode_path(receiver)
    if decoded is None or path[:1] != "/":
        return None
    return Envelope(decoded, sender.strip(), name)


def encode_head(receiver: Pid, sender: str, name: str) -> bytes:
    """The request head of a message, without its end. `sender` and `name` are ours, so they are
    well-formed."""
    assert _NAME.fullmatch(name), f"{name!r} is no message name"
    assert sender.isprintable(), f"{sender!r} is no pid"
    return (
        f"POST /{receiver.id}/{name} HTTP/1.1\r\n"
        f"User-Agent: {AGENT_PREFIX}{sender}\r\n"
        f"Libprocess-From: {sender}\r\n"
        f"Connection: Keep-Alive\r\n"
        f"Host: {receiver.address}\r\n"
    ).encode()


WrittenHead = tuple[str, str, str, str, str, str | None]
"""The head of a message, as every libprocess writes it: the target, the receiver and the name in it, the
sender, the host, and the header that says that a body follows, if one does."""


def read_head(raw: bytes) -> WrittenHead | None:
    """Read what begins as `encode_head` writes it; None if it is anything else, or percent-encoded."""
    match = _HEAD.fullmatch(raw.decode("latin-1"))
    return None if match is None else cast(WrittenHead, match.groups())


def encode_message(head: bytes, body: bytes) -> bytes:
    """The whole request; `head` is of `encode_head`."""
    if not body:
        return head + b"\r\n"
    return b"%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)
