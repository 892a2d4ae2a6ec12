"""Whether there is still a machine at the other end of a connection: only the kernel can tell.

It acknowledges for a process that hangs, and a proxy acknowledges for a machine behind it. Once such a
process has no room for more, its kernel is asked now and then whether it has again, and answers. The count of
those questions may stay at one although it was answered: on the same machine the answer may come before the
question is counted. So only two without an answer say something; as they are asked ever less often, one that
had hung for long before its machine vanished is missed later.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

_TCP_INFO = struct.Struct("=3xB20xI28xI")
"""Of Linux's `struct tcp_info`: `probes`, `unacked` and `last_ack_recv`. It only ever grows, at its end."""
_PROBES_ANSWERED_MAX = 1


def acknowledges(connection: Any, within_s: float) -> bool:
    """Tell whether a peer owes its kernel's answer to nothing, or gave one within the last seconds.

    `connection` is a transport's socket. What has no such answers, as a Unix socket, is on this machine.
    """
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return True
    window_probes, unacknowledged, since_ack_ms = _TCP_INFO.unpack(info)
    owes = unacknowledged or window_probes > _PROBES_ANSWERED_MAX
    return not owes or since_ack_ms <= 1000 * within_s
