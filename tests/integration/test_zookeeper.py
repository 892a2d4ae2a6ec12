"""Candidates and detectors on a real ZooKeeper."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from meseta.errors import UnreachableError
from meseta.runtime.detectors.contender import Contender
from meseta.runtime.detectors.find import detect_leader, find_detector, find_group
from meseta.runtime.service_address import parse_address
from meseta.runtime.zookeeper import acl_of
from meseta.wire.master_info import MasterInfo, json_of_info
from meseta.wire.scheduler_events import master_info
from tests.integration.agent_kit import run, until
from tests.integration.zookeeper import Ensemble, needs_zookeeper, zookeeper

pytestmark = needs_zookeeper

SESSION_S = 4.0


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with zookeeper(tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def info(number: int) -> MasterInfo:
    return master_info(f"m{number}", "127.0.0.1", 5050 + number, "localhost", "1.12.0")


class Played:
    """A master's candidacy, and what became of it."""

    def __init__(self, folder: str, number: int, session_s: float = SESSION_S) -> None:
        self.entry = ""
        self.fate = ""
        self.contender = Contender(
            find_group(folder, json_of_info(info(number)), session_s),
            session_s,
            self._on_elected,
            self._on_deposed,
            _raise,
        )

    def _on_elected(self, entry: str) -> None:
        assert self.contender.leads()
        self.entry = entry

    def _on_deposed(self, reason: str) -> None:
        assert not self.contender.leads()
        self.fate = reason


def _raise(bug: BaseException) -> None:
    raise bug


@asynccontextmanager
async def contending(folder: str, number: int, session_s: float = SESSION_S) -> AsyncIterator[Played]:
    played = Played(folder, number, session_s)
    played.contender.start()
    try:
        yield played
    finally:
        await played.contender.resign()


@asynccontextmanager
async def detecting(folder: str, session_s: float = SESSION_S) -> AsyncIterator[list[int | None]]:
    """The ports of the masters that were detected, one after the other."""
    seen: list[int | None] = []
    detector = find_detector(
        folder,
        random.Random(1),
        lambda leader: seen.append(leader and leader.port),
        warn=lambda text: None,
        session_timeout_s=session_s,
    )
    detector.start()
    try:
        yield seen
    finally:
        detector.stop()


def nodes(client: Any, folder: str) -> list[str]:
    return sorted(client.get_children(parse_address(folder).path))


def test_the_first_leads_and_the_next_follows_it(ensemble: Ensemble) -> None:
    folder = ensemble.folder()

    async def play() -> None:
        async with detecting(folder) as seen:
            await until(lambda: seen == [None], "nobody to lead")
            async with contending(folder, 1) as first:
                await until(lambda: first.entry, "the first to be elected")
                await until(lambda: seen == [None, 5051], "the first to be detected")
                async with contending(folder, 2) as second, contending(folder, 3) as third:
                    await until(lambda: len(list_nodes()) == 3, "all to contend")
                    assert not second.entry
                    assert not third.entry
                    await first.contender.resign()
                    await until(lambda: second.entry or third.entry, "one of them to be elected")
                    await until(lambda: seen[-1] == (5052 if second.entry else 5053), "it to be detected")
                    assert not (second.entry and third.entry)
                    assert not first.fate

    with ensemble.client() as client:

        def list_nodes() -> list[str]:
            return nodes(client, folder)

        run(play)
        assert list_nodes() == []


def test_a_leader_that_cannot_be_reached_is_told_again(ensemble: Ensemble) -> None:
    folder = ensemble.folder()

    async def play() -> None:
        seen: list[int | None] = []
        detector = find_detector(
            folder, random.Random(1), lambda leader: seen.append(leader and leader.port), warn=print
        )
        async with contending(folder, 1):
            detector.start()
            await until(lambda: seen[-1:] == [5051], "it to be detected")
            told = len(seen)
            detector.on_lost()
            await until(lambda: seen[told:] == [5051], "it to be told again")
            detector.stop()

    run(play)


def test_the_entry_is_that_of_mesos(ensemble: Ensemble) -> None:
    folder = ensemble.folder()

    async def play() -> None:
        async with contending(folder, 1) as master:
            await until(lambda: master.entry, "it to be elected")
            path = parse_address(folder).path
            assert nodes(client, folder) == ["json.info_0000000000"]
            data, stat = client.get(f"{path}/json.info_0000000000")
            assert stat.ephemeralOwner != 0
            said = json.loads(data)
            assert said["pid"] == "master@127.0.0.1:5051"
            assert said["ip"] == 16777343
            assert said["address"] == {"hostname": "localhost", "ip": "127.0.0.1", "port": 5051}
            assert client.get_acls(path)[0][0].id.scheme == "world"

    with ensemble.client() as client:
        run(play)


def test_with_a_password_others_may_only_read(ensemble: Ensemble) -> None:
    path = ensemble.folder().rpartition("/")[2]
    folder = f"zk://jake:secret@{ensemble.hosts}/{path}"

    async def play() -> None:
        async with contending(folder, 1) as master, contending(open_folder, 2) as stranger:
            await until(lambda: master.entry, "it to be elected")
            async with detecting(open_folder) as seen:
                await until(lambda: 5051 in seen, "it to be detected without the password")
            assert len(nodes(client, folder)) == 1
            assert not stranger.entry

    open_folder = f"zk://{ensemble.hosts}/{path}"
    with ensemble.client() as client:
        client.add_auth("digest", "jake:secret")
        client.ensure_path(f"/{path}", acl=acl_of(parse_address(folder)))
        run(play)


