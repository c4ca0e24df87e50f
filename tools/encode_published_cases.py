"""Writes src/imnm/examples/published/{cases,facts}.csv from the development half of the published cases.

For maintainers, who have the abstracted cases beside the repository (or name them with IMNM_SHARED). Each record is
read once by our reader; what is kept are the events: concepts, truths, numbers and days relative to the presentation.
No sentence of a report and no calendar date is kept.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from pathlib import Path

from imnm.sources import read

SHARED = Path(os.environ.get("IMNM_SHARED", Path(__file__).resolve().parents[2] / "shared"))
OUT = Path(__file__).resolve().parents[1] / "src" / "imnm" / "examples" / "published"
NUMBERS = ("low", "high", "times_low", "times_high")
DAYS = ("start", "end", "known")


def main() -> int:
    dev = SHARED / "cases" / "dev"
    if not dev.is_dir():
        print("The published cases are not beside the repository.", file=sys.stderr)
        return 2
    with (dev / "labels.csv").open(encoding="utf-8", newline="") as handle:
        labels = {row["id"]: row for row in csv.DictReader(handle)}
    years = {}
    for line in (dev / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        years[case["id"]] = case["source"]["year"]
    OUT.mkdir(parents=True, exist_ok=True)
    with (
        (OUT / "cases.csv").open("w", encoding="utf-8", newline="") as one,
        (OUT / "facts.csv").open("w", encoding="utf-8", newline="") as two,
    ):
        cases, facts = csv.writer(one, lineterminator="\n"), csv.writer(two, lineterminator="\n")
        cases.writerow(("case", "diagnosis", "year", "title", "url"))
        facts.writerow(("case", "concept", *DAYS, "truth", *NUMBERS, "uln", "grade", "detail"))
        for number, (id, label) in enumerate(sorted(labels.items()), 1):
            name = f"p{number:03d}"
            cases.writerow((name, label["diagnosis"], years[id], label["title"], label["url"]))
            reading = read((dev / "presentation" / f"{id}.json").read_bytes())
            for event in reading.events:
                days = [shown(getattr(event, field) - reading.newest_known) for field in DAYS]
                truth = "" if event.truth is None else "yes" if event.truth else "no"
                numbers = [shown(getattr(event, field)) for field in NUMBERS]
                facts.writerow((name, event.concept, *days, truth, *numbers, event.uln or "", event.grade or "",
                                event.detail or ""))  # fmt: skip
    return 0


def shown(number: float) -> str:
    """A number as short as it is exact; empty if open."""
    return "" if math.isinf(number) else repr(int(number) if number == int(number) else number)


if __name__ == "__main__":
    sys.exit(main())
