"""How tasks, operations and resources are described to the master."""

from __future__ import annotations

from meseta.agent.effects import OperationReport, TaskReport
from meseta.agent.state import Executor, Framework, Operation, State, Task
from meseta.records import TaskRecord


def task_report(state: State, framework: Framework, executor: Executor, task: Task) -> TaskReport:
    """Describe a task as the wire's `Task` does. Command executors are not named there."""
    return TaskReport(
        TaskRecord(
            task_id=task.info.task_id,
            name=task.info.name,
            framework_id=framework.id,
            agent_id=state.agent_id(),
            executor_id=None if executor.command_task else executor.id,
            state=task.state,
            resources=task.info.resources,
            allocation_role=task.info.allocation_role,
            statuses=tuple(task.statuses),
            status_update_state=task.update_state,
            status_update_uuid=task.update_uuid,
        ),
        task.info,
    )


def operation_report(operation: Operation) -> OperationReport:
    """Describe an operation whose status is not acknowledged."""
    return OperationReport(
        operation_uuid=operation.uuid,
        operation=operation.operation,
        latest_status=operation.status,
        framework_id=operation.framework_id,
        statuses=(operation.status,),
    )
