"""Where an agent keeps what, as text: the layout of Mesos, so that tools and people find their way.

    <work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>     sandboxes
    <work_dir>/slaves/…/runs/<container>/containers/<nested>                                   nested ones
    <work_dir>/containers/<container>                                                          standalone ones
    <work_dir>/volumes/roles/<role>/<persistence id>                                           volumes
    <work_dir>/meta/slaves/<agent>/frameworks/<framework>/…                                    checkpoints

All functions return paths relative to the work directory. Nothing here touches a disk.
"""

from __future__ import annotations

from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId

META = "meta"
AGENTS = "slaves"
LATEST = "latest"
BOOT_ID = f"{META}/boot_id"
FORMAT = f"{META}/format"
"""Which version of checkpoints there are."""
RESOURCES_STATE = f"{META}/resources/resources_and_operations.state"
LATEST_AGENT = f"{META}/{AGENTS}/{LATEST}"


def agent_dir(agent: AgentId) -> str:
    """Sandboxes of everything that ran under this agent id."""
    return f"{AGENTS}/{agent}"


def framework_dir(agent: AgentId, framework: FrameworkId) -> str:
    """Sandboxes of one framework."""
    return f"{AGENTS}/{agent}/frameworks/{framework}"


def executor_dir(agent: AgentId, framework: FrameworkId, executor: ExecutorId) -> str:
    """Sandboxes of all runs of one executor."""
    return f"{framework_dir(agent, framework)}/executors/{executor}"


def run_dir(agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId) -> str:
    """Sandbox of one run of an executor, or of a container nested in it (`parent.child`)."""
    top, *nested = container.split(".")
    path = f"{executor_dir(agent, framework, executor)}/runs/{top}"
    return "/containers/".join((path, *nested))


def latest_run(agent: AgentId, framework: FrameworkId, executor: ExecutorId) -> str:
    """Symbolic link to the newest run of an executor."""
    return f"{executor_dir(agent, framework, executor)}/runs/{LATEST}"


def standalone_dir(container: ContainerId) -> str:
    """Sandbox of a container that belongs to no executor, or of one nested in it."""
    return "containers/" + "/containers/".join(container.split("."))


def volume_dir(role: str, persistence_id: str) -> str:
    """Directory of a persistent volume."""
    return f"volumes/roles/{role}/{persistence_id}"


def agent_info(agent: AgentId) -> str:
    """Checkpoint of what the agent said of itself."""
    return f"{META}/{agent_dir(agent)}/slave.info"


def drain_config(agent: AgentId) -> str:
    """Checkpoint of how the agent is to be emptied; there while it is."""
    return f"{META}/{agent_dir(agent)}/drain.config"


def framework_info(agent: AgentId, framework: FrameworkId) -> str:
    """Checkpoint of a framework's description."""
    return f"{META}/{framework_dir(agent, framework)}/framework.info"


def framework_pid(agent: AgentId, framework: FrameworkId) -> str:
    """Checkpoint of a framework's pid; `@0.0.0.0:0` for those on HTTP."""
    return f"{META}/{framework_dir(agent, framework)}/framework.pid"


def executor_info(agent: AgentId, framework: FrameworkId, executor: ExecutorId) -> str:
    """Checkpoint of an executor's description."""
    return f"{META}/{executor_dir(agent, framework, executor)}/executor.info"


def generated_marker(agent: AgentId, framework: FrameworkId, executor: ExecutorId) -> str:
    """Whether the executor was made for a command task: "1" or "0"."""
    return f"{META}/{executor_dir(agent, framework, executor)}/executor_generated_for_command_task"


def meta_run_dir(agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId) -> str:
    """Checkpoints of one run."""
    return f"{META}/{run_dir(agent, framework, executor, container)}"


def forked_pid(agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId) -> str:
    """Checkpoint of the process id of a run's first process."""
    return f"{meta_run_dir(agent, framework, executor, container)}/pids/forked.pid"


def libprocess_pid(
    agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId
) -> str:
    """Checkpoint of where a v0 executor listens."""
    return f"{meta_run_dir(agent, framework, executor, container)}/pids/libprocess.pid"


def http_marker(agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId) -> str:
    """There if the executor subscribed over HTTP."""
    return f"{meta_run_dir(agent, framework, executor, container)}/http.marker"


def sentinel(agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId) -> str:
    """There if the end of the run has been dealt with."""
    return f"{meta_run_dir(agent, framework, executor, container)}/executor.sentinel"


def task_dir(
    agent: AgentId, framework: FrameworkId, executor: ExecutorId, container: ContainerId, task: TaskId
) -> str:
    """Checkpoints of one task."""
    return f"{meta_run_dir(agent, framework, executor, container)}/tasks/{task}"


def virtual_run(framework: FrameworkId, executor: ExecutorId) -> str:
    """The name under which the files API shows an executor's newest sandbox."""
    return f"/frameworks/{framework}/executors/{executor}/runs/{LATEST}"
