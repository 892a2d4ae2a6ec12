"""The committed generated code is what the schema gives today."""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GENERATED = ROOT / "src" / "meseta" / "wire" / "gen"
TOOL = ROOT / "tools" / "make_proto.py"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is needed to read the schema")
    spec = importlib.util.spec_from_file_location("make_proto", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    output = tmp_path_factory.mktemp("gen")
    tool.generate(output)
    return output


def contents(directory: Path, suffix: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.glob(f"*{suffix}")}


def test_modules_are_those_of_the_schema(fresh: Path) -> None:
    assert contents(GENERATED, "_pb2.py") == contents(fresh, "_pb2.py"), "run `make proto`"


def test_stubs_are_those_of_the_schema(fresh: Path) -> None:
    marker = (GENERATED / "__init__.py").read_text()
    if f"grpcio-tools {version('grpcio-tools')}" not in marker:
        pytest.skip("the committed stubs come from another grpcio-tools, which may write them differently")
    assert contents(GENERATED, ".pyi") == contents(fresh, ".pyi"), "run `make proto`"
