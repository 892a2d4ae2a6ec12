"""Which containers this agent cannot run: those with an image, or made by Docker.

Running the command without its image would look like success and be something else.
"""

from __future__ import annotations

from meseta.wire.gen import mesos_pb2 as m


def unsupported(container: bytes) -> str | None:
    """Say why the container that a v1 ContainerInfo describes cannot be run here, if so."""
    if not container:
        return None
    info = m.ContainerInfo.FromString(container)
    if info.type == m.ContainerInfo.DOCKER:
        return "this agent runs no Docker containers: leave the ContainerInfo out, or give it the type MESOS"
    if info.mesos.HasField("image"):
        return "this agent runs no images: give the task a command that is on its machine"
    return None
