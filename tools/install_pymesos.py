"""Install the third-party framework library `pymesos` for the compatibility tests.

pymesos needs `http-parser`, whose last release carries C code that current Pythons cannot
compile. The same release also carries its own pure-Python parser, used when the compiled one
is missing, so this unpacks the Python modules of the release and leaves the C file out. Both
packages stay exactly as their authors published them.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
HTTP_PARSER = "http-parser==0.9.0"
PYMESOS = ["pymesos==0.3.15", "six", "addict", "kazoo"]


def unpack_pure_modules(sdist: Path, site_packages: Path) -> None:
    """Copy `http_parser/*.py` of a source release into `site_packages`."""
    target = site_packages / "http_parser"
    target.mkdir(exist_ok=True)
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            path = Path(member.name)
            if member.isfile() and path.parent.name == "http_parser" and path.suffix == ".py":
                source = archive.extractfile(member)
                assert source is not None, "a regular file can be read"
                (target / path.name).write_bytes(source.read())


def main() -> int:
    """Install both packages into the running interpreter's environment."""
    try:
        import pymesos  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        pass
    else:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([*PIP, "download", "--no-deps", "-d", scratch, HTTP_PARSER], check=True)
        [sdist] = Path(scratch).glob("*.tar.gz")
        unpack_pure_modules(sdist, Path(sysconfig.get_paths()["purelib"]))
    subprocess.run([*PIP, "install", "--no-deps", "--use-pep517", *PYMESOS], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
