"""What the README shows is what the command prints. ``python tests/test_readme.py`` writes it anew."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import imnm
from imnm.report import render

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FILE = "src/imnm/examples/statin_weakness_untested.json"
BLOCK = re.compile(r"(<!-- example -->\n```text\n)(.*?)(```\n<!-- /example -->)", re.DOTALL)
CUT = "[...]"


def _output() -> list[str]:
    answer = imnm.assess(ROOT / FILE)
    answer.file = FILE
    return render(answer, "text").splitlines()


def _excerpt() -> str:
    """The answer in short with its first step, and the leading explanations."""
    lines = _output()
    second = next(i for i, line in enumerate(lines) if line.startswith("2. "))
    leading = lines.index("WHAT IT COULD BE")
    bullets = [i for i in range(leading, len(lines)) if lines[i].startswith("- ")]
    return "\n".join([*lines[:second], CUT, "", *lines[leading : bullets[2]], CUT]) + "\n"


def test_the_example_is_real() -> None:
    shown = BLOCK.search(README.read_text(encoding="utf-8"))
    assert shown
    assert shown.group(2) == _excerpt(), "run python tests/test_readme.py"


def test_every_command_shown_exists() -> None:
    from imnm.cli import _parser

    commands = re.findall(r"^    \.venv/bin/imnm (.*?)(?:\s+#.*)?$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        _parser().parse_args(shlex.split(command))


def test_every_file_named_exists() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link


def main() -> None:
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda m: m.group(1) + _excerpt() + m.group(3), text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
