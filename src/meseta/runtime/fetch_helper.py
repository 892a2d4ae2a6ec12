"""The program that fetches: it downloads, copies and extracts as the user of the task.

    python -m meseta.runtime.fetch_helper < plan.json

A process of its own, because what a task may read (`file:///etc/shadow`) and where it may write must be
decided by the kernel, for its user, and because a download that hangs must be killed. It starts as the
agent's user, since another user may not even read this file, and changes the user before the first step.

The plan is `{"user": …, "log": …, "stall_timeout_s": …, "bytes_max": …, "steps": [[name, argument, …], …]}`.
The answer on standard output is `{"bytes": [what each download brought]}` or `{"error": reason, "step": n}`.
"""

from __future__ import annotations

import bz2
import encodings.idna
import ftplib
import http.client
import json
import lzma
import mimetypes
import os
import pwd
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any, BinaryIO, NoReturn

from meseta.runtime.archives import ArchiveError, extract

# Used by other modules in the middle of the work, when the user may have lost the right to read them.
_NEEDED_LATER = (bz2, encodings.idna, ftplib, lzma, mimetypes)

COPY_BYTES = 1 << 20
NET_SCHEMES = ("http://", "https://", "ftp://")


class StepError(Exception):
    """A step fails; the message says why, the caller knows for which URI."""


class Helper:
    """Performs the steps of one plan: one method for each kind of step."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._stall_timeout_s: float = plan["stall_timeout_s"]
        self._bytes_max: int | None = plan["bytes_max"]
        self._log_path: str = plan["log"]
        self.downloaded: list[int] = []

    def run(self, step: list[str]) -> None:
        """Perform one step; raises `StepError` or `OSError`."""
        name, *arguments = step
        getattr(self, f"step_{name}")(*arguments)

    def step_download(self, uri: str, path: str) -> None:
        """Bring what `uri` names to `path`, making directories."""
        self._log(f"Downloading {uri} to {path}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if uri.startswith(NET_SCHEMES):
            self._download_net(uri, path)
        elif uri.startswith("ftps://"):
            download_with_curl(uri, path, self._stall_timeout_s)
        elif "://" in uri:
            download_with_hadoop(uri, path)
        else:
            self._copy_file(uri, path)
        self.downloaded.append(os.path.getsize(path))

    def step_copy(self, source: str, path: str) -> None:
        """Copy a file of the cache to `path`, making directories."""
        self._log(f"Copying {path} from the cache")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._copy_file(source, path)

    def step_chmod(self, path: str) -> None:
        """Make `path` executable for all."""
        os.chmod(path, 0o755)

    def step_extract(self, archive: str, directory: str, name: str) -> None:
        """Extract `archive` into `directory`; what it is, is told by `name`."""
        self._log(f"Extracting {name} into {directory}")
        extract(archive, directory, name)

    def _download_net(self, uri: str, path: str) -> None:
        try:
            with urllib.request.urlopen(uri, timeout=self._stall_timeout_s) as response:
                if response.status not in (200, None):
                    raise StepError(f"the server answers with status {response.status}")
                expected = response.headers.get("Content-Length")
                size = self._save(response, path)
        except urllib.error.HTTPError as error:
            raise StepError(f"the server answers with status {error.code}") from error
        except urllib.error.URLError as error:
            raise StepError(f"the server cannot be reached: {error.reason}") from error
        except http.client.HTTPException as error:
            raise StepError(f"the server's answer is broken: {error!r}") from error
        except TimeoutError as error:
            raise StepError(f"nothing came for {self._stall_timeout_s:g} s") from error
        if expected is not None and size != int(expected):
            raise StepError(f"the connection broke after {size} of {expected} bytes")

    def _copy_file(self, source: str, path: str) -> None:
        with open(source, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StepError(f"{source} is not a file")
            self._save(file, path)
            os.chmod(path, os.fstat(file.fileno()).st_mode & 0o755)

    def _save(self, source: BinaryIO, path: str) -> int:
        size = 0
        with open(path, "wb") as file:
            while data := source.read(COPY_BYTES):
                size += len(data)
                if self._bytes_max is not None and size > self._bytes_max:
                    raise StepError(f"it is larger than {self._bytes_max} bytes")
                file.write(data)
        return size

    def _log(self, text: str) -> None:
        """Tell the owner of the task, in its stderr."""
        if self._log_path:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            with open(os.open(self._log_path, flags, 0o644), "w") as file:
                file.write(f"{text}\n")


def download_with_curl(uri: str, path: str, stall_timeout_s: float) -> None:
    """Let curl fetch what Python's library does not know: FTP within TLS from the first byte on."""
    curl = shutil.which("curl")
    if curl is None:
        raise StepError("its scheme needs curl, which is not in PATH")
    stall = ["--connect-timeout", f"{stall_timeout_s:g}", "--speed-time", f"{max(1, round(stall_timeout_s))}"]
    done = subprocess.run(
        [curl, "--silent", "--show-error", "--fail", *stall, "--output", path, "--", uri],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise StepError(f"curl failed: {done.stderr.strip()[-500:] or done.returncode}")


def download_with_hadoop(uri: str, path: str) -> None:
    """Let the hadoop client fetch what only it knows, such as hdfs://."""
    home = os.environ.get("HADOOP_HOME")
    hadoop = os.path.join(home, "bin", "hadoop") if home else shutil.which("hadoop")
    if hadoop is None:
        raise StepError("its scheme needs the hadoop client, which is not in HADOOP_HOME or PATH")
    done = subprocess.run(
        [hadoop, "fs", "-copyToLocal", uri, path], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise StepError(f"the hadoop client failed: {done.stderr.strip()[-500:] or done.returncode}")


def become(user: str) -> None:
    """Give up all rights but those of `user`."""
    entry = pwd.getpwnam(user)
    if entry.pw_uid == os.geteuid():
        return
    os.setgroups(os.getgrouplist(user, entry.pw_gid))
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def fail(reason: str, step: int) -> NoReturn:
    """Answer with an error and exit."""
    print(json.dumps({"error": reason, "step": step}))
    sys.exit(1)


def main() -> None:
    """Perform the plan on standard input."""
    plan = json.load(sys.stdin)
    if plan["user"] is not None:
        try:
            become(plan["user"])
        except (KeyError, OSError) as error:
            fail(f"becoming the user '{plan['user']}' failed: {error}", 0)
    helper = Helper(plan)
    for number, step in enumerate(plan["steps"]):
        try:
            helper.run(step)
        except (StepError, ArchiveError, ValueError) as error:
            fail(str(error), number)
        except OSError as error:
            fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), number)
    print(json.dumps({"bytes": helper.downloaded}))


if __name__ == "__main__":
    main()
