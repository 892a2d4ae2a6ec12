"""A framework that floods a master with calls: `python -m tests.integration.flood ADDRESS CALLS READS`."""

from __future__ import annotations

import socket
import sys
import threading

from meseta.wire.gen import scheduler_pb2 as s
from tests.integration.bad_input_kit import HttpScheduler, raw_request

BATCH = 1000


def main(address: str, calls: int, reads: bool) -> None:
    """Subscribe, then call without waiting for answers; without `reads` nothing of them is read either."""
    host, _, port = address.partition(":")
    stream = socket.create_connection((host, int(port)))
    stream.sendall(raw_request(HttpScheduler(address, wants_offers=False).subscription))
    told = b""
    while b"framework_id" not in told and told.count(b"\n") < 8:
        told += stream.recv(1 << 16)
    stream_id = told.split(b"Mesos-Stream-Id: ")[1].split(b"\r\n")[0].decode()
    event = s.Event.FromString(told.partition(b"\r\n\r\n")[2].split(b"\n", 2)[2].split(b"\r\n")[0])
    call = s.Call(type=s.Call.RECONCILE, framework_id=event.subscribed.framework_id)
    call.reconcile.tasks.add().task_id.value = "x"
    line = socket.create_connection((host, int(port)))
    for each in (stream, line) if reads else (stream,):
        threading.Thread(target=drain, args=(each,), daemon=True).start()
    batch = raw_request(call, stream_id) * BATCH
    print("flooding", flush=True)
    for _ in range(calls // BATCH):
        line.sendall(batch)


def drain(each: socket.socket) -> None:
    """Read and forget."""
    while each.recv(1 << 20):
        pass


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True")
