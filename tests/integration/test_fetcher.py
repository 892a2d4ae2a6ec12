"""The fetcher with its helper process, files and a web server."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import lzma
import os
import shutil
import socket
import socketserver
import stat
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from meseta.runtime.fetcher import Fetcher, FetchError, FetchUri


class Web:
    """A web server for a few paths; counts what is asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        body = self.files.get(request.path)
        request.send_response(200 if body is not None else 404)
        cut = len(body or b"") if request.path == "/cut" else 0
        request.send_header("Content-Length", str(len(body or b"") + cut))
        request.end_headers()
        request.wfile.write(body or b"")

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class FtpSession(socketserver.StreamRequestHandler):
    """As much of an FTP server as it takes to send one file."""

    def handle(self) -> None:
        self._answer("220 ready")
        data = socket.create_server(("127.0.0.1", 0))
        while line := self.rfile.readline().decode().strip():
            match line.split()[0]:
                case "EPSV":
                    self._answer(f"229 (|||{data.getsockname()[1]}|)")
                case "PASV":
                    port = data.getsockname()[1]
                    self._answer(f"227 (127,0,0,1,{port >> 8},{port & 255})")
                case "RETR":
                    self._answer("150 here it comes")
                    connection, _ = data.accept()
                    with connection:
                        connection.sendall(b"by ftp")
                    self._answer("226 that was it")
                case "QUIT":
                    break
                case _:
                    self._answer("230 fine")

    def _answer(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    (tmp_path / "sandbox").mkdir()
    return tmp_path / "sandbox"


def run(fetcher: Fetcher, sandbox: Path, *uris: FetchUri, user: str | None = None) -> None:
    asyncio.run(fetcher.fetch(uris, str(sandbox), user))


def refusal(fetcher: Fetcher, sandbox: Path, uri: FetchUri, user: str | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        run(fetcher, sandbox, uri, user=user)
    assert str(caught.value).startswith(f"Cannot fetch '{uri.value}': ")
    return str(caught.value).partition("': ")[2]


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Fetcher]:
    fetcher = Fetcher(str(tmp_path / "cache"), frameworks_home=str(tmp_path))
    yield fetcher
    fetcher.close()


def test_the_ways_to_name_a_file(fetcher: Fetcher, sandbox: Path, tmp_path: Path, web: Web) -> None:
    for name in ("absolute", "url", "localhost", "relative"):
        (tmp_path / name).write_text(name)
    (tmp_path / "absolute").chmod(0o755)
    web.files["/a/net?x=1"] = b"net"
    uris = [
        f"{tmp_path}/absolute",
        f"file://{tmp_path}/url",
        f"file://localhost{tmp_path}/localhost",
        "relative",
        f" {web.url}/a/net?x=1",
    ]
    run(fetcher, sandbox, *map(FetchUri, uris))
    names = ("absolute", "url", "localhost", "relative", "net?x=1")
    contents = [(sandbox / name).read_text() for name in names]
    assert contents == ["absolute", "url", "localhost", "relative", "net"]
    assert stat.S_IMODE((sandbox / "absolute").stat().st_mode) == 0o755
    assert f"Downloading {tmp_path}/absolute to" in (sandbox / "stderr").read_text()
    assert (fetcher.succeeded, fetcher.failed) == (1, 0)


def test_output_file_and_executable(fetcher: Fetcher, sandbox: Path, tmp_path: Path) -> None:
    (tmp_path / "tool.tar").write_text("#!/bin/sh\n")
    run(fetcher, sandbox, FetchUri("tool.tar", executable=True, output_file="bin/deep/tool"))
    assert stat.S_IMODE((sandbox / "bin/deep/tool").stat().st_mode) == 0o755


def tar_of(compression: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{compression}") as tar:
        member = tarfile.TarInfo("dir/hello")
        member.size, member.mode = 5, 0o755
        tar.addfile(member, io.BytesIO(b"hello"))
    return data.getvalue()


def zip_of(name: str = "dir/hello", data: str = "hello", mode: int = stat.S_IFREG | 0o755) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        archive.writestr(member, data)
    return body.getvalue()


ARCHIVES = {
    "a.tar": tar_of(""),
    "a.tgz": tar_of("gz"),
    "a.tar.gz": tar_of("gz"),
    "a.tbz2": tar_of("bz2"),
    "a.tar.bz2": tar_of("bz2"),
    "a.txz": tar_of("xz"),
    "a.tar.xz": tar_of("xz"),
    "a.zip": zip_of(),
}


@pytest.mark.parametrize("cache", [False, True])
def test_archives_are_extracted(fetcher: Fetcher, tmp_path: Path, cache: bool) -> None:
    uris = []
    for name, data in ARCHIVES.items():
        (tmp_path / name).write_bytes(data)
        uris.append(FetchUri(name, cache=cache))

    async def main() -> None:
        for uri in uris:
            sandbox = tmp_path / f"s-{uri.value}"
            sandbox.mkdir()
            await fetcher.fetch([uri], str(sandbox))
            assert (sandbox / "dir/hello").read_text() == "hello", uri
            assert stat.S_IMODE((sandbox / "dir/hello").stat().st_mode) == 0o755, uri
            # The archive itself stays only if it is in nobody's way.
            assert (sandbox / uri.value).exists() is not cache

    asyncio.run(main())


def test_a_compressed_file_is_unpacked_and_others_are_not(
    fetcher: Fetcher, sandbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"hello"))
    (tmp_path / "plain.bz2").write_bytes(bz2.compress(b"hello"))
    (tmp_path / "kept.tar").write_bytes(tar_of(""))
    run(fetcher, sandbox, FetchUri("log.gz"), FetchUri("plain.bz2"), FetchUri("kept.tar", extract=False))
    assert (sandbox / "log").read_text() == "hello"
    assert sorted(os.listdir(sandbox)) == ["kept.tar", "log", "log.gz", "plain.bz2", "stderr"]


def evil_tar(name: str, **fields: object) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo(name)
        for field, value in fields.items():
            setattr(member, field, value)
        tar.addfile(member)
    return data.getvalue()


EVIL = {
    "up.tar": evil_tar("../escaped"),
    "link.tar": evil_tar("l", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "device.tar": evil_tar("d", type=tarfile.CHRTYPE),
    "up.zip": zip_of("../escaped"),
    "absolute.zip": zip_of("/tmp/escaped"),
    "link.zip": zip_of("l", "/etc/passwd", stat.S_IFLNK | 0o777),
    "uplink.zip": zip_of("l", "../escaped", stat.S_IFLNK | 0o777),
    "broken.tar.xz": lzma.compress(b"no archive"),
    "broken.tar.gz": tar_of("gz")[:60],
    "broken.gz": gzip.compress(b"x" * 1000)[:-9],
    "broken.zip": b"no archive",
}


@pytest.mark.parametrize("name", EVIL)
def test_an_archive_writes_only_into_the_sandbox(
    fetcher: Fetcher, sandbox: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(EVIL[name])
    assert "archive" in refusal(fetcher, sandbox, FetchUri(name))
    assert not (tmp_path / "escaped").exists()
    assert not (sandbox / "l").is_symlink()
    assert fetcher.failed == 1


def test_links_within_a_zip_file_are_links(fetcher: Fetcher, sandbox: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of("lib", "lib64", stat.S_IFLNK | 0o777))
    run(fetcher, sandbox, FetchUri("a.zip"))
    assert os.readlink(sandbox / "lib") == "lib64"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        (FetchUri("/x/y", output_file="/etc/y"), "output_file '/etc/y' is no file within the sandbox"),
        (FetchUri("/x/y", output_file="a/../../y"), "is no file within the sandbox"),
        (FetchUri("/x/y", output_file="a/"), "is no file within the sandbox"),
        (FetchUri("/x/y", output_file=""), "is no file within the sandbox"),
        (FetchUri("http://host"), "it names no file"),
        (FetchUri("http://host/dir/"), "it names no file"),
        (FetchUri("http://host/.."), "it names no file"),
        (FetchUri("/x/it's"), "characters that are not allowed"),
        (FetchUri("file://relative/path"), "a file URI needs an absolute path"),
        (FetchUri("/no/such/file"), "/no/such/file: No such file or directory"),
        (FetchUri("/dev"), "Is a directory"),
        (FetchUri("/dev/null"), "/dev/null is not a file"),
        (FetchUri("http://127.0.0.1:1/x"), "the server cannot be reached: [Errno 111] Connection refused"),
        (FetchUri("http://127.0.0.1:bad/x"), "the server's answer is broken"),
        (FetchUri("s3://bucket/x"), "hadoop"),
    ],
)
def test_why_a_uri_cannot_be_fetched(
    fetcher: Fetcher, sandbox: Path, uri: FetchUri, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HADOOP_HOME", raising=False)
    assert says in refusal(fetcher, sandbox, uri)


def test_a_relative_path_needs_a_home(tmp_path: Path, sandbox: Path) -> None:
    assert "--frameworks_home" in refusal(Fetcher(str(tmp_path / "cache")), sandbox, FetchUri("x"))


def test_the_hadoop_client_gets_what_only_it_knows(
    fetcher: Fetcher, sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    hadoop = tmp_path / "bin" / "hadoop"
    hadoop.write_text('#!/bin/sh\necho "$1 $2 $3" > "$4"\n')
    hadoop.chmod(0o755)
    monkeypatch.setenv("HADOOP_HOME", str(tmp_path))
    run(fetcher, sandbox, FetchUri("hdfs://name/x"))
    assert (sandbox / "x").read_text() == "fs -copyToLocal hdfs://name/x\n"


def test_curl_gets_what_python_does_not_know(
    fetcher: Fetcher, sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done; echo "$4" > "$2"\n')
    curl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    run(fetcher, sandbox, FetchUri("ftps://host/x"))
    assert (sandbox / "x").read_text() == "ftps://host/x\n"
    curl.write_text("#!/bin/sh\necho no such host >&2; exit 6\n")
    assert refusal(fetcher, sandbox, FetchUri("ftps://host/x")) == "curl failed: no such host"


@pytest.mark.parametrize("user", [None, "nobody"])
def test_a_file_by_ftp(public_path: Path, user: str | None) -> None:
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root fetches for another user")
    sandbox = public_path / "sandbox"
    sandbox.mkdir()
    if user is not None:
        shutil.chown(sandbox, user)
    server = socketserver.TCPServer(("127.0.0.1", 0), FtpSession)
    threading.Thread(target=server.handle_request, daemon=True).start()
    fetcher = Fetcher(str(public_path / "cache"))
    run(fetcher, sandbox, FetchUri(f"ftp://127.0.0.1:{server.server_address[1]}/dir/x"), user=user)
    server.server_close()
    assert (sandbox / "x").read_text() == "by ftp"


def test_what_goes_wrong_on_the_net(fetcher: Fetcher, sandbox: Path, web: Web) -> None:
    web.files["/cut"] = b"half"
    assert refusal(fetcher, sandbox, FetchUri(f"{web.url}/none")) == "the server answers with status 404"
    assert refusal(fetcher, sandbox, FetchUri(f"{web.url}/cut")) == "the connection broke after 4 of 8 bytes"


def test_a_server_that_sends_nothing_is_given_up(tmp_path: Path, sandbox: Path) -> None:
    fetcher = Fetcher(str(tmp_path / "cache"), stall_timeout_s=0.5)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # listens, never accepts
    says = refusal(fetcher, sandbox, FetchUri(f"http://127.0.0.1:{silent.server_port}/x"))
    assert says in ("nothing came for 0.5 s", "the server cannot be reached: timed out")
    silent.server_close()
    fetcher.close()


def test_a_download_may_be_limited(tmp_path: Path, sandbox: Path, web: Web) -> None:
    web.files["/large"] = b"x" * 1000
    fetcher = Fetcher(str(tmp_path / "cache"), download_bytes_max=999)
    assert refusal(fetcher, sandbox, FetchUri(f"{web.url}/large")) == "it is larger than 999 bytes"


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A directory that other users can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root fetches for another user")
def test_a_user_gets_only_what_he_may_read(public_path: Path) -> None:
    fetcher = Fetcher(str(public_path / "cache"))
    (public_path / "secret").write_text("s")
    (public_path / "secret").chmod(0o600)
    (public_path / "public").write_text("p")
    sandbox = public_path / "sandbox"
    sandbox.mkdir()
    shutil.chown(sandbox, "nobody")
    says = refusal(fetcher, sandbox, FetchUri(f"{public_path}/secret"), user="nobody")
    assert says == f"{public_path}/secret: Permission denied"
    for cache in (False, True):
        run(fetcher, sandbox, FetchUri(f"{public_path}/public", cache=cache), user="nobody")
    assert (sandbox / "public").owner() == "nobody"
    assert "no-such-user" in refusal(fetcher, sandbox, FetchUri("/x/y", cache=True), user="no-such-user")
    assert "no-such-user" in refusal(fetcher, sandbox, FetchUri("/x/y"), user="no-such-user")


def test_the_cache_downloads_once_however_many_wait(fetcher: Fetcher, tmp_path: Path, web: Web) -> None:
    web.files["/a"] = b"hello"
    sandboxes = [tmp_path / f"s{number}" for number in range(4)]

    async def main() -> None:
        for sandbox in sandboxes:
            sandbox.mkdir()
        uri = FetchUri(f"{web.url}/a", cache=True, executable=True)
        await asyncio.gather(*(fetcher.fetch([uri], str(sandbox)) for sandbox in sandboxes))
        await fetcher.fetch([uri._replace(executable=False, output_file="b")], str(sandboxes[0]))

    asyncio.run(main())
    assert web.asked == ["/a"]
    assert all((sandbox / "a").read_text() == "hello" for sandbox in sandboxes)
    assert (sandboxes[0] / "b").read_text() == "hello"
    assert fetcher.cache_used_bytes == 5


def test_the_cache_throws_out_what_was_used_least_recently(tmp_path: Path, sandbox: Path, web: Web) -> None:
    fetcher = Fetcher(str(tmp_path / "cache"), cache_bytes_max=10)
    web.files |= {"/a": b"aaaa", "/b": b"bbbb", "/c": b"cccc", "/large": b"x" * 11}

    async def main() -> None:
        for path in ("/a", "/b", "/a", "/c", "/a", "/b", "/large"):
            await fetcher.fetch([FetchUri(web.url + path, cache=True)], str(sandbox))

    asyncio.run(main())
    # /large does not fit, so it is asked for again, around the cache.
    assert web.asked == ["/a", "/b", "/c", "/b", "/large", "/large"]
    assert fetcher.cache_used_bytes <= 10
    assert len(list((tmp_path / "cache").rglob("c*-*"))) == 2
    assert (sandbox / "large").read_bytes() == b"x" * 11


def test_a_file_that_was_removed_from_the_cache_is_fetched_again(
    fetcher: Fetcher, sandbox: Path, tmp_path: Path, web: Web
) -> None:
    web.files["/a"] = b"hello"

    async def main() -> None:
        for _ in range(2):
            await fetcher.fetch([FetchUri(f"{web.url}/a", cache=True)], str(sandbox))
            for path in (tmp_path / "cache").rglob("c*-a"):
                path.unlink()

    asyncio.run(main())
    assert web.asked == ["/a", "/a"]
    assert fetcher.cache_used_bytes == 5


def test_a_cancelled_fetch_ends_its_helper(tmp_path: Path, sandbox: Path) -> None:
    fetcher = Fetcher(str(tmp_path / "cache"))
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    uri = FetchUri(f"http://127.0.0.1:{silent.server_port}/x")

    async def main() -> None:
        fetch = asyncio.create_task(fetcher.fetch([uri], str(sandbox)))
        while not (sandbox / "stderr").exists():
            await asyncio.sleep(0.01)
        fetch.cancel()
        await asyncio.wait([fetch])
        assert fetch.cancelled()

    asyncio.run(main())
    fetcher._threads.shutdown(wait=True)  # returns only when the helper has ended
    silent.server_close()
    fetcher.close()
    assert (fetcher.succeeded, fetcher.failed) == (0, 1)
