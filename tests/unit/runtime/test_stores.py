"""What every store does, in memory and in SQLite, and what SQLite's does when its file is not whole."""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from meseta.errors import StoreError
from meseta.runtime.stores.memory import MemoryStore
from meseta.runtime.stores.sqlite import APPLICATION_ID, SCHEMA, SqliteStore
from meseta.runtime.stores.store import Store
from tests.store_suite import Changes, StoreSuite, reopened


class TestMemory(StoreSuite):
    @pytest.fixture
    def new_store(self) -> Store:
        return MemoryStore()


class TestSqlite(StoreSuite):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Store:
        return SqliteStore(str(tmp_path / "r.db"))


# The file ------------------------------------------------------------------------------------------------


def test_two_masters_cannot_share_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "r.db")
    first, second = SqliteStore(path), SqliteStore(path)
    first.open()
    with pytest.raises(StoreError, match="another master uses"):
        second.open()
    second.close()
    first.commit({"a": b"1"})
    first.close()
    assert second.open() == {"a": b"1"}
    second.close()


def test_others_may_read_while_a_master_writes(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "r.db"))) as store:
        store.open()
        with closing(sqlite3.connect(tmp_path / "r.db")) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM records").fetchone() == (0,)
            store.commit({"a": b"1"})


def make_database(path: Path, kind: int, schema: int) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE mine (x)")
        database.execute(f"PRAGMA application_id = {kind}")
        database.execute(f"PRAGMA user_version = {schema}")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 100), "file is not a database"),
        (lambda path: path.mkdir(), "unable to open"),
        (lambda path: make_database(path, 0, 0), "another program"),
        (lambda path: make_database(path, 77, SCHEMA), "another program"),
        (lambda path: make_database(path, APPLICATION_ID, SCHEMA + 1), "a newer Meseta"),
        (lambda path: make_database(path, APPLICATION_ID, SCHEMA - 1), "an older Meseta"),
        (lambda path: make_database(path, APPLICATION_ID, SCHEMA), "no such table"),
    ],
)
def test_a_file_that_is_no_registry_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "r.db"
    make(path)
    before = path.read_bytes() if path.is_file() and "table" not in sentence else None
    with closing(SqliteStore(str(path))) as store, pytest.raises(StoreError, match=sentence) as refusal:
        store.open()
    assert str(path) in str(refusal.value)
    assert before is None or path.read_bytes() == before


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone/r\.db\.lock: No such file"):
        SqliteStore(str(tmp_path / "gone" / "r.db")).open()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    with closing(SqliteStore(str(path))) as store:
        store.open()
        store.commit({str(number): bytes(500) for number in range(100)})
    whole = path.read_bytes()
    for size in range(512, len(whole), 4099):
        path.write_bytes(whole[:size])
        with closing(SqliteStore(str(path))) as store, pytest.raises(StoreError):
            store.open()


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_commit_that_finds_the_disk_full_fails_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    with closing(SqliteStore(str(path))) as store:
        store.open()
        store.commit({"a": b"1"})
        log = (tmp_path / "r.db-wal").stat().st_size
        with full_disk(log + 10_000), pytest.raises(StoreError, match="cannot be written"):
            store.commit({str(number): bytes(1000) for number in range(40)})
        assert reopened(store) == {"a": b"1"}


# A power cut ---------------------------------------------------------------------------------------------


def history(chance: random.Random) -> list[Changes]:
    """Commits over few records, of one change or many."""
    return [
        {
            str(chance.randrange(20)): chance.randbytes(chance.randrange(600))
            if chance.random() < 0.7
            else None
            for _ in range(chance.choice((1, 1, 3, 15)))
        }
        for _ in range(12)
    ]


def states_of(commits: list[Changes]) -> list[dict[str, bytes]]:
    """What is held after none, one, two … of the commits."""
    states: list[dict[str, bytes]] = [{}]
    for changes in commits:
        merged = {**states[-1], **changes}
        states.append({key: record for key, record in merged.items() if record is not None})
    return states


def recovered(place: Path, database: bytes, log: bytes) -> dict[str, bytes]:
    """What a store finds that has these two files."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "r.db").write_bytes(database)
    (place / "r.db-wal").write_bytes(log)
    with closing(SqliteStore(str(place / "r.db"))) as store:
        return store.open()


def test_after_a_power_cut_the_first_commits_are_there_whole(tmp_path: Path) -> None:
    """The log is cut at many places: what is recovered is a state that once was, and later for later cuts."""
    chance = random.Random(3)
    commits = history(chance)
    states = states_of(commits)
    ends = []
    with closing(SqliteStore(str(tmp_path / "r.db"))) as store:
        store.open()
        for changes in commits:
            store.commit(changes)
            ends.append((tmp_path / "r.db-wal").stat().st_size)
        database, log = (tmp_path / "r.db").read_bytes(), (tmp_path / "r.db-wal").read_bytes()
    cuts = {cut for end in ends for cut in (end - 1, end, end + 1)} | {
        chance.randrange(ends[-1]) for _ in range(25)
    }
    for cut in sorted(cuts):
        done = sum(end <= cut for end in ends)
        assert recovered(tmp_path / "cut", database, log[:cut]) == states[done], cut


def test_a_torn_write_at_the_end_of_the_log_is_as_if_it_never_was(tmp_path: Path) -> None:
    chance = random.Random(4)
    commits = history(chance)
    states = states_of(commits)
    with closing(SqliteStore(str(tmp_path / "r.db"))) as store:
        store.open()
        for changes in commits[:-1]:
            store.commit(changes)
        start = (tmp_path / "r.db-wal").stat().st_size
        store.commit(commits[-1])
        database, log = (tmp_path / "r.db").read_bytes(), (tmp_path / "r.db-wal").read_bytes()
    for _ in range(25):
        torn = bytearray(log)
        place = chance.randrange(start, len(log))
        torn[place] ^= 1 << chance.randrange(8)
        assert recovered(tmp_path / "torn", database, bytes(torn)) == states[-2], place


def test_what_the_log_held_is_in_the_file_before_the_log_starts_anew(tmp_path: Path) -> None:
    """Many commits make SQLite move the log into the file: at every moment the two together hold all."""
    held: dict[str, bytes] = {}
    with closing(SqliteStore(str(tmp_path / "r.db"))) as store:
        store.open()
        for number in range(40):
            changes = {f"{number % 7}-{part}": bytes([number]) * 3000 for part in range(50)}
            store.commit(dict(changes))
            held |= changes
            if number % 8 == 7:
                files = (tmp_path / "r.db").read_bytes(), (tmp_path / "r.db-wal").read_bytes()
                assert recovered(tmp_path / "copy", *files) == held
