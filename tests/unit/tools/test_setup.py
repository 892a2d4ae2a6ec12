"""What `tools/setup.sh` does without a network: it leaves alone what is done, and says what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("pyproject.toml", "tools/setup.sh", "tools/install_pymesos.py")
LIMIT_S = 60


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with only what the set-up reads, and a PATH of its own in `bin`."""
    path = tmp_path / "a checkout"
    for name in SOURCES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path / name)
    (path / "bin").mkdir()
    return path


def program(checkout: Path, name: str, script: str) -> str:
    """Put a program in front of all others."""
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def set_up(checkout: Path, python: str, purpose: str = "run") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "tools/setup.sh", python, ".venv", purpose],
        cwd=checkout,
        env={"PATH": f"{checkout}/bin:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def finished(checkout: Path, purpose: str, home: Path) -> None:
    """Leave what a complete set-up leaves."""
    stamp = subprocess.run(["cksum", *SOURCES], cwd=checkout, capture_output=True, check=True).stdout
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (checkout / ".venv" / f".{purpose}").write_bytes(stamp)
    (checkout / ".venv" / ".home").write_text(f"{home}\n")


def test_what_is_done_is_not_done_again(checkout: Path) -> None:
    finished(checkout, "run", checkout)
    done = set_up(checkout, "/no/such/python")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("change", ["moved", "cut short", "its Python is gone"])
def test_an_environment_that_is_not_whole_is_made_again(checkout: Path, change: str) -> None:
    finished(checkout, "run", checkout.parent if change == "moved" else checkout)
    if change == "cut short":
        (checkout / ".venv" / ".home").unlink()
    if change == "its Python is gone":
        (checkout / ".venv" / "bin" / "python").unlink()
    done = set_up(checkout, "/no/such/python")
    assert done.returncode == 1
    assert "there is no /no/such/python: give the path of Python 3.11 or newer as PYTHON=" in done.stderr


def test_a_python_that_is_too_old_is_refused(checkout: Path) -> None:
    old = program(checkout, "old", '[ "$1" = -V ] && echo "Python 3.9.2"; exit 1')
    done = set_up(checkout, old)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{old} is Python 3.9.2, and 3.11 or newer is needed" in done.stderr


@pytest.fixture
def debian(checkout: Path) -> Path:
    """A Debian whose Python comes without its package for virtual environments."""
    says_itself = 'case "$2" in *realpath*) echo "$0";; *ensurepip*) exit 1;; esac'
    python = program(checkout, "python3", says_itself)
    program(checkout, "realpath", f"echo '{python}'")
    program(checkout, "apt-get", 'echo "apt-get $*" >>log; echo broken mirror >&2; exit 100')
    return checkout


def test_who_may_not_install_is_told_what_to_install(debian: Path) -> None:
    program(debian, "id", "echo 1000")
    done = set_up(debian, "python3")
    assert done.returncode == 1
    assert "please run 'apt-get install python3-venv' as root" in done.stderr
    assert not (debian / "log").exists()


def test_a_package_that_cannot_be_installed_is_named(debian: Path) -> None:
    program(debian, "id", "echo 0")
    done = set_up(debian, "python3")
    assert done.returncode == 1
    assert "broken mirror" in done.stderr
    assert "apt-get could not install python3-venv (see above)" in done.stderr
    assert "install -y" in (debian / "log").read_text()
