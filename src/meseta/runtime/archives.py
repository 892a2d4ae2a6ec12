"""Extracts archives of strangers: files, directories and links come out, and nothing lands outside.

A path within an archive is walked one part at a time. A link on the way, which the archive itself may have
made a moment ago, is resolved before the next step, and must still lead below the directory. The file at the
end is always made anew, so it is never written through a link. With that, where links point to matters only
to who follows them later; it is checked when they are made.

`TarFile.extractall` has a filter for this since Python 3.11.4, and is not used: Debian 12 has 3.11.2.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from typing import IO

COPY_BYTES = 1 << 20
TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error),
    *(EOFError, NotImplementedError, RuntimeError),
)
"""The last two: a zip file that is compressed in an unknown way, or encrypted."""


class ArchiveError(Exception):
    """The archive is broken, or has an entry that must not be extracted; the message says which."""


def extract(archive: str, directory: str, name: str) -> None:
    """Extract `archive` into `directory`; what it is, is told by `name`.

    Raises `ArchiveError`, or `OSError` for what the file system refuses.
    """
    root = os.path.realpath(directory, strict=True)
    try:
        if name.endswith(TAR_SUFFIXES):
            _extract_tar(archive, root)
        elif name.endswith(".zip"):
            _extract_zip(archive, root)
        else:
            with gzip.open(archive, "rb") as source:
                _write(os.path.join(root, os.path.basename(name).removesuffix(".gz")), source)
    except BROKEN as error:
        raise ArchiveError(f"the archive cannot be extracted: {error}") from error


def is_relative_inside(path: str) -> bool:
    """Tell whether `path` is relative, and never goes up."""
    return not path.startswith("/") and "\0" not in path and ".." not in path.split("/")


def _extract_tar(archive: str, root: str) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            path = _place(member.name.lstrip("/"), root)
            if member.isdir():
                os.makedirs(path, exist_ok=True)
            elif member.issym():
                _symlink(path, member.linkname, root)
            elif member.islnk():
                _remove(path)
                os.link(_place(member.linkname.lstrip("/"), root), path, follow_symlinks=False)
            elif member.isreg():
                source = tar.extractfile(member)
                assert source is not None, "a regular file can be read"
                _write(path, source, member.mode)
                os.utime(path, (member.mtime, member.mtime))
            else:
                raise ArchiveError(f"the archive has a device: '{member.name}'")


def _extract_zip(archive: str, root: str) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            path = _place(member.filename, root)
            mode = member.external_attr >> 16
            if member.is_dir():
                os.makedirs(path, exist_ok=True)
            elif stat.S_ISLNK(mode):
                _symlink(path, file.read(member).decode(errors="surrogateescape"), root)
            else:
                with file.open(member) as source:
                    _write(path, source, mode)


def _place(name: str, root: str) -> str:
    """Return where `name` belongs, free of links but for its last part; make its directories."""
    if not is_relative_inside(name):
        raise ArchiveError(f"the archive has a file outside of itself: '{name}'")
    *parents, last = [part for part in name.split("/") if part not in ("", ".")] or [""]
    here = root
    for part in parents:
        here = os.path.join(here, part)
        if os.path.islink(here):
            here = os.path.realpath(here, strict=True)
            if not _is_below(here, root):
                raise ArchiveError(f"the archive has a file outside of itself: '{name}'")
        elif not os.path.isdir(here):
            os.mkdir(here)
    return os.path.join(here, last)


def _symlink(path: str, target: str, root: str) -> None:
    inside = _is_below(os.path.realpath(os.path.join(os.path.dirname(path), target)), root)
    if os.path.isabs(target) or not inside:
        raise ArchiveError(f"the archive has a link outside of itself: '{path}' to '{target}'")
    _remove(path)
    os.symlink(target, path)


def _write(path: str, source: IO[bytes] | gzip.GzipFile, mode: int = 0) -> None:
    """Make a file; its owner may always read and write it, and nobody else may write it."""
    _remove(path)
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file, COPY_BYTES)
        if mode:
            os.fchmod(file.fileno(), mode & 0o755 | stat.S_IRUSR | stat.S_IWUSR)


def _remove(path: str) -> None:
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
        os.unlink(path)


def _is_below(real_path: str, root: str) -> bool:
    return os.path.commonpath([real_path, root]) == root
