"""Raw messages that a framework or executor hands in and that lack required fields: it is told so at once."""

from __future__ import annotations

import pytest

from meseta.sdk import Scheduler, SdkError
from meseta.sdk import drivers as classic
from meseta.sdk.codec import check_complete
from meseta.wire.gen import mesos_pb2


def described_in_part() -> mesos_pb2.FrameworkInfo:
    info = mesos_pb2.FrameworkInfo(user="me", name="half")
    info.labels.labels.add(value="of nothing")
    info.meseta.roles["web"].demand["cpus"] = 1.0
    return info


def test_a_framework_that_is_described_in_part() -> None:
    with pytest.raises(SdkError, match=r"the FrameworkInfo cannot be sent: .*: labels.labels\[0\].key"):
        Scheduler("127.0.0.1:1", info=described_in_part())


def test_a_framework_of_a_driver_that_is_described_in_part() -> None:
    with pytest.raises(SdkError, match=r"missing required fields: labels.labels\[0\].key"):
        classic.MesosSchedulerDriver(classic.Scheduler(), described_in_part(), "127.0.0.1:1")


def test_what_is_complete_passes() -> None:
    check_complete(mesos_pb2.FrameworkInfo(user="me", name="whole"), "the FrameworkInfo")
