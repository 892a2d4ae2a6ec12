"""The registry in real ZooKeeper and etcd: what every store does, and who may write."""

from __future__ import annotations

import threading
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from meseta.errors import StoreError
from meseta.ids import AgentId
from meseta.master.registry import MarkUnreachable
from meseta.runtime import etcd as e
from meseta.runtime.service_address import parse_address
from meseta.runtime.stores.etcd import EtcdSpace
from meseta.runtime.stores.shared import SharedStore
from meseta.runtime.stores.zookeeper import FOLDERS, ZooKeeperSpace
from meseta.wire.registry import changes_of
from tests.integration import etcd, zookeeper
from tests.store_suite import StoreSuite, recovered

Ensemble = etcd.Ensemble | zookeeper.Ensemble

TIMEOUT_S = 20.0


def store_at(folder: str, timeout_s: float = TIMEOUT_S) -> SharedStore:
    if folder.startswith("zk://"):
        return SharedStore(ZooKeeperSpace(parse_address(folder), timeout_s))
    return SharedStore(EtcdSpace(parse_address(folder), timeout_s))


class SharedSuite(StoreSuite):
    """What every store in a service does."""

    @pytest.fixture
    def folder(self, ensemble: Ensemble) -> str:
        return ensemble.folder()

    @pytest.fixture
    def new_store(self, folder: str) -> SharedStore:
        return store_at(folder)

    kind: str
    """The node or key that says what this is, below the masters' folder."""

    @abstractmethod
    def plant(self, ensemble: Ensemble, key: str, value: bytes | None) -> None:
        """Write or delete something in the service, by the name of its node or key."""

    @abstractmethod
    def damage(self, ensemble: Ensemble, folder: str, name: bytes, body: bytes) -> None:
        """Write an entry of the registry into the service, past its owner."""

    @pytest.mark.parametrize(
        ("name", "body", "sentence"),
        [
            (b"0/agents/m-S1", b"\xc1", r"cannot be used: the record 'agents/m-S1' cannot be read: "),
            (b"0/nonsense", b"", "cannot be used: the record 'nonsense' is of a kind that this version"),
            (b"2/agents/m-S1", b"x", "is damaged .* put a backup in its place"),
            (b"nonsense", b"x", "is damaged .* put a backup in its place"),
            (b"0/agents/\xff", b"x", "is damaged .* put a backup in its place"),
            (b"part/000000", b"\xc1", ""),
            (b"ready", b"2", "is damaged .* put a backup in its place"),
        ],
    )
    def test_what_is_damaged_is_refused(
        self, ensemble: Ensemble, folder: str, name: bytes, body: bytes, sentence: str
    ) -> None:
        """But for parts of a commit that never was one: they are dropped."""
        store = store_at(folder)
        store.open()
        store.commit(changes_of((MarkUnreachable(AgentId("m-S1"), 5.0),)))
        store.close()
        self.damage(ensemble, folder, name, body)
        if not sentence:
            assert recovered(store).unreachable == ((AgentId("m-S1"), 5.0),)
            return
        for _ in range(2):
            with pytest.raises(StoreError, match=f"the registry {folder}/registry {sentence}"):
                recovered(store)

    def test_a_deposed_master_cannot_write(self, folder: str) -> None:
        old, new = store_at(folder), store_at(folder)
        old.open()
        old.commit({"a": b"1"})
        assert new.open() == {"a": b"1"}
        with pytest.raises(StoreError, match=r"another master has taken the registry .* was refused"):
            old.commit({"a": b"2"})
        new.commit({"b": b"3"})
        old.close()
        new.close()
        assert new.open() == {"a": b"1", "b": b"3"}
        new.close()

    def test_a_master_whose_entry_is_gone_cannot_write(self, ensemble: Ensemble, folder: str) -> None:
        place = "/" + folder.rpartition("/")[2]
        store = store_at(folder)
        self.plant(ensemble, place, b"")
        self.plant(ensemble, f"{place}/me", b"")
        store.leading = f"{place}/me"
        store.open()
        store.commit({"a": b"1"})
        self.plant(ensemble, f"{place}/me", None)
        for late in (lambda: store.commit({"a": b"2"}), store.open):
            with pytest.raises(StoreError, match="this one leads no more"):
                late()
        store.leading = None
        assert store.open() == {"a": b"1"}
        store.close()

    def test_what_is_of_a_newer_version_is_refused(self, ensemble: Ensemble, folder: str) -> None:
        store = store_at(folder)
        store.open()
        store.close()
        self.plant(ensemble, f"/{folder.rpartition('/')[2]}/{self.kind}", b"meseta-registry 9")
        with pytest.raises(StoreError, match=r"a newer Meseta has written the registry .* start the version"):
            store.open()
        self.plant(ensemble, f"/{folder.rpartition('/')[2]}/{self.kind}", b"of somebody")
        with pytest.raises(StoreError, match="belongs to another program"):
            store.open()
        store.close()

    def test_commits_survive_the_servers(self, own: Ensemble) -> None:
        """All are killed; one that hangs; and a minority that is dead for good."""
        store = store_at(own.folder(), timeout_s=60.0)
        store.open()
        store.commit({"a": b"1"})
        for server in own.servers:
            server.kill()
        for server in own.servers:
            server.start()
        store.commit({"b": b"2"})
        own.wait_for_all()
        own.servers[0].pause()
        store.commit({"c": b"3"})
        own.servers[0].resume()
        own.wait_for_all()
        own.servers[1].kill()
        store.commit({"d": b"4", "a": None})
        store.close()
        assert store.open() == {"b": b"2", "c": b"3", "d": b"4"}
        store.close()

    def test_without_a_majority_nothing_is_reported(self, own: Ensemble) -> None:
        store = store_at(own.folder(), timeout_s=3.0)
        store.open()
        store.commit({"a": b"1"})
        for server in own.servers[1:]:
            server.kill()
        with pytest.raises(StoreError, match=r"could not be reached for 3secs .*see to its servers"):
            store.commit({"a": b"2"})
        store.close()
        with pytest.raises(StoreError, match="could not be reached for 3secs"):
            store.open()
        store.close()

    def test_a_commit_is_done_once_while_servers_die(self, own: Ensemble) -> None:
        """A server dies and comes back again and again: each commit is there, and nobody is deposed."""
        store = store_at(own.folder(), timeout_s=60.0)
        store.open()
        done = threading.Event()

        def trouble() -> None:
            number = 0
            while not done.wait(0.3):
                own.servers[number % 3].kill()
                own.servers[number % 3].start()
                own.wait_for_all()
                number += 1

        thread = threading.Thread(target=trouble)
        thread.start()
        try:
            for number in range(200):
                store.commit({f"k{number % 20}": str(number).encode()})
        finally:
            done.set()
            thread.join()
        store.close()
        assert store.open() == {f"k{number % 20}": str(number).encode() for number in range(180, 200)}
        store.close()


