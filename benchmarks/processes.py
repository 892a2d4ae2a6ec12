"""Masters in processes of their own, and what a process has cost so far."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def start_master(port: int = 0, *flags: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start a master process; return it and its pid text."""
    command = [
        sys.executable,
        "-c",
        "import sys; from meseta.daemon.master import main; sys.exit(main(sys.argv[1:]))",
    ]
    process = subprocess.Popen(
        [*command, "--ip=127.0.0.1", f"--port={port}", "--hostname=localhost", *flags],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None, "asked for"
    said = ""
    for line in process.stderr:
        said += line.decode()
        if "listens at " in said:
            break
    else:
        raise RuntimeError(f"the master does not start:\n{said}")
    address = said.split("listens at ")[1].split()[0]
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process, f"master@{address}"


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
