"""The virtual file system behind `/files/*`, LIST_FILES and READ_FILE.

Directories and files are attached under virtual paths; clients name a virtual path or something below it.
Whoever runs a task can put links into its sandbox, so what a path leads to must lie within what was
attached, and is looked at again after it was opened: a link that is put in place meanwhile gains nothing.
"""

from __future__ import annotations

import grp
import mimetypes
import os
import pwd
import resource
import stat
from enum import Enum
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from meseta.errors import MesetaError

READ_BYTES_MAX = 16 * resource.getpagesize()
BROWSE_ENTRIES_MAX = 50_000
ATTACHMENTS_MAX = 200_000

_TYPES = mimetypes.MimeTypes()


class FilesFault(Enum):
    """Why a request for a file fails; the HTTP edge gives each its status."""

    INVALID = "invalid"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


class FilesError(MesetaError):
    """A request cannot be served; the message, often empty, is the body of Mesos's answer."""

    def __init__(self, fault: FilesFault, message: str = "") -> None:
        super().__init__(message)
        self.fault = fault


class FileInfo(NamedTuple):
    """An entry of a directory; `path` is virtual, times are seconds since the epoch."""

    path: str
    mode: int
    nlink: int
    uid: str
    gid: str
    size: int
    mtime: float

    @property
    def mode_text(self) -> str:
        """Return the mode as `ls -l` prints it."""
        return stat.filemode(self.mode)


class Download(NamedTuple):
    """An open file to be sent whole; the receiver closes it."""

    file: BinaryIO
    name: str
    size: int
    content_type: str


class VirtualFiles:
    """What is attached. `subject` of an attachment is for the caller: whom to ask for permission."""

    __slots__ = ("_paths", "_subjects")

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._subjects: dict[str, object] = {}

    def attach(self, path: str, virtual_path: str, subject: object = None) -> None:
        """Show `path` as `virtual_path`, in place of what was attached there before.

        Raises `FilesError` if there is no such file, or it is not readable.
        """
        assert len(self._paths) < ATTACHMENTS_MAX, "whoever attaches also detaches"
        real = os.path.realpath(path)
        if not os.access(real, os.R_OK):
            raise FilesError(FilesFault.NOT_FOUND, f"Failed to access '{path}'")
        name = virtual_path.removesuffix("/")
        self._paths[name] = real
        self._subjects[name] = subject

    def detach(self, virtual_path: str) -> None:
        """Stop showing `virtual_path`, if it was attached."""
        name = virtual_path.removesuffix("/")
        self._paths.pop(name, None)
        self._subjects.pop(name, None)

    def debug(self) -> dict[str, str]:
        """Return what is attached: virtual to real path, in the order of the former."""
        return dict(sorted(self._paths.items()))

    def subject(self, path: str) -> object:
        """Return the subject of the attachment that serves `path`, None if nothing does."""
        found = self._find(path)
        return self._subjects[found[0]] if found else None

    def browse(self, path: str) -> list[FileInfo]:
        """Return the entries of the directory `path`, sorted; none if it is a file. Raises `FilesError`."""
        _, real = self._resolve(path)
        try:
            names = sorted(os.listdir(real))
        except OSError:
            return []
        if len(names) > BROWSE_ENTRIES_MAX:
            raise FilesError(FilesFault.INVALID, f"'{path}' has more than {BROWSE_ENTRIES_MAX} entries.\n")
        infos = (_file_info(os.path.join(path, name), os.path.join(real, name)) for name in names)
        return [info for info in infos if info is not None]

    def read(self, path: str, offset: int, length: int | None = None) -> tuple[int, bytes]:
        """Return the size of the file `path`, and what it holds from `offset`.

        At most 16 pages are read. `offset` -1 asks for the size alone; `length` None or -1 means all.
        Raises `FilesError`.
        """
        if offset < -1:
            raise FilesError(FilesFault.INVALID, f"Negative offset provided: {offset}.\n")
        if length is not None and length < -1:
            raise FilesError(FilesFault.INVALID, f"Negative length provided: {length}.\n")
        with self._open(path, "read")[1] as file:
            size = file.seek(0, os.SEEK_END)
            if offset == -1 or offset >= size:
                return size, b""
            wanted = size if length in (None, -1) else length
            assert wanted is not None
            file.seek(offset)
            return size, file.read(min(wanted, READ_BYTES_MAX))

    def download(self, path: str) -> Download:
        """Open the file `path` to be sent as a whole. Raises `FilesError`."""
        real, file = self._open(path, "download")
        name = os.path.basename(real)
        content_type = _TYPES.guess_type(name)[0] or "application/octet-stream"
        return Download(file, name, os.fstat(file.fileno()).st_size, content_type)

    def _find(self, path: str) -> tuple[str, str] | None:
        """Return the longest attached prefix of `path`, and what follows it."""
        prefix = path.removesuffix("/")
        rest = ""
        while prefix not in self._paths:
            prefix, slash, last = prefix.rpartition("/")
            if not slash:
                return None
            rest = os.path.join(last, rest) if rest else last
        return prefix, rest

    def _resolve(self, path: str) -> tuple[str, str]:
        """Return what is attached and serves `path`, and the real path within it."""
        found = self._find(path)
        if found is None or "\0" in path:
            raise FilesError(FilesFault.NOT_FOUND)
        root, rest = self._paths[found[0]], found[1]
        if not os.path.isdir(root):
            if rest:
                raise FilesError(FilesFault.NOT_FOUND)
            return root, root
        target = os.path.join(root, rest)
        try:
            real = os.path.realpath(target, strict=True)
        except (FileNotFoundError, NotADirectoryError):
            raise FilesError(FilesFault.NOT_FOUND) from None
        except OSError as error:
            reason = f"Failed to determine canonical path of '{target}': {error.strerror}.\n"
            raise FilesError(FilesFault.INVALID, reason) from error
        if not _is_within(real, root):
            raise FilesError(FilesFault.INVALID, f"'{target}' is inaccessible.\n")
        return root, real

    def _open(self, path: str, purpose: str) -> tuple[str, BinaryIO]:
        """Return the real path of the file `path`, and the file open for reading."""
        root, real = self._resolve(path)
        try:
            fd = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            reason = f"Failed to open file at '{real}': {error.strerror}.\n"
            raise FilesError(FilesFault.UNKNOWN, reason) from error
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) and _is_within(os.readlink(f"/proc/self/fd/{fd}"), root):
            return real, open(fd, "rb")
        os.close(fd)
        if stat.S_ISDIR(mode):
            raise FilesError(FilesFault.INVALID, f"Cannot {purpose} a directory.\n")
        raise FilesError(FilesFault.INVALID, f"'{real}' is inaccessible.\n")


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _file_info(path: str, real: str) -> FileInfo | None:
    """Return the entry of a file, None if it is gone or a link that leads nowhere."""
    try:
        info = os.stat(real)
    except OSError:
        return None
    name = os.fsencode(path).decode(errors="replace")
    uid, gid = _user_name(info.st_uid), _group_name(info.st_gid)
    return FileInfo(name, info.st_mode, info.st_nlink, uid, gid, info.st_size, float(int(info.st_mtime)))


@lru_cache(maxsize=1024)
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(maxsize=1024)
def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