@pytest.fixture(scope="module")
def zookeeper_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with zookeeper.zookeeper(tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture(scope="module")
def etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with etcd.etcd(tmp_path_factory.mktemp("etcd")) as servers:
        yield servers


class TestZooKeeper(SharedSuite):
    pytestmark = zookeeper.needs_zookeeper
    kind = "registry"

    @pytest.fixture
    def ensemble(self, zookeeper_server: Ensemble) -> Ensemble:
        return zookeeper_server

    @pytest.fixture
    def own(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
        with zookeeper.zookeeper(tmp_path_factory.mktemp("zookeeper"), 3) as servers:
            yield servers

    def plant(self, ensemble: Ensemble, key: str, value: bytes | None) -> None:
        assert isinstance(ensemble, zookeeper.Ensemble)
        with ensemble.client() as client:
            if value is None:
                client.delete(key)
            elif client.exists(key):
                client.set(key, value)
            else:
                client.create(key, value)

    def damage(self, ensemble: Ensemble, folder: str, name: bytes, body: bytes) -> None:
        path = f"{parse_address(folder).path}/registry/entries"
        self.plant(ensemble, f"{path}/{zlib.crc32(name) % FOLDERS:02x}/={quote(name, safe='')}", body)


class TestEtcd(SharedSuite):
    pytestmark = etcd.needs_etcd
    kind = "registry/kind"

    @pytest.fixture
    def ensemble(self, etcd_server: Ensemble) -> Ensemble:
        return etcd_server

    @pytest.fixture
    def own(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
        with etcd.etcd(tmp_path_factory.mktemp("etcd"), 3) as servers:
            yield servers

    def plant(self, ensemble: Ensemble, key: str, value: bytes | None) -> None:
        change = e.delete(key.encode()) if value is None else e.put(key.encode(), value)
        self._do(ensemble, change)

    def damage(self, ensemble: Ensemble, folder: str, name: bytes, body: bytes) -> None:
        self._do(ensemble, e.put(f"{parse_address(folder).path}/registry/e/".encode() + name, body))

    @staticmethod
    def _do(ensemble: Ensemble, change: e.Json) -> None:
        assert isinstance(ensemble, etcd.Ensemble)
        client = ensemble.client()
        client.transact([], [change], [])
        client.close()

    def test_a_full_etcd_is_told_from_one_out_of_reach(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        place = tmp_path_factory.mktemp("full")
        with etcd.etcd(place, 1, "--quota-backend-bytes=1000000") as small:
            store = store_at(small.folder())
            store.open()
            with pytest.raises(StoreError, match=r"cannot be used: .*database space exceeded"):
                fill(store)
            store.close()

    def test_an_etcd_with_users_wants_a_password(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        with etcd.etcd(tmp_path_factory.mktemp("users")) as guarded:
            client = guarded.client()
            client.call("auth/user/add", {"name": "root", "password": "pw"})
            client.call("auth/role/add", {"name": "root"})
            client.call("auth/user/grant", {"user": "root", "role": "root"})
            client.call("auth/enable", {})
            client.close()
            place = f"{guarded.hosts}/masters"
            store = store_at(f"etcd://root:pw@{place}")
            store.open()
            store.commit({"a": b"1"})
            assert "pw" not in store.name
            store.close()
            for user, sentence in (("root:no@", "does not let root in"), ("", "user name is empty")):
                with pytest.raises(StoreError, match=sentence):
                    store_at(f"etcd://{user}{place}").open()


def fill(store: SharedStore) -> None:
    for number in range(20):
        store.commit({str(number): bytes(200_000)})
