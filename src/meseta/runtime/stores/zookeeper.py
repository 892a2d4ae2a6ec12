"""The registry in ZooKeeper: a node per entry, below the folder in which the masters meet.

    /mesos/registry                    what this is, and its schema
    /mesos/registry/owner              who may write; its version goes up with each transaction
    /mesos/registry/entries/3f/=0%2F…  an entry, by its name, in one of 256 folders, so that lists stay short

A transaction sets `owner` at the version it knows. When an answer is lost, `owner` tells whether the
transaction was done: it holds the number of the last one. So nothing is done twice, and a lost connection is
no lost store. Reads may come from a server that is behind, but never behind what their session has written,
and taking is a write.

The names of the nodes come after `json.info_…`, since some clients take the first one for the leader's.
"""

from __future__ import annotations

import logging
import time
import uuid
import zlib
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from meseta.errors import StoreError
from meseta.runtime.service_address import Address
from meseta.runtime.stores.shared import KIND, Writes, check_schema, deposed, out_of_reach

FOLDERS = 256
READS_AT_ONCE = 500
RETRY_S = 0.1
SESSION_TIMEOUT_S = 4.0
"""Nothing is kept in the session, so this is only how soon a silent server is given up."""

ResultT = TypeVar("ResultT")


class ZooKeeperSpace:
    """Entries below `registry` in the masters' folder. Each call may take `timeout_s`."""

    writes_max = 1000

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self._root = f"{address.path}/registry"
        self.name = f"{address}/registry"
        self._timeout_s = timeout_s
        self._client: Any = None
        self._leading: str | None = None
        self._me = uuid.uuid4().hex
        self._version = -1
        self._known: set[str] = set()

    def take(self, leading: str | None) -> dict[str, bytes]:
        """Become the owner."""
        from meseta.runtime.zookeeper import acl_of

        self._leading = leading
        self._acl = acl_of(self._address)
        self._connect()
        return self._persist(self._take)

    def write(self, writes: Writes) -> None:
        """Change entries."""
        value = f"{self._me} {self._version + 1}".encode()
        self._persist(lambda: self._write(writes, value))
        self._version += 1
        for name, body in writes.items():
            (self._known.discard if body is None else self._known.add)(name)

    def close(self) -> None:
        """Break the connection."""
        if self._client is not None:
            self._client.stop()
            self._client.close()
            self._client = None

    def _connect(self) -> None:
        from kazoo.client import KazooClient

        from meseta.runtime.zookeeper import RECONNECT, auth_of

        self.close()
        logger = logging.getLogger("kazoo.meseta")
        logger.setLevel(logging.ERROR)
        self._client = KazooClient(
            hosts=self._address.hosts,
            timeout=SESSION_TIMEOUT_S,
            auth_data=auth_of(self._address),
            connection_retry=dict(RECONNECT),
            logger=logger,
        )
        self._client.start_async()

    def _persist(self, work: Callable[[], ResultT]) -> ResultT:
        """Do something again until there is a connection for long enough; it must bear to be repeated."""
        from kazoo.exceptions import ConnectionLoss, KazooException, SessionExpiredError

        end = time.monotonic() + self._timeout_s
        reason = "no connection"
        while True:
            try:
                if self._client.connected:
                    return work()
            except (ConnectionLoss, SessionExpiredError) as fault:
                reason = type(fault).__name__
            except self._client.handler.timeout_exception:
                reason = "no answer"
            except KazooException as fault:
                raise StoreError(
                    f"the registry {self.name} cannot be used: {str(fault) or type(fault).__name__}"
                ) from None
            if time.monotonic() > end:
                raise out_of_reach(self.name, self._timeout_s, reason)
            time.sleep(RETRY_S)

    def _get(self, request: Any) -> Any:
        return request.get(timeout=self._timeout_s)

    # ── taking ────────────────────────────────────────────────────────────────────────────────────────

    def _take(self) -> dict[str, bytes]:
        from kazoo.exceptions import SessionExpiredError

        session = self._client.client_id
        self._make()
        transaction = self._client.transaction()
        self._check_leading(transaction)
        transaction.set_data(f"{self._root}/owner", self._me.encode())
        results = self._commit(transaction)
        self._version = results[-1].version
        entries = self._read()
        if self._client.client_id != session:
            raise SessionExpiredError  # Another session may read what is older than what this one wrote.
        self._known = set(entries)
        return entries

    def _make(self) -> None:
        from kazoo.exceptions import NodeExistsError

        self._get(self._client.sync_async(self._root))
        if self._get(self._client.exists_async(self._root)) is None:
            acl = self._acl
            self._client.ensure_path(self._address.path, acl=acl)
            transaction = self._client.transaction()
            transaction.create(self._root, KIND, acl=acl)
            for name in ("owner", "entries", *(f"entries/{number:02x}" for number in range(FOLDERS))):
                transaction.create(f"{self._root}/{name}", b"", acl=acl)
            result = self._get(transaction.commit_async())[0]
            if isinstance(result, Exception) and not isinstance(result, NodeExistsError):
                raise result
        check_schema(self.name, self._get(self._client.get_async(self._root))[0])

    def _read(self) -> dict[str, bytes]:
        folders = [f"{self._root}/entries/{number:02x}" for number in range(FOLDERS)]
        lists = self._gather(self._client.get_children_async, folders)
        paths = [f"{folder}/{node}" for folder, nodes in zip(folders, lists, strict=True) for node in nodes]
        nodes = self._gather(self._client.get_async, paths)
        found = [
            (stat.czxid, unquote(path.rpartition("/=")[2], errors="strict"), body)
            for path, (body, stat) in zip(paths, nodes, strict=True)
        ]
        return {name: body for _, name, body in sorted(found)}

    def _gather(self, ask: Callable[[str], Any], paths: list[str]) -> list[Any]:
        answers: list[Any] = []
        for start in range(0, len(paths), READS_AT_ONCE):
            requests = [ask(path) for path in paths[start : start + READS_AT_ONCE]]
            answers += [self._get(request) for request in requests]
        return answers

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────

    def _write(self, writes: Writes, value: bytes) -> None:
        from kazoo.exceptions import BadVersionError

        transaction = self._client.transaction()
        self._check_leading(transaction)
        transaction.set_data(f"{self._root}/owner", value, version=self._version)
        transaction.operations += self._operations(writes)
        try:
            self._commit(transaction)
        except BadVersionError:
            # An earlier attempt whose answer was lost was done, or somebody else has written.
            self._get(self._client.sync_async(self._root))
            held, stat = self._get(self._client.get_async(f"{self._root}/owner"))
            if held != value or stat.version != self._version + 1:
                raise deposed(self.name) from None

    def _operations(self, writes: Writes) -> list[Any]:
        """Return what kazoo sends. Its own methods would make the paths normal, half the work of a commit."""
        from kazoo.protocol.serialization import Create, Delete, SetData

        known, acl = self._known, self._acl
        operations: list[Any] = []
        for name, body in writes.items():
            path = self._path(name)
            if name not in known:
                if body is not None:
                    operations.append(Create(path, body, acl, 0))
            elif body is None:
                operations.append(Delete(path, -1))
            else:
                operations.append(SetData(path, body, -1))
        return operations

    def _check_leading(self, transaction: Any) -> None:
        if self._leading is not None:
            transaction.check(self._leading, -1)

    def _commit(self, transaction: Any) -> list[Any]:
        """Commit, and raise what the first operation that failed has to say."""
        from kazoo.exceptions import NoNodeError, RolledBackError, RuntimeInconsistency

        follows = (RolledBackError, RuntimeInconsistency)
        results: list[Any] = self._get(transaction.commit_async())
        for number, result in enumerate(results):
            if not isinstance(result, Exception) or isinstance(result, follows):
                continue
            if number == 0 and self._leading is not None and isinstance(result, NoNodeError):
                raise deposed(self.name)
            raise result
        return results

    def _path(self, name: str) -> str:
        folder = zlib.crc32(name.encode()) % FOLDERS
        return f"{self._root}/entries/{folder:02x}/={escape(name)}"


def escape(name: str) -> str:
    """Return what `unquote` turns back, without what a node's name must not have."""
    if name.isascii() and name.isprintable():  # It nearly always is, and `quote` is slow.
        return name.replace("%", "%25").replace("/", "%2F")
    return quote(name, safe="")
