"""The pages in docs/rules are what the knowledge and the specifications say now."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def _tool() -> ModuleType:
    found = importlib.util.spec_from_file_location("build_docs", ROOT / "tools" / "build_docs.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date() -> None:
    # a process of its own: other tests declare thresholds that are none of the knowledge
    command = [sys.executable, str(ROOT / "tools" / "build_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_link_leads_somewhere() -> None:
    tool = _tool()
    pages: dict[Path, str] = tool.pages()
    anchors = {
        path: {tool.anchor(line[3:]) for line in text.splitlines() if line.startswith("## ")}
        for path, text in pages.items()
    }
    broken = set()
    for path, text in pages.items():
        for target, fragment in re.findall(r"\]\(([\w./-]+\.md)#?([\w-]*)\)", text):
            to = (path.parent / target).resolve()
            if not (to in pages or to.exists()) or (fragment and fragment not in anchors.get(to, ())):
                broken.add(f"{path.name}: {target}#{fragment}")
    assert broken == set()
