"""Persistent volumes: directories that outlive the tasks that use them.

A volume is made when its resource comes into the agent's total, and removed with all that is in it when the
resource goes. While a task uses it, a link in the sandbox leads to it (Mesos: filesystem/posix).

    disk without a source    <work_dir>/volumes/roles/<role>/<persistence id>
    PATH                     <root>/volumes/roles/<role>/<persistence id>; a relative root is below work_dir
    MOUNT                    <root> itself: only what is in it is removed
"""

from __future__ import annotations

from meseta.agent import paths
from meseta.agent.effects import MakeVolume, RemoveVolume
from meseta.agent.state import State
from meseta.containers.effects import VolumeLink
from meseta.resources import Disk, DiskType, Kind, Resources

Volumes = dict[str, Kind]
"""Volumes by their absolute path."""


def links_of(state: State, resources: Resources) -> tuple[VolumeLink, ...]:
    """Return the links that a sandbox needs for the volumes among `resources`.

    Only plain names can be linked without following what a task may have put in the way; Mesos leaves out
    other paths too.
    """
    links = []
    for path, kind in _volumes(state, resources).items():
        name = None if kind.disk is None else kind.disk.container_path
        if name and "/" not in name and name not in (".", ".."):
            links.append(VolumeLink(name=name, path=path, shared=kind.shared))
    return tuple(links)


def make_all(state: State) -> None:
    """Make the volumes of the agent's total that are not there: an operation may have been cut off."""
    for path in _volumes(state, state.total):
        state.out.append(MakeVolume(path))


def follow(state: State, before: Resources) -> None:
    """Make the volumes that came into the total since it was `before`, and remove those that went."""
    old, new = _volumes(state, before), _volumes(state, state.total)
    for path, kind in old.items():
        if path not in new:
            state.out.append(RemoveVolume(path, is_mount=_is_mount(kind.disk)))
    for path in new:
        if path not in old:
            state.out.append(MakeVolume(path))


def _volumes(state: State, resources: Resources) -> Volumes:
    found: Volumes = {}
    for kind, _, _ in resources.persistent_volumes().entries():
        assert kind.disk is not None
        assert kind.disk.persistence_id is not None, "a volume has an id"
        found[_path(state, kind, kind.disk, kind.disk.persistence_id)] = kind
    return found


def _path(state: State, kind: Kind, disk: Disk, persistence_id: str) -> str:
    work_dir = state.config.work_dir
    root = work_dir
    if disk.source_type in (DiskType.PATH, DiskType.MOUNT) and disk.source_root is not None:
        root = disk.source_root if disk.source_root.startswith("/") else f"{work_dir}/{disk.source_root}"
    if _is_mount(disk):
        return root
    return f"{root}/{paths.volume_dir(kind.role, persistence_id)}"


def _is_mount(disk: Disk | None) -> bool:
    return disk is not None and disk.source_type is DiskType.MOUNT
