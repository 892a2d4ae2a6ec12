"""A persistent volume over real daemons: made, written to, kept over an agent's restart, and destroyed."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

from meseta.daemon.master import MasterDaemon
from meseta.runtime.client import HttpClient
from tests.integration.agent_kit import DEADLINE_S, make_agent, run, supervisors_ended, until
from tests.integration.test_agent_cluster import Framework, cluster

RESERVATION = {"type": "DYNAMIC", "role": "web"}
DISK = {"name": "disk", "type": "SCALAR", "scalar": {"value": 64}, "reservations": [RESERVATION]}
CPU = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [RESERVATION]}
VOLUME = DISK | {"disk": {"persistence": {"id": "v1"}, "volume": {"container_path": "data", "mode": "RW"}}}
MEM = {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}
RESERVE = {"type": "RESERVE", "id": {"value": "reserve"}, "reserve": {"resources": [CPU, DISK]}}
CREATE = {"type": "CREATE", "id": {"value": "create"}, "create": {"volumes": [VOLUME]}}
DESTROY = {"type": "DESTROY", "id": {"value": "destroy"}, "destroy": {"volumes": [VOLUME]}}
UNRESERVE = {"type": "UNRESERVE", "id": {"value": "unreserve"}, "unreserve": {"resources": [CPU, DISK]}}


class Owner(Framework):
    """A framework that owns a volume."""

    def __init__(self, http: HttpClient, master: MasterDaemon) -> None:
        super().__init__(http, f"127.0.0.1:{master.port}")
        self._open = master.machine.state.offers
        self._passed: deque[Any] = deque()

    async def event(self, kind: str) -> Any:
        """The next event of a kind; others are kept."""
        for event in self._passed:
            if event["type"] == kind:
                self._passed.remove(event)
                return event
        async with asyncio.timeout(DEADLINE_S):
            while (event := await self._events.get())["type"] != kind:
                self._passed.append(event)
        return event

    async def offer(self, *, with_volume: bool) -> Any:
        """The next offer, with or without a volume, that is still open; others are declined."""
        while True:
            (offer,) = (await self.event("OFFERS"))["offers"]["offers"]
            if offer["id"]["value"] not in self._open:
                continue
            if any("disk" in resource for resource in offer["resources"]) == with_volume:
                return offer
            await self.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0}})

    async def accept(self, offer: Any, *operations: Any) -> None:
        body = {"offer_ids": [offer["id"]], "operations": operations, "filters": {"refuse_seconds": 0}}
        await self.call("ACCEPT", body)

    async def launch(self, offer: Any, name: str, command: str, *before: Any) -> list[str]:
        """Run a task on the volume to its end; return its states."""
        task = {
            "name": name,
            "task_id": {"value": name},
            "agent_id": offer["agent_id"],
            "command": {"value": command},
            "resources": [CPU, MEM, VOLUME],
        }
        await self.accept(offer, *before, {"type": "LAUNCH", "launch": {"task_infos": [task]}})
        return [await self.state() for _ in range(3)]

    async def ended(self) -> tuple[str, str]:
        """Acknowledge the next end of an operation; return its id and state."""
        status = (await self.event("UPDATE_OPERATION_STATUS"))["update_operation_status"]["status"]
        acknowledged = {name: status[name] for name in ("agent_id", "operation_id")}
        acknowledged["uuid"] = status["uuid"]["value"]
        await self.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledged)
        return status["operation_id"]["value"], status["state"]


RUN_TO_END = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


def test_a_volume_from_its_reservation_to_its_end(tmp_path: Path) -> None:
    async def body() -> None:
        async with cluster(tmp_path) as (master, http, agent):
            framework = Owner(http, master)
            await framework.subscribe("web")
            offer = await framework.offer(with_volume=False)
            await framework.accept(offer, RESERVE, CREATE)
            assert [await framework.ended() for _ in range(2)] == [
                ("reserve", "OPERATION_FINISHED"),
                ("create", "OPERATION_FINISHED"),
            ]
            offer = await framework.offer(with_volume=True)
            assert await framework.launch(offer, "writer", "echo kept > data/file") == RUN_TO_END
            path = tmp_path / "work/volumes/roles/web/v1"
            assert (path / "file").read_text() == "kept\n"

            await until(lambda: not agent.machine.state.frameworks, "the end of the task is acknowledged")
            await agent.stop()
            await until(lambda: not master.machine.state.offers, "its offers are taken back")
            with supervisors_ended(tmp_path):
                again = make_agent(tmp_path, f"127.0.0.1:{master.port}")
                await again.start()
                try:
                    offer = await framework.offer(with_volume=True)
                    assert (
                        await framework.launch(offer, "reader", "test kept = $(cat data/file)") == RUN_TO_END
                    )
                    offer = await framework.offer(with_volume=True)
                    await framework.accept(offer, DESTROY, UNRESERVE)
                    assert [await framework.ended() for _ in range(2)] == [
                        ("destroy", "OPERATION_FINISHED"),
                        ("unreserve", "OPERATION_FINISHED"),
                    ]
                    assert not path.exists()
                    known = master.machine.state.agents[offer["agent_id"]["value"]]
                    assert not known.total.reserved()
                    assert not again.machine.state.total.reserved()
                    await until(lambda: not again.machine.state.operations, "all ends are acknowledged")
                finally:
                    await again.stop()

    run(body)


def test_all_in_one_call(tmp_path: Path) -> None:
    async def body() -> None:
        async with cluster(tmp_path) as (master, http, _):
            framework = Owner(http, master)
            await framework.subscribe("web")
            offer = await framework.offer(with_volume=False)
            states = await framework.launch(offer, "writer", "echo 1 > data/file", RESERVE, CREATE)
            assert states == RUN_TO_END
            assert (tmp_path / "work/volumes/roles/web/v1/file").read_text() == "1\n"

    run(body)
