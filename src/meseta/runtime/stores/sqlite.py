"""A store in one SQLite file: a row per record, a transaction per commit, synced before it is reported.

    registry.db        application id "MESE", user version = SCHEMA, table records(key, record)
    registry.db-wal    SQLite's write-ahead log: commits land here first; a torn end of it is ignored
    registry.db.lock   locked as long as a master uses the store

The write-ahead log with `synchronous=FULL` is synced at each commit, so a commit survives a power cut, and
after one the file holds what a row of whole commits from the first on has made of it. The lock is a file of
its own because closing any descriptor of a database drops SQLite's locks on it; and so that others may read
or copy the database (`sqlite3 registry.db .backup`) while the master runs.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from meseta.errors import StoreError

APPLICATION_ID = int.from_bytes(b"MESE", "big")
"""What SQLite keeps in the header of a file to say whose it is."""
SCHEMA = 1
"""The version of the tables below."""
BUSY_TIMEOUT_S = 5.0
"""How long to wait for somebody who has opened the file by hand."""

_WAY_OUT = (
    "see to the disk, or put a backup in its place; without one, move it away and start with nothing known"
)
_CREATE = f"""
BEGIN IMMEDIATE;
CREATE TABLE records (key TEXT NOT NULL UNIQUE, record BLOB NOT NULL);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA};
COMMIT;
"""
_PUT = (
    "INSERT INTO records (key, record) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET record = excluded.record"
)
_DELETE = "DELETE FROM records WHERE key = ?"


class SqliteStore:
    """The store at `path`; its directory exists, the file is made if it is missing."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._lock: int | None = None
        self._database: sqlite3.Connection | None = None

    def open(self) -> dict[str, bytes]:
        """Lock, check and read the file. Raises StoreError, as in `Store`."""
        self._lock = self._take_lock()
        with self._faults("opened"):
            database = sqlite3.connect(
                self.name, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._database = database
            is_new = self._check_kind(database)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            if is_new:
                database.executescript(_CREATE)
            self._check_pages(database)
            return dict(database.execute("SELECT key, record FROM records ORDER BY rowid"))

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Write one transaction. Raises StoreError, as in `Store`."""
        database = self._database
        assert database is not None, "a store is opened first"
        with self._faults("written"):
            database.execute("BEGIN IMMEDIATE")
            if all(changes.values()):  # It nearly always is so, and quickly known.
                database.executemany(_PUT, changes.items())
            else:
                database.executemany(_PUT, [entry for entry in changes.items() if entry[1] is not None])
                database.executemany(_DELETE, [(key,) for key, record in changes.items() if record is None])
            database.execute("COMMIT")

    def close(self) -> None:
        """Close the file and drop the lock."""
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        path = f"{self.name}.lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            raise StoreError(f"the registry cannot be opened: {path}: {fault.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise StoreError(
                f"another master uses the registry {self.name}: stop it, or choose another --work_dir"
            ) from None
        return fd

    def _check_kind(self, database: sqlite3.Connection) -> bool:
        """Refuse a file that is not ours, before anything in it is touched; tell whether it is new."""
        (kind,) = database.execute("PRAGMA application_id").fetchone()
        (schema,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if (kind, schema, tables) == (0, 0, 0):
            return True
        if kind != APPLICATION_ID:
            raise StoreError(
                f"{self.name} is a database of another program: move it away, or choose another --work_dir"
            )
        if schema != SCHEMA:
            age = "a newer" if schema > SCHEMA else "an older"
            raise StoreError(
                f"{age} Meseta has written the registry {self.name}: it has schema {schema}, and this one "
                f"reads schema {SCHEMA} only; start the version that wrote it"
            )
        return False

    def _check_pages(self, database: sqlite3.Connection) -> None:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(f"the registry {self.name} is damaged: {verdict}; {_WAY_OUT}")

    @contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise StoreError(f"the registry {self.name} cannot be {what}: {fault}; {_WAY_OUT}") from None
