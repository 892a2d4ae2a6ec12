"""The commands of the guide to backups: what was committed before one is there after it is restored."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from meseta.runtime.stores.sqlite import SqliteStore
from meseta.runtime.stores.store import Store
from tests.docs_kit import DOCS
from tests.integration import etcd, zookeeper
from tests.integration.test_stores_shared import store_at

needs_etcdctl = [
    *etcd.needs_etcd,
    pytest.mark.skipif(
        shutil.which("etcdctl") is None, reason="etcdctl is not installed: apt-get install etcd-client"
    ),
]


def commands(section: str) -> list[str]:
    """The commands of a section of the guide, in order."""
    text = (DOCS / "howto" / "back-up-and-restore.md").read_text()
    part = text.split(f"\n## {section}")[1].split("\n## ")[0]
    return [line.strip() for line in part.splitlines() if line.startswith("    ")]


def do(command: str, *places: tuple[str, object]) -> None:
    """Run a command of the guide with other places in it."""
    for theirs, ours in places:
        command = command.replace(theirs, str(ours))
    subprocess.run(command, shell=True, check=True, capture_output=True, timeout=60)


def lose_something(store: Store) -> None:
    """Commit what is not in the backup."""
    store.commit({"a": None, "b": b"3"})
    store.close()


def committed(store: Store) -> Store:
    store.open()
    store.commit({"a": b"1", "b": b"2"})
    return store


def test_sqlite(tmp_path: Path) -> None:
    work, backup = tmp_path / "work", tmp_path / "backup"
    work.mkdir()
    backup.mkdir()
    places = ("/var/lib/meseta", work), ("/backup", backup), ("python3", shutil.which("python3"))
    save, *restore = commands("SQLite")
    store = committed(SqliteStore(str(work / "registry.db")))
    do(save, *places)
    lose_something(store)
    for command in restore:
        do(command, *places)
    assert store.open() == {"a": b"1", "b": b"2"}
    store.close()


class TestEtcd:
    pytestmark = needs_etcdctl

    def test_a_snapshot(self, tmp_path: Path) -> None:
        save, restore = commands("etcd")
        with etcd.etcd(tmp_path) as first:
            store = committed(store_at(first.folder()))
            places = ("10.0.0.11:2379", first.hosts), ("/backup", tmp_path)
            do(save, *places)
            lose_something(store)
            data = first.servers[0].directory / "data"
            first.servers[0].kill()
            shutil.rmtree(data)
            do(restore, *places, ("/var/lib/etcd/restored", data))
            first.servers[0].start()
            first.wait_for_quorum()
            assert store.open() == {"a": b"1", "b": b"2"}
            store.close()


class TestZooKeeper:
    pytestmark = zookeeper.needs_zookeeper

    def test_a_copy(self, tmp_path: Path) -> None:
        save, *restore = commands("ZooKeeper")
        with zookeeper.zookeeper(tmp_path) as first:
            store = committed(store_at(first.folder()))
            places = ("/var/lib/zookeeper", tmp_path / "zookeeper1" / "data"), ("/backup", tmp_path)
            do(save, *places)
            lose_something(store)
            first.servers[0].kill()
            for command in restore:
                do(command, *places)
            first.servers[0].start()
            first.wait_for_quorum()
            assert store.open() == {"a": b"1", "b": b"2"}
            store.close()
