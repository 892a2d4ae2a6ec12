"""The interfaces of the classic driver API: what a scheduler or executor overrides.

All callbacks are called on one thread, one after the other; their arguments are messages of
`meseta.wire.gen.mesos_pb2`. Names are those of Mesos, "slave" included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meseta.wire.gen import mesos_pb2

if TYPE_CHECKING:
    from meseta.sdk.executor_driver import MesosExecutorDriver
    from meseta.sdk.scheduler_driver import MesosSchedulerDriver


class Scheduler:
    """Base of classic schedulers. Methods that are not overridden do nothing."""

    def registered(
        self,
        driver: MesosSchedulerDriver,
        frameworkId: mesos_pb2.FrameworkID,
        masterInfo: mesos_pb2.MasterInfo,
    ) -> None:
        """The framework is subscribed for the first time."""

    def reregistered(self, driver: MesosSchedulerDriver, masterInfo: mesos_pb2.MasterInfo) -> None:
        """The framework is subscribed again, after the master or the connection was lost."""

    def disconnected(self, driver: MesosSchedulerDriver) -> None:
        """The subscription is lost; all offers are void. The driver subscribes again by itself."""

    def resourceOffers(self, driver: MesosSchedulerDriver, offers: list[mesos_pb2.Offer]) -> None:
        """There are offers: accept or decline each of them."""

    def offerRescinded(self, driver: MesosSchedulerDriver, offerId: mesos_pb2.OfferID) -> None:
        """An offer is void."""

    def statusUpdate(self, driver: MesosSchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        """A task changed its state. With implicit acknowledgements, returning acknowledges this."""

    def frameworkMessage(
        self,
        driver: MesosSchedulerDriver,
        executorId: mesos_pb2.ExecutorID,
        slaveId: mesos_pb2.AgentID,
        message: bytes,
    ) -> None:
        """An executor sent something."""

    def slaveLost(self, driver: MesosSchedulerDriver, slaveId: mesos_pb2.AgentID) -> None:
        """An agent is gone."""

    def executorLost(
        self,
        driver: MesosSchedulerDriver,
        executorId: mesos_pb2.ExecutorID,
        slaveId: mesos_pb2.AgentID,
        status: int,
    ) -> None:
        """An executor ended, with this raw wait status."""

    def error(self, driver: MesosSchedulerDriver, message: str) -> None:
        """The master ended the framework, or the driver failed: it has been aborted."""


class Executor:
    """Base of classic executors. Methods that are not overridden do nothing."""

    def registered(
        self,
        driver: MesosExecutorDriver,
        executorInfo: mesos_pb2.ExecutorInfo,
        frameworkInfo: mesos_pb2.FrameworkInfo,
        slaveInfo: mesos_pb2.AgentInfo,
    ) -> None:
        """The executor is subscribed for the first time."""

    def reregistered(self, driver: MesosExecutorDriver, slaveInfo: mesos_pb2.AgentInfo) -> None:
        """The executor is subscribed again, after its agent had restarted."""

    def disconnected(self, driver: MesosExecutorDriver) -> None:
        """The agent is away for now."""

    def launchTask(self, driver: MesosExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        """There is a task to run. Start it and return: other callbacks wait meanwhile."""

    def killTask(self, driver: MesosExecutorDriver, taskId: mesos_pb2.TaskID) -> None:
        """A task is to end."""

    def frameworkMessage(self, driver: MesosExecutorDriver, message: bytes) -> None:
        """The scheduler sent something."""

    def shutdown(self, driver: MesosExecutorDriver) -> None:
        """End all tasks; after that the driver stops."""

    def error(self, driver: MesosExecutorDriver, message: str) -> None:
        """The agent has no use for this executor."""
