"""What agents say to a master that still reads the registry."""

from __future__ import annotations

from meseta.api.early import OVERHEAD_BYTES, EarlyMessages
from meseta.api.messages import REPORT

REGISTER = "mesos.internal.RegisterSlaveMessage"


def test_the_newest_message_of_each_agent_is_kept_in_order() -> None:
    early = EarlyMessages()
    assert early.keep("master", "slave(1)@h:1", REGISTER, b"old")
    assert early.keep("master", "slave(1)@h:2", REPORT, b"other")
    assert early.keep("master", "slave(1)@h:1", REPORT, b"new")
    assert early.take(1) == [("master", "slave(1)@h:2", REPORT, b"other")]
    assert early.take(5) == [("master", "slave(1)@h:1", REPORT, b"new")]
    assert early.take(5) == []


def test_other_messages_are_not_kept() -> None:
    early = EarlyMessages()
    assert not early.keep("master", "slave(1)@h:1", "mesos.internal.PongSlaveMessage", b"")
    assert early.take(5) == []


def test_what_is_newer_replaces_what_was_kept() -> None:
    early = EarlyMessages()
    early.keep("master", "slave(1)@h:1", REPORT, b"old")
    early.forget("slave(1)@h:1")
    early.forget("slave(1)@h:2")
    assert early.take(5) == []


def test_there_is_a_limit_to_what_is_kept() -> None:
    early = EarlyMessages(bytes_max=2 * OVERHEAD_BYTES)
    for port in (1, 2):
        assert early.keep("master", f"slave(1)@h:{port}", REPORT, bytes(OVERHEAD_BYTES // 2))
    assert [sender for _, sender, _, _ in early.take(5)] == ["slave(1)@h:1"]
    assert early.keep("master", "slave(1)@h:3", REPORT, bytes(OVERHEAD_BYTES // 2))
    assert len(early.take(5)) == 1


def test_messages_without_a_body_count_too() -> None:
    """Whoever makes up senders must not fill the memory with empty messages, nor with long names."""
    early = EarlyMessages(bytes_max=10 * OVERHEAD_BYTES)
    for port in range(100):
        early.keep("master", f"slave(1)@h:{port}", REPORT, b"")
    assert len(early.take(100)) < 10
    early.keep("master", "s" * 10 * OVERHEAD_BYTES, REPORT, b"")
    early.keep("m" * 10 * OVERHEAD_BYTES, "slave(1)@h:1", REPORT, b"")
    assert early.take(100) == []