def test_an_entry_that_somebody_removes_costs_a_leader_its_place(ensemble: Ensemble) -> None:
    folder = ensemble.folder()

    async def play() -> None:
        async with contending(folder, 1) as first:
            await until(lambda: first.entry, "it to be elected")
            client.delete(first.entry)
            await until(lambda: first.fate == "its entry was removed", "it to be deposed")

    with ensemble.client() as client:
        run(play)


def test_a_session_that_the_server_ends_costs_a_leader_its_place(ensemble: Ensemble) -> None:
    folder = ensemble.folder()

    async def play() -> None:
        async with contending(folder, 1) as first, contending(folder, 2) as second:
            await until(lambda: first.entry or second.entry, "one to be elected")
            await until(lambda: len(nodes(client, folder)) == 2, "both to contend")
            leader, other = (first, second) if first.entry else (second, first)
            owner = client.get(leader.entry)[1].ephemeralOwner
            end_session(ensemble.hosts, owner)
            await until(lambda: leader.fate, "it to be deposed")
            await until(lambda: other.entry, "the other to be elected")

    with ensemble.client() as client:
        run(play)


def end_session(hosts: str, session: int) -> None:
    """End the session of a client of this process: another one takes it over, and closes it."""
    clients = [thing for thing in gc.get_objects() if isinstance(thing, KazooClient)]
    (password,) = {bytes(each._session_passwd) for each in clients if each._session_id == session}
    thief = KazooClient(hosts=hosts, client_id=(session, password))
    thief.start()
    thief.stop()
    thief.close()


def test_the_first_of_several_forms_of_entries_is_detected(ensemble: Ensemble) -> None:
    folder = ensemble.folder()
    path = parse_address(folder).path

    async def play() -> None:
        async with detecting(folder) as seen:
            await until(lambda: seen[-1:] == [5051], "the first")
            client.delete(f"{path}/info_0000000001")
            await until(lambda: seen[-1] == 5052, "the next")
            client.delete(f"{path}/json.info_0000000002")
            await until(lambda: seen[-1] == 5053, "the last")
            client.delete(f"{path}/0000000003")
            await until(lambda: seen[-1] is None, "nobody")
            with pytest.raises(UnreachableError, match="no leading master"):
                await detect_leader(folder, random.Random(1), 0.5)

    with ensemble.client() as client:
        client.create(f"{path}/log_replicas", makepath=True)
        client.create(f"{path}/info_0000000001", info(1).SerializeToString())
        client.create(f"{path}/json.info_0000000002", json_of_info(info(2)))
        client.create(f"{path}/0000000003", b"master@127.0.0.1:5053")
        run(play)


def test_without_zookeeper_a_leader_steps_down_in_time_and_is_forgotten(tmp_path: Path) -> None:
    with zookeeper(tmp_path) as own:
        folder = own.folder()

        async def play() -> None:
            async with detecting(folder, 2.0) as seen, contending(folder, 1, 2.0) as master:
                await until(lambda: master.entry and seen[-1:] == [5051], "it to be elected")
                own.servers[0].kill()
                await until(lambda: master.fate, "it to step down")
                assert "not confirmed in time" in master.fate
                await until(lambda: seen[-1] is None, "it to be forgotten")
                own.servers[0].start()
                await until(lambda: seen[-1] == 5051 or seen[-1] is None, "the detector to be back")
                async with contending(folder, 2, 2.0) as second:
                    await until(lambda: second.entry, "another to be elected")
                    await until(lambda: seen[-1] == 5052, "it to be detected")

        run(play)


def test_a_server_of_three_may_fail(tmp_path: Path) -> None:
    with zookeeper(tmp_path, 3) as own:
        folder = own.folder()

        async def play() -> None:
            async with detecting(folder, 8.0) as seen, contending(folder, 1, 8.0) as master:
                await until(lambda: master.entry and seen[-1:] == [5051], "it to be elected")
                own.servers[0].kill()
                await until(lambda: client_works(own), "the others to go on")
                await asyncio.sleep(3.0)
                assert master.contender.leads()
                assert not master.fate

        run(play)


def test_a_server_may_fall_silent(tmp_path: Path) -> None:
    """The one that the leader is connected to: it must find the other one before its lease is over."""
    with zookeeper(tmp_path, 3) as own:
        followers = [server for server in own.servers if not server.leads()]
        folder = f"zk://{','.join(server.address for server in followers)}/masters"

        async def play() -> None:
            async with contending(folder, 1, 6.0) as master:
                await until(lambda: master.entry, "it to be elected")
                (silent,) = [server for server in followers if server.address == server_of(6.0)]
                silent.pause()
                await until(lambda: server_of(6.0) not in ("", silent.address), "it to find the other")
                await asyncio.sleep(3.0)
                assert master.contender.leads()
                assert not master.fate

        run(play)


def server_of(session_s: float) -> str:
    """The address of the server that a client with this session timeout is connected to, if any."""
    for thing in gc.get_objects():
        if isinstance(thing, KazooClient) and thing._session_timeout == session_s * 1000 and thing.connected:
            with suppress(OSError):  # It is just being closed.
                host, port = thing._connection._socket.getpeername()
                return f"{host}:{port}"
    return ""


def client_works(own: Ensemble) -> bool:
    with own.client() as client:
        return client.get_children("/") is not None
