"""A client of etcd v3, by its JSON gateway: blocking calls, for use in a thread beside the loop.

etcd serves its gRPC calls as `POST /v3/…` with JSON on the same port. Keys and values are in base64, which
is how msgspec writes bytes; 64-bit numbers are text, and what has its default is left out. A call goes to one
server after the other until one answers, so it may be done twice: callers write transactions that bear that,
by comparing what they change.
"""

from __future__ import annotations

import http.client
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from meseta.errors import ConfigError, MesetaError

SCHEME = "etcd://"
PORT = 2379
ANSWER_MAX = 256 * 2**20
"""Bytes of one answer."""
LINE_MAX = 2**20
"""Bytes of what a watch tells at once."""
TRANSIENT = (500, 502, 503, 504)
"""Statuses by which a server says that it, now, cannot."""

Json = dict[str, Any]
"""What a call sends; keys and values are bytes."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class EtcdError(MesetaError):
    """etcd refused a call."""


class EtcdUnreachable(EtcdError):
    """No server answered; a call may be done or not."""


class Address(NamedTuple):
    """What `etcd://[user:password@]host:port[,host:port…]/path` says."""

    servers: tuple[tuple[str, int], ...]
    path: str
    """Where our keys begin, with `/` before and none behind."""
    credential: tuple[str, str] | None = None

    def __str__(self) -> str:
        """The address without the password."""
        return f"{SCHEME}{','.join(f'{host}:{port}' for host, port in self.servers)}{self.path}"


def parse_address(text: str) -> Address:
    """Read an address of etcd. Raises ConfigError; the message does not show the password."""
    credential, at, rest = text.removeprefix(SCHEME).rpartition("@")
    hosts, _, path = rest.partition("/")
    path = path.strip("/")
    user, colon, password = credential.partition(":")
    if at and not (user and colon):
        raise ConfigError(f"{SCHEME}…@{rest} is not usable: write user:password before the @")
    if not path:
        raise ConfigError(
            f"{SCHEME}{rest} is not usable: it names no path for the masters; write {SCHEME}{hosts}/mesos"
        )
    servers = tuple(_server(rest, host) for host in hosts.split(","))
    return Address(servers, f"/{path}", (user, password) if at else None)


def _server(rest: str, text: str) -> tuple[str, int]:
    host, colon, port = text.partition(":")
    if not host or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ConfigError(
            f"{SCHEME}{rest} is not usable: '{text}' is no host:port; write {SCHEME}10.0.0.1:2379/mesos"
        )
    return host, int(port) if colon else PORT


class Entry(NamedTuple):
    """A key and what is known of it."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int


