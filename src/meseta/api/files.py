"""/files/{browse,read,download,debug}: the virtual file system for people and scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.api.negotiation import plain
from meseta.api.queries import Query, json_answer, parse_int
from meseta.api.router import Route
from meseta.runtime.files import Download, FileInfo, FilesError, FilesFault, VirtualFiles
from meseta.runtime.http1 import NOT_FOUND, Request, Response
from meseta.runtime.streams import Responder
from meseta.wire.gen import mesos_pb2 as m

DOWNLOAD_BYTES_MAX = 256 << 20
"""A download is held in memory until it is sent; of longer files /files/read gives any part."""

NO_PATH = plain(400, "Expecting 'path=value' in query.\n")

_CODES = {FilesFault.INVALID: 400, FilesFault.NOT_FOUND: 404, FilesFault.UNKNOWN: 500}


def file_routes(files: VirtualFiles) -> list[Route]:
    """Return the endpoints that show `files`."""
    return [
        Route("/files/browse", _guarded(lambda query, path: json_answer(_listing(files, path), query))),
        Route("/files/read", _guarded(lambda query, path: json_answer(_reading(files, query, path), query))),
        Route("/files/download", lambda request, responder, rest: _download(files, request, responder)),
        Route("/files/debug", lambda request, responder, rest: _debug(files, request, responder)),
    ]


def refusal(error: FilesError) -> Response:
    """Return the answer to a request that cannot be served."""
    return plain(_CODES[error.fault], str(error))


def info_message(info: FileInfo) -> m.FileInfo:
    """Return an entry of a directory as LIST_FILES tells it."""
    return m.FileInfo(
        path=info.path,
        nlink=info.nlink,
        size=info.size,
        mtime=m.TimeInfo(nanoseconds=round(info.mtime * 1e9)),
        mode=info.mode,
        uid=info.uid,
        gid=info.gid,
    )


def _guarded(answer: Callable[[Query, str], Response]) -> Any:
    """Return a handler that needs a path and knows what can be wrong with it."""

    def handle(request: Request, responder: Responder, rest: str) -> None:
        query = Query(request)
        path = query.get("path")
        if not path:
            responder.send(NO_PATH)
            return
        try:
            responder.send(answer(query, path))
        except FilesError as error:
            responder.send(refusal(error))

    return handle


def _listing(files: VirtualFiles, path: str) -> list[dict[str, Any]]:
    return [
        {
            "gid": info.gid,
            "mode": info.mode_text,
            "mtime": info.mtime,
            "nlink": info.nlink,
            "path": info.path,
            "size": info.size,
            "uid": info.uid,
        }
        for info in files.browse(path)
    ]


def _reading(files: VirtualFiles, query: Query, path: str) -> dict[str, Any]:
    offset = _number(query, "offset")
    offset = -1 if offset is None else offset
    size, data = files.read(path, offset, _number(query, "length"))
    return {"data": data.decode(errors="replace"), "offset": size if offset == -1 else offset}


def _number(query: Query, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return parse_int(text)
    except ValueError as error:
        raise FilesError(FilesFault.INVALID, f"Failed to parse {name}: {error}.\n") from None


def _debug(files: VirtualFiles, request: Request, responder: Responder) -> None:
    responder.send(json_answer(files.debug(), Query(request)))


def _download(files: VirtualFiles, request: Request, responder: Responder) -> None:
    path = Query(request).get("path")
    if not path:
        responder.send(NO_PATH)
        return
    try:
        download = files.download(path)
    except FilesError as error:
        responder.send(NOT_FOUND if error.fault is FilesFault.NOT_FOUND else refusal(error))
        return
    with download.file:
        if download.size > DOWNLOAD_BYTES_MAX:
            text = f"The file has {download.size} bytes, more than {DOWNLOAD_BYTES_MAX}: use /files/read.\n"
            responder.send(plain(413, text))
        else:
            responder.send(_attachment(download))


def _attachment(download: Download) -> Response:
    name = "".join(ch if ch.isascii() and ch.isprintable() else "?" for ch in download.name)
    headers = (
        ("Content-Disposition", f"attachment; filename={name}"),
        ("Content-Type", download.content_type),
    )
    return Response(200, headers, download.file.read(DOWNLOAD_BYTES_MAX), length_first=True)
