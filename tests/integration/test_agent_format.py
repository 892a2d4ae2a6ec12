"""An agent that finds checkpoints of a newer version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from meseta.daemon.process import EXIT_CONFIG

RUN_AGENT = "import sys; from meseta.daemon.agent import main; sys.exit(main(sys.argv[1:]))"


def test_an_agent_refuses_checkpoints_of_a_newer_version(tmp_path: Path) -> None:
    mark = tmp_path / "work" / "meta" / "format"
    mark.parent.mkdir(parents=True)
    mark.write_text("99")
    command = [sys.executable, "-c", RUN_AGENT, "--master=127.0.0.1:1", "--ip=127.0.0.1", "--port=0"]
    command += [f"--work_dir={tmp_path}/work", f"--runtime_dir={tmp_path}/run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == EXIT_CONFIG
    assert "a newer Meseta has written the checkpoints" in done.stderr
    assert "Traceback" not in done.stderr
    assert mark.read_text() == "99"
    assert [path.name for path in (tmp_path / "work" / "meta").iterdir()] == ["format"]
