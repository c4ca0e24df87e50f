"""The arrows between the rooms run one way (docs/architecture.md), and each starts light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "imnm"
ALLOWED = {
    "logic": set(),
    "knowledge": {"logic"},
    "sources": {"logic", "knowledge"},
    "assessment": {"logic", "knowledge", "sources"},
    "population": {"logic", "knowledge", "sources", "assessment"},
}
"""What each room may import of ours. Rooms that are not named here are faces and may import anything."""
FACES = {"report", "serve", "cli", "api", "examples", "__main__"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def _imported(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports, anywhere in it, absolute or relative."""
    package = ["imnm", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "imnm")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "imnm":
                yield from (f"imnm.{alias.name}" for alias in node.names)
            elif module.startswith("imnm."):
                yield module


def _forbidden(path: Path) -> list[str]:
    room = _room(path)
    if room not in ALLOWED:
        return []
    rooms = {module.split(".")[1] for module in _imported(path) if module.count(".")}
    return sorted(rooms - ALLOWED[room] - {room, "__version__"})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_runs_back_up(path: Path) -> None:
    assert _forbidden(path) == []


def test_every_room_is_known() -> None:
    rooms = {_room(path) for path in MODULES} - {"__init__"}
    assert rooms <= set(ALLOWED) | FACES


def test_a_forbidden_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "logic"
    room.mkdir()
    bad = room / "bad.py"
    bad.write_text("def f():\n    from ..report import render\n    import imnm.sources\n    from imnm import cli\n")
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert _forbidden(bad) == ["cli", "report", "sources"]


def test_assessing_a_record_loads_nothing_heavy() -> None:
    """The bedside path: no data frames, no plotting, no database, no SQL, no templates."""
    program = (
        "import sys; from imnm.cli import main; "
        "assert main(['assess', sys.argv[1], '--format', 'text']) == 0; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'numpy', 'pandas', 'matplotlib', 'duckdb', 'sqlglot', 'pyspark', 'jinja2', 'hypothesis'}))"
    )
    record = PACKAGE / "examples" / "statin_weakness_untested.json"
    done = subprocess.run([sys.executable, "-c", program, str(record)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
