"""The two locks name the same version of what stands in both: the engines' folder comes first on the path."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def pinned(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_locks_agree_and_name_no_address() -> None:
    ours, engines = pinned("constraints.txt"), pinned("constraints-engines.txt")
    assert {"pyspark", "psycopg", "duckdb"} <= set(engines)
    assert {name: ours[name] for name in engines if name in ours} == {n: v for n, v in engines.items() if n in ours}
    for name in ("constraints.txt", "constraints-engines.txt"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")
