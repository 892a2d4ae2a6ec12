"""The layout of an agent's directories is that of Mesos: tools and people look there."""

from __future__ import annotations

from meseta.agent import paths
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId

RUN = (AgentId("m-S0"), FrameworkId("m-0000"), ExecutorId("e"), ContainerId("c1"))
SANDBOX = "slaves/m-S0/frameworks/m-0000/executors/e/runs/c1"


def test_sandboxes() -> None:
    assert paths.run_dir(*RUN) == SANDBOX
    nested = ContainerId("c1.c2.c3")
    assert paths.run_dir(*RUN[:3], nested) == f"{SANDBOX}/containers/c2/containers/c3"
    assert paths.latest_run(*RUN[:3]) == "slaves/m-S0/frameworks/m-0000/executors/e/runs/latest"
    assert paths.standalone_dir(ContainerId("c1.c2")) == "containers/c1/containers/c2"
    assert paths.volume_dir("eng/web", "v") == "volumes/roles/eng/web/v"
    assert paths.virtual_run(*RUN[1:3]) == "/frameworks/m-0000/executors/e/runs/latest"


def test_checkpoints() -> None:
    meta = f"meta/{SANDBOX}"
    assert paths.agent_info(RUN[0]) == "meta/slaves/m-S0/slave.info"
    assert paths.framework_pid(*RUN[:2]) == "meta/slaves/m-S0/frameworks/m-0000/framework.pid"
    assert paths.executor_info(*RUN[:3]) == "meta/slaves/m-S0/frameworks/m-0000/executors/e/executor.info"
    assert paths.forked_pid(*RUN) == f"{meta}/pids/forked.pid"
    assert paths.sentinel(*RUN) == f"{meta}/executor.sentinel"
    assert paths.task_dir(*RUN, TaskId("t")) == f"{meta}/tasks/t"
    assert paths.RESOURCES_STATE == "meta/resources/resources_and_operations.state"
    assert paths.LATEST_AGENT == "meta/slaves/latest"
