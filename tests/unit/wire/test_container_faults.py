"""A container that this agent cannot run is refused, not run without what makes it one."""

from __future__ import annotations

from meseta.wire.container_faults import unsupported
from meseta.wire.gen import mesos_pb2 as m


def test_plain_containers_can_be_run() -> None:
    assert unsupported(b"") is None
    assert unsupported(m.ContainerInfo(type=m.ContainerInfo.MESOS).SerializeToString()) is None


def test_docker_containers_cannot() -> None:
    info = m.ContainerInfo(type=m.ContainerInfo.DOCKER)
    info.docker.image = "busybox"
    assert "no Docker containers" in (unsupported(info.SerializeToString()) or "")


def test_images_cannot() -> None:
    info = m.ContainerInfo(type=m.ContainerInfo.MESOS)
    info.mesos.image.type = m.Image.DOCKER
    assert "no images" in (unsupported(info.SerializeToString()) or "")
