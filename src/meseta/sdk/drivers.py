"""The classic driver API, with the names that programs written for Mesos use."""

from meseta.sdk.callbacks import Executor, Scheduler
from meseta.sdk.executor_driver import MesosExecutorDriver
from meseta.sdk.scheduler_driver import MesosSchedulerDriver

__all__ = ["Executor", "MesosExecutorDriver", "MesosSchedulerDriver", "Scheduler"]
