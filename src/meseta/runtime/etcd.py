"""A client of etcd v3, by its JSON gateway: blocking calls, for use in a thread beside the loop.

etcd serves its gRPC calls as `POST /v3/…` with JSON on the same port. Keys and values are in base64, which
is how msgspec has bytes; 64-bit numbers are text, and what has its default is left out. A call goes to one
server after the other until one answers, so it may be done twice: callers write transactions that bear that,
by comparing what they change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from meseta.errors import MesetaError
from meseta.runtime.blocking_http import Connection
from meseta.runtime.service_address import Address

ANSWER_MAX = 256 * 2**20
"""Bytes of one answer."""
LINE_MAX = 2**20
"""Bytes of what a watch tells at once."""
TRANSIENT = (500, 502, 503, 504)
"""Statuses by which a server says that it, now, cannot."""

Json = dict[str, Any]
"""What a call sends; keys and values are bytes."""

AnswerT = TypeVar("AnswerT")


class EtcdError(MesetaError):
    """etcd refused a call."""


class EtcdUnreachable(EtcdError):
    """No server answered; a call may be done or not."""


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────


class Entry(msgspec.Struct, frozen=True):
    """A key and what is known of it."""

    key: bytes
    create_revision: int
    mod_revision: int
    value: bytes = b""


class Header(msgspec.Struct, frozen=True):
    """What every answer begins with: the revision of the keys that it is from."""

    revision: int


class Found(msgspec.Struct, frozen=True):
    """What a `get` in a transaction found."""

    kvs: tuple[Entry, ...] = ()


class Response(msgspec.Struct, frozen=True):
    """What became of one operation of a transaction: of puts and deletions there is nothing to know."""

    response_range: Found = Found()


class Range(msgspec.Struct, frozen=True):
    """What a read found."""

    header: Header
    kvs: tuple[Entry, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What a transaction did: its one list of operations if `succeeded`, else the other."""

    header: Header
    succeeded: bool = False
    responses: tuple[Response, ...] = ()

    @property
    def found(self) -> list[Entry]:
        """What its `get`s found."""
        return [entry for response in self.responses for entry in response.response_range.kvs]


class Lease(msgspec.Struct, frozen=True):
    """A lease that was granted, and its seconds."""

    ID: int
    TTL: int


class Login(msgspec.Struct, frozen=True):
    """What to send as `Authorization`."""

    token: str


class Refusal(msgspec.Struct, frozen=True):
    """Why not; of a server in between, or of an error in HTTP itself, nothing of it may be there."""

    message: str = ""
    error: str = ""


def decoder_of(kind: type[AnswerT]) -> Callable[[bytes], AnswerT]:
    """Return what reads such an answer. It raises ValueError."""
    return msgspec.json.Decoder(kind, strict=False).decode


_encode = msgspec.json.Encoder().encode
_decode = decoder_of(dict[str, Any])
_decode_range = decoder_of(Range)
_decode_outcome = decoder_of(Outcome)
_decode_lease = decoder_of(Lease)
_decode_login = decoder_of(Login)
_decode_refusal = decoder_of(Refusal)


class Etcd:
    """One user of etcd; calls may be made in any thread, one at a time; `interrupt` in any other."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        """`timeout_s` is how long one server may take to answer."""
        self.address = address
        self._timeout_s = timeout_s
        self._at = 0
        self._connection: Connection | None = None
        self._token: str | None = None
        self._is_ended = threading.Event()

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────

    def read(self, key: bytes, end: bytes = b"", **options: Any) -> tuple[tuple[Entry, ...], int]:
        """Return the key, or those up to `end`, and the revision: not older than the call."""
        answer = self._ask("kv/range", {**key_range(key, end), **options}, _decode_range)
        return answer.kvs, answer.header.revision

    def transact(self, compare: list[Json], success: list[Json], failure: list[Json]) -> Outcome:
        """Do one or the other, by whether the comparisons hold."""
        body = {"compare": compare, "success": success, "failure": failure}
        return self._ask("kv/txn", body, _decode_outcome)

    def grant(self, lease_s: int) -> Lease:
        """Return a new lease; it may be given for another time."""
        return self._ask("lease/grant", {"TTL": lease_s}, _decode_lease)

    def call(self, method: str, body: Json) -> None:
        """Call any method of which only matters whether it is done. Raises as all others do."""
        self._ask(method, body, _decode)

    def _ask(self, method: str, body: Json, decode: Callable[[bytes], AnswerT]) -> AnswerT:
        """Call a method, at the server that answered last or the next that does.

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
                status, text = self._post(method, body)
                if status == 200:
                    return decode(text)
            except (OSError, ValueError) as fault:
                reason = fault
                self._turn()
                continue
            reason = _reason(status, text)
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
        body = _encode({"create_request": request})
        with suppress(OSError, ValueError, EtcdError):
            self._authenticate()
            for line in self._connect().post_for_lines("/v3/watch", body, self._headers(), wait_s, LINE_MAX):
                if not _decode(line).get("result", {}).get("created"):
                    break
        self._hang_up()

    def interrupt(self) -> None:
        """Let calls and watches under way end, and no new ones begin."""
        self._is_ended.set()
        connection = self._connection
        if connection is not None:
            with suppress(OSError):  # It may be broken already.
                connection.shut_down()

    def close(self) -> None:
        """Break the connection."""
        self._is_ended.set()
        self._hang_up()

    # ── HTTP ──────────────────────────────────────────────────────────────────────────────────────────

    def _authenticate(self) -> None:
        if self.address.credential is None or self._token is not None:
            return
        name, password = self.address.credential
        status, text = self._post("auth/authenticate", {"name": name, "password": password})
        if status != 200:
            raise EtcdError(f"{self.address} does not let {name} in: {_reason(status, text)}")
        self._token = _decode_login(text).token

    def _post(self, method: str, body: Json) -> tuple[int, bytes]:
        connection = self._connection or self._connect()
        return connection.post(f"/v3/{method}", _encode(body), self._headers(), ANSWER_MAX)

    def _headers(self) -> bytes:
        return b"" if self._token is None else b"Authorization: %b\r\n" % self._token.encode()

    def _connect(self) -> Connection:
        self._hang_up()
        self._connection = Connection(*self.address.servers[self._at], self._timeout_s)
        return self._connection

    def _turn(self) -> None:
        self._hang_up()
        self._at = (self._at + 1) % len(self.address.servers)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _reason(status: int, text: bytes) -> str:
    try:
        refusal = _decode_refusal(text)
    except ValueError:
        refusal = Refusal()
    return refusal.message or refusal.error or f"status {status}"


# ── parts of calls ────────────────────────────────────────────────────────────────────────────────────


def after_prefix(prefix: bytes) -> bytes:
    """Return the end of the range of keys that begin with this; the last byte is not the highest one."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def key_range(key: bytes, end: bytes = b"") -> Json:
    """Return the key, or those from it up to but without `end`."""
    return {"key": key, "range_end": end} if end else {"key": key}


def put(key: bytes, value: bytes, lease: int = 0) -> Json:
    """Return the operation."""
    entry: Json = {"key": key, "value": value}
    return {"request_put": {**entry, "lease": lease} if lease else entry}


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
