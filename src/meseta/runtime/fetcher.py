"""Brings what a task needs into its sandbox before it starts: CommandInfo.uris.

Each fetch is a plan of steps for the fetch helper, which runs as the user of the task. URIs that ask for it
go through a cache: one file for each user and URI, downloaded once however many wait for it, thrown out in
the order of last use when the space is needed. A file that does not fit is fetched around the cache.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from meseta.errors import MesetaError

CACHE_BYTES_DEFAULT = 2 << 30
CACHE_FILES_MAX = 10_000
STALL_TIMEOUT_S_DEFAULT = 60.0
HELPERS_MAX = 8
NAME_CHARACTERS_MAX = 60

ARCHIVE_SUFFIXES = (
    *(".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz"),
    *(".gz", ".zip"),
)

Step = tuple[str, ...]


class FetchError(MesetaError):
    """A URI cannot be fetched; the message names it and the reason."""


class FetchUri(NamedTuple):
    """What to fetch, the fields of CommandInfo.URI. `output_file` is relative to the sandbox."""

    value: str
    executable: bool = False
    extract: bool = True
    cache: bool = False
    output_file: str | None = None


class _Entry:
    """A file of the cache. It is not thrown out while `users` fetches need it."""

    __slots__ = ("download", "path", "size_bytes", "users")

    def __init__(self, path: str) -> None:
        self.path = path
        self.size_bytes = 0
        self.users = 0
        self.download: asyncio.Task[None] | None = None


_Key = tuple[str | None, str]


class Fetcher:
    """Fetches for all containers of an agent, and owns the cache; what an earlier run has cached is gone."""

    def __init__(
        self,
        cache_dir: str,
        *,
        cache_bytes_max: int = CACHE_BYTES_DEFAULT,
        frameworks_home: str | None = None,
        stall_timeout_s: float = STALL_TIMEOUT_S_DEFAULT,
        download_bytes_max: int | None = None,
    ) -> None:
        self._cache_dir = os.path.join(cache_dir, "files")
        self._cache_bytes_max = cache_bytes_max
        self._frameworks_home = frameworks_home
        self._stall_timeout_s = stall_timeout_s
        self._download_bytes_max = download_bytes_max
        self._entries: dict[_Key, _Entry] = {}
        self._files_made = 0
        self._threads = ThreadPoolExecutor(HELPERS_MAX, thread_name_prefix="fetch")
        self.succeeded = 0
        self.failed = 0
        self.cache_used_bytes = 0
        shutil.rmtree(self._cache_dir, ignore_errors=True)

    async def fetch(self, uris: Iterable[FetchUri], sandbox: str, user: str | None = None) -> None:
        """Fetch all `uris` into `sandbox`, in order, as `user`; raises `FetchError` for the first that fails.

        Cancelling it kills the helper.
        """
        try:
            await self._fetch(list(uris), sandbox, user)
        except BaseException:
            self.failed += 1
            raise
        self.succeeded += 1

    def close(self) -> None:
        """Take no more fetches; those under way end."""
        self._threads.shutdown(wait=False)

    async def _fetch(self, uris: list[FetchUri], sandbox: str, user: str | None) -> None:
        sources = [self._source(uri) for uri in uris]
        names = [_file_name(uri) for uri in uris]
        used: list[_Entry] = []
        try:
            steps: list[Step] = []
            owners: list[FetchUri] = []
            for uri, source, name in zip(uris, sources, names, strict=True):
                entry = await self._cached(uri, source, name, user) if uri.cache else None
                if entry is not None:
                    used.append(entry)
                part = _steps(uri, source, name, sandbox, entry.path if entry else None)
                steps += part
                owners += [uri] * len(part)
            if steps:
                log = os.path.join(sandbox, "stderr")
                await self._run(steps, owners, user, log, self._download_bytes_max)
        finally:
            self._release(used)

    def _source(self, uri: FetchUri) -> str:
        """Return what the helper is to open: a URL, or an absolute path."""
        value = uri.value.lstrip()
        is_file = value.startswith("file://")
        if "://" in value and not is_file:
            return value
        path = value.removeprefix("file://").removeprefix("localhost") if is_file else value
        if path.startswith("/"):
            return path
        if is_file:
            raise FetchError(f"Cannot fetch '{uri.value}': a file URI needs an absolute path")
        if not self._frameworks_home:
            raise FetchError(
                f"Cannot fetch '{uri.value}': it is a relative path, and the agent has no --frameworks_home"
            )
        return os.path.join(self._frameworks_home, path)

    # The cache

    async def _cached(self, uri: FetchUri, source: str, name: str, user: str | None) -> _Entry | None:
        """Return the file of the cache for `uri`, with one more user; None to fetch around the cache."""
        key = (user, source)
        entry = self._entries.pop(key, None)
        if entry is not None and _is_lost(entry):
            self._drop(entry)
            entry = None
        if entry is None:
            entry = self._start_download(key, uri, name)
        self._entries[key] = entry  # at the end: the last is the one used last
        entry.users += 1
        assert entry.download is not None
        try:
            await asyncio.shield(entry.download)
        except FetchError:
            entry.users -= 1
            return None  # the direct way succeeds, or says better what is wrong
        except BaseException:
            entry.users -= 1
            raise
        return entry

    def _start_download(self, key: _Key, uri: FetchUri, name: str) -> _Entry:
        self._files_made += 1
        directory = self._user_cache_dir(uri, key[0])
        path = os.path.join(directory, f"c{self._files_made}-{os.path.basename(name)[-NAME_CHARACTERS_MAX:]}")
        entry = _Entry(path)
        entry.download = asyncio.create_task(self._download(key, entry, uri))
        entry.download.add_done_callback(_retrieve)
        return entry

    async def _download(self, key: _Key, entry: _Entry, uri: FetchUri) -> None:
        user, source = key
        bytes_max = min(self._cache_bytes_max, self._download_bytes_max or self._cache_bytes_max)
        try:
            entry.size_bytes = await self._run([("download", source, entry.path)], [uri], user, "", bytes_max)
        except BaseException:
            if self._entries.get(key) is entry:
                del self._entries[key]
            self._drop(entry)
            raise
        self.cache_used_bytes += entry.size_bytes
        self._make_room()

    def _user_cache_dir(self, uri: FetchUri, user: str | None) -> str:
        """Return the directory that only `user` uses, so that no user can put files in another's way."""
        try:
            entry = None if user is None else pwd.getpwnam(user)
            directory = os.path.join(self._cache_dir, "agent" if user is None else f"user-{user}")
            if os.path.isdir(directory):
                return directory
            os.makedirs(directory, mode=0o700)
            if entry is not None and os.geteuid() == 0:
                os.chown(directory, entry.pw_uid, entry.pw_gid)
        except (KeyError, ValueError):
            raise FetchError(f"Cannot fetch '{uri.value}': there is no user '{user}'") from None
        except OSError as error:
            raise FetchError(f"Cannot fetch '{uri.value}': {directory}: {error.strerror}") from error
        return directory

    def _make_room(self) -> None:
        for key, entry in list(self._entries.items()):
            fits = self.cache_used_bytes <= self._cache_bytes_max and len(self._entries) <= CACHE_FILES_MAX
            if fits:
                return
            if entry.users == 0:
                del self._entries[key]
                self._drop(entry)

    def _release(self, entries: list[_Entry]) -> None:
        for entry in entries:
            entry.users -= 1
        self._make_room()

    def _drop(self, entry: _Entry) -> None:
        self.cache_used_bytes -= entry.size_bytes
        entry.size_bytes = 0
        with suppress(OSError):
            os.unlink(entry.path)

    # The helper

    async def _run(
        self, steps: Sequence[Step], owners: list[FetchUri], user: str | None, log: str, bytes_max: int | None
    ) -> int:
        """Let a helper perform `steps`; return how many bytes came. Raises `FetchError`."""
        plan = {
            "user": user,
            "log": log,
            "stall_timeout_s": self._stall_timeout_s,
            "bytes_max": bytes_max,
            "steps": steps,
        }
        helper = _HelperProcess()
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, helper.run, json.dumps(plan).encode())
        except asyncio.CancelledError:
            helper.kill()
            raise
        if "error" in answer:
            raise FetchError(f"Cannot fetch '{owners[answer['step']].value}': {answer['error']}")
        return sum(answer["bytes"])


