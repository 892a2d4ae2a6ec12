"""What tasks have written: files in their sandboxes, read over the agent's API."""

from __future__ import annotations

from typing import Any

from meseta.cli.endpoint import Cluster
from meseta.wire.gen import agent_pb2

CHUNK_BYTES = 64 * 1024
"""The most that a Mesos agent gives at once (16 pages)."""


def sandbox_path(framework_id: str, executor_id: str, container_id: dict[str, Any] | None) -> str:
    """Return the virtual path of a task's sandbox on its agent.

    A task that runs alone has the sandbox of its executor; one of a group has a container of its own, whose
    sandbox is below that of the executor's.
    """
    path = f"/frameworks/{framework_id}/executors/{executor_id}/runs/latest"
    return path + "".join(f"/containers/{name}" for name in _nested(container_id))


def _nested(container_id: dict[str, Any] | None) -> list[str]:
    """Return the ids on the way from the outermost container, without that, to this one."""
    names: list[str] = []
    while container_id is not None and "parent" in container_id:
        names.insert(0, container_id["value"])
        container_id = container_id["parent"]
    return names


class SandboxFile:
    """A file that grows, read from its start on."""

    def __init__(self, cluster: Cluster, agent_id: str, path: str) -> None:
        self._cluster = cluster
        self._agent_id = agent_id
        self._path = path
        self._offset = 0
        self.exists = False
        """Whether it was there when last looked for."""

    async def read_on(self) -> bytes:
        """Return what has been written since, at most CHUNK_BYTES; nothing if it is not there (yet).

        Raises UnreachableError and the errors of `Cluster`.
        """
        call = agent_pb2.Call(type=agent_pb2.Call.READ_FILE)
        call.read_file.path = self._path
        call.read_file.offset = self._offset
        call.read_file.length = CHUNK_BYTES
        url = await self._cluster.agent_url(self._agent_id)
        answer = await self._cluster.call_agent(url, call)
        self.exists = answer is not None
        data = answer.read_file.data if answer is not None else b""
        self._offset += len(data)
        return data

    async def read_rest(self) -> bytes:
        """Return everything that has been written since."""
        chunks = []
        while chunk := await self.read_on():
            chunks.append(chunk)
        return b"".join(chunks)
