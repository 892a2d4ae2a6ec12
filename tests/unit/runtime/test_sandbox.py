from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meseta.agent import paths
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId
from meseta.runtime import sandbox
from meseta.runtime.sandbox import RunPath, SandboxError

AGENT, FRAMEWORK = AgentId("m-S0"), FrameworkId("m-0000")
EXECUTOR, CONTAINER = ExecutorId("e"), ContainerId("c1")
NESTED = ContainerId("c2")
WORK = "/var/lib/mesos/agent"


def test_a_path_says_to_whom_it_belongs() -> None:
    run = f"{WORK}/{paths.run_dir(AGENT, FRAMEWORK, EXECUTOR, CONTAINER)}"
    for path in (run, f"{run}/containers/c2/stdout"):
        assert sandbox.parse_run_dir(WORK, path) == RunPath(AGENT, FRAMEWORK, EXECUTOR, CONTAINER)
    for path in (WORK, "/elsewhere", f"{WORK}/slaves/m-S0", f"{WORK}/containers/c"):
        assert sandbox.parse_run_dir(WORK, path) is None


def test_a_sandbox_has_its_mode_and_is_the_latest(tmp_path: Path) -> None:
    first = sandbox.create_sandbox(str(tmp_path / "runs" / "c1"), None)
    second = sandbox.create_sandbox(str(tmp_path / "runs" / "c2"), None)
    assert stat.S_IMODE(os.stat(first).st_mode) == 0o750
    assert stat.S_IMODE(os.stat(tmp_path / "runs").st_mode) == 0o755
    assert os.readlink(tmp_path / "runs" / "latest") == second
    assert sorted(os.listdir(tmp_path / "runs")) == ["c1", "c2", "latest"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_a_sandbox_belongs_to_the_user_of_the_task(tmp_path: Path) -> None:
    path = sandbox.create_sandbox(str(tmp_path / "runs" / "c1"), "nobody")
    nested = sandbox.create_nested_sandbox(path, NESTED, "nobody")
    assert Path(path).owner() == Path(nested).owner() == "nobody"
    assert Path(path).parent.owner() == "root"


def test_an_unknown_user_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no user 'no-such-user'"):
        sandbox.create_sandbox(str(tmp_path / "c"), "no-such-user")


def test_a_task_of_a_pod_is_found_by_its_id(tmp_path: Path) -> None:
    path = sandbox.create_sandbox(str(tmp_path / "c1"), None)
    nested = sandbox.create_nested_sandbox(path, NESTED, None)
    assert nested == f"{path}/containers/c2"
    sandbox.link_task(path, TaskId("t"), nested)
    assert os.readlink(f"{path}/tasks/t") == nested


@pytest.mark.parametrize("planted", ["containers", "containers/c2"])
def test_a_planted_link_does_not_move_a_nested_sandbox(tmp_path: Path, planted: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    path = Path(sandbox.create_sandbox(str(tmp_path / "c1"), None))
    (path / planted).parent.mkdir(exist_ok=True)
    (path / planted).symlink_to(victim)
    with pytest.raises(SandboxError, match="Cannot create the sandbox"):
        sandbox.create_nested_sandbox(str(path), NESTED, None)
    assert os.listdir(victim) == []


def test_a_planted_link_does_not_move_the_link_to_a_task(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    path = Path(sandbox.create_sandbox(str(tmp_path / "c1"), None))
    (path / "tasks").symlink_to(victim)
    with pytest.raises(SandboxError, match="Cannot link the task 'passwd'"):
        sandbox.link_task(str(path), TaskId("passwd"), "/somewhere")
    assert os.listdir(victim) == []
