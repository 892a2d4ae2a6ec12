"""Frameworks and executors in Python: `Scheduler` and `serve` for asyncio, `meseta.sdk.drivers` for the
classic callback API. Both speak the v1 HTTP APIs, to Meseta and to Mesos.
"""

from meseta.records import TaskState
from meseta.sdk.desk import Failure, Message, Revocation
from meseta.sdk.executor import Executor, ExecutorTask, Kill, serve
from meseta.sdk.faults import (
    CallLostError,
    CallRefusedError,
    EndedError,
    NotSubscribedError,
    OfferError,
    SdkError,
)
from meseta.sdk.offers import Offer
from meseta.sdk.scheduler import Scheduler
from meseta.sdk.specs import Command, ExecutorSpec, Task, Uri
from meseta.sdk.tasks import TaskHandle, TaskUpdate

__all__ = [
    "CallLostError",
    "CallRefusedError",
    "Command",
    "EndedError",
    "Executor",
    "ExecutorSpec",
    "ExecutorTask",
    "Failure",
    "Kill",
    "Message",
    "NotSubscribedError",
    "Offer",
    "OfferError",
    "Revocation",
    "Scheduler",
    "SdkError",
    "Task",
    "TaskHandle",
    "TaskState",
    "TaskUpdate",
    "Uri",
    "serve",
]