class _HelperProcess:
    """One run of the fetch helper: `run` in a thread that may wait, `kill` from the event loop."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(self, plan: bytes) -> dict[str, Any]:
        if self._killed:
            return {"error": "the fetch was given up", "step": 0}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "meseta.runtime.fetch_helper"],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if self._killed:
            self.kill()
        output, errors = self._process.communicate(plan)
        try:
            answer = json.loads(output)
        except ValueError:
            what = errors.decode(errors="replace").strip()[-500:]
            answer = {"error": f"the fetch helper ended with {self._process.returncode}: {what}", "step": 0}
        assert isinstance(answer, dict)
        return answer

    def kill(self) -> None:
        self._killed = True
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _steps(uri: FetchUri, source: str, name: str, sandbox: str, cached: str | None) -> list[Step]:
    """Return what is to be done for one URI; `cached` is its file in the cache, if it has one."""
    path = os.path.join(sandbox, name)
    extract = uri.extract and not uri.executable and name.endswith(ARCHIVE_SUFFIXES)
    if cached is None:
        steps: list[Step] = [("download", source, path)]
    else:
        steps = [] if extract else [("copy", cached, path)]
    if uri.executable:
        steps.append(("chmod", path))
    elif extract:
        steps.append(("extract", cached or path, sandbox, name))
    return steps


def _file_name(uri: FetchUri) -> str:
    """Return the name of the fetched file within the sandbox; raises `FetchError`.

    Without `output_file` it is what follows the last slash, a query included, as in Mesos.
    """
    if any(character in uri.value for character in "\\'\0"):
        raise FetchError(f"Cannot fetch '{uri.value}': it has characters that are not allowed")
    if uri.output_file is not None:
        parts = uri.output_file.split("/")
        if not uri.output_file or uri.output_file[0] == "/" or ".." in parts or parts[-1] in ("", "."):
            raise FetchError(
                f"Cannot fetch '{uri.value}': output_file '{uri.output_file}' is no file within the sandbox"
            )
        return uri.output_file
    _, scheme, rest = uri.value.rpartition("://")
    name = rest.rpartition("/")[2]
    if name in ("", ".", "..") or (scheme and "/" not in rest):
        raise FetchError(f"Cannot fetch '{uri.value}': it names no file")
    return name


def _is_lost(entry: _Entry) -> bool:
    """Tell whether a cached file is not there any more, as when somebody cleaned up."""
    return entry.download is not None and entry.download.done() and not os.path.exists(entry.path)


def _retrieve(download: asyncio.Task[None]) -> None:
    """Mark the outcome as seen: whoever waited for it may have been cancelled."""
    if not download.cancelled():
        download.exception()