class Etcd:
    """One user of etcd; calls may be made in any thread, one at a time; `interrupt` in any other."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        """`timeout_s` is how long one server may take to answer."""
        self.address = address
        self._timeout_s = timeout_s
        self._at = 0
        self._connection: http.client.HTTPConnection | None = None
        self._token: str | None = None
        self._is_ended = threading.Event()

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────

    def read(self, key: bytes, end: bytes = b"", **options: Any) -> tuple[list[Entry], int]:
        """Return the key, or those up to `end`, and the revision: not older than the call."""
        answer = self.call("kv/range", {**key_range(key, end), **options})
        return entries_of(answer), int(answer["header"]["revision"])

    def transact(self, compare: list[Json], success: list[Json], failure: list[Json]) -> tuple[bool, Json]:
        """Do one or the other; return whether the comparisons held, and the answer."""
        answer = self.call("kv/txn", {"compare": compare, "success": success, "failure": failure})
        return bool(answer.get("succeeded")), answer

    def grant(self, lease_s: int) -> tuple[int, int]:
        """Return a new lease, and for how many seconds it was given."""
        answer = self.call("lease/grant", {"TTL": lease_s})
        return int(answer["ID"]), int(answer["TTL"])

    def revoke(self, lease: int) -> None:
        """End a lease; its keys go with it."""
        self.call("lease/revoke", {"ID": lease})

    def call(self, method: str, body: Json) -> Json:
        """Call any method, at the server that answered last or the next that does.

        Raises:
            EtcdUnreachable: none does.
            EtcdError: etcd says no.
        """
        reason: object = "the client is closed"
        for _ in range(len(self.address.servers) + 1):
            if self._is_ended.is_set():
                break
            try:
                self._authenticate()
                status, answer = self._post(method, body)
            except (OSError, http.client.HTTPException, ValueError) as fault:
                reason = fault
                self._turn()
                continue
            if status == 200:
                return answer
            reason = answer.get("message") or answer.get("error") or f"status {status}"
            if status == 401:
                self._token = None
            elif status not in TRANSIENT:
                raise EtcdError(f"{self.address}: {reason}")
            else:
                self._turn()
        raise EtcdUnreachable(f"{self.address} cannot be reached: {reason}")

    def watch(self, key: bytes, end: bytes, revision: int, wait_s: float, *, only_deletions: bool) -> None:
        """Return when something has changed there after `revision`, after `wait_s`, or whenever unsure."""
        request = {**key_range(key, end), "start_revision": revision + 1}
        if only_deletions:
            request["filters"] = ["NOPUT"]
        with suppress(OSError, http.client.HTTPException, ValueError, EtcdError):
            self._authenticate()
            connection = self._connect(wait_s)
            connection.request("POST", "/v3/watch", _encode({"create_request": request}), self._headers())
            for message in _lines(connection.getresponse()):
                if not message.get("result", {}).get("created"):
                    break
        self._hang_up()

    def interrupt(self) -> None:
        """Let calls and watches under way end, and no new ones begin."""
        self._is_ended.set()
        connection = self._connection
        held = None if connection is None else connection.sock
        if held is not None:
            with suppress(OSError):  # It may be broken already.
                held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break the connection."""
        self._is_ended.set()
        self._hang_up()

    # ── HTTP ──────────────────────────────────────────────────────────────────────────────────────────

    def _authenticate(self) -> None:
        if self.address.credential is None or self._token is not None:
            return
        name, password = self.address.credential
        status, answer = self._post("auth/authenticate", {"name": name, "password": password})
        if status != 200:
            raise EtcdError(f"{self.address} does not let {name} in: {answer.get('message', status)}")
        self._token = answer["token"]

    def _post(self, method: str, body: Json) -> tuple[int, Json]:
        connection = self._connection or self._connect(self._timeout_s)
        connection.request("POST", f"/v3/{method}", _encode(body), self._headers())
        response = connection.getresponse()
        text = response.read(ANSWER_MAX)
        if response.status != 200 and not text.startswith(b"{"):
            return response.status, {}
        return response.status, _decode(text)

    def _headers(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": self._token}

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        self._hang_up()
        host, port = self.address.servers[self._at]
        connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        self._connection = connection
        connection.connect()
        connection.sock.settimeout(timeout_s)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _turn(self) -> None:
        self._hang_up()
        self._at = (self._at + 1) % len(self.address.servers)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _lines(response: http.client.HTTPResponse) -> Iterator[Json]:
    while line := response.readline(LINE_MAX):
        yield _decode(line)


# ── parts of calls ────────────────────────────────────────────────────────────────────────────────────


def after_prefix(prefix: bytes) -> bytes:
    """Return the end of the range of keys that begin with this; the last byte is not the highest one."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def key_range(key: bytes, end: bytes = b"") -> Json:
    """Return the key, or those from it up to but without `end`."""
    return {"key": key, "range_end": end} if end else {"key": key}


def put(key: bytes, value: bytes, lease: int = 0) -> Json:
    """Return the operation."""
    return {"request_put": {"key": key, "value": value, "lease": lease}}


def delete(key: bytes) -> Json:
    """Return the operation."""
    return {"request_delete_range": {"key": key}}


def get(key: bytes) -> Json:
    """Return the operation."""
    return {"request_range": {"key": key}}


def if_created(key: bytes, *, is_there: bool) -> Json:
    """Return the comparison that holds if there is, or is not, such a key."""
    result = "GREATER" if is_there else "EQUAL"
    return {"key": key, "target": "CREATE", "result": result, "create_revision": 0}


def if_changed_at(key: bytes, revision: int) -> Json:
    """Return the comparison that holds if the key was changed then and not after."""
    return {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": revision}


def if_value(key: bytes, value: bytes) -> Json:
    """Return the comparison that holds if this is under the key."""
    return {"key": key, "target": "VALUE", "result": "EQUAL", "value": value}


def entries_of(answer: Json) -> list[Entry]:
    """Return what a range holds."""
    return [
        Entry(
            b64decode(held["key"]),
            b64decode(held.get("value", "")),
            int(held["create_revision"]),
            int(held["mod_revision"]),
        )
        for held in answer.get("kvs", ())
    ]


def entries_of_response(answer: Json, number: int) -> list[Entry]:
    """Return what a `get` in a transaction found."""
    return entries_of(answer["responses"][number]["response_range"])
