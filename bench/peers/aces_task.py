"""es-aces on a MEDS file, run by an interpreter that has it: PYTHON aces_task.py CONFIG DATA.parquet RESULT.parquet

Writes subject_id, moment (of the trigger) and label, and prints one line of JSON: seconds (starting Python and imports
left out), seconds of processors, peak memory in GB, version. Exit code 3: es-aces is not installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
import time
from pathlib import Path

NOT_INSTALLED = 3
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shared.measure import peak_gb  # noqa: E402

try:
    import polars
    from aces import config, predicates, query
    from omegaconf import DictConfig
except ImportError:
    sys.exit(NOT_INSTALLED)


def main(task: str, data: str, result: str) -> None:
    logging.disable(logging.CRITICAL)
    start, before = time.perf_counter(), time.process_time()
    wanted = config.TaskExtractorConfig.load(config_path=Path(task))
    frame = predicates.get_predicates_df(wanted, DictConfig({"path": data, "standard": "meds", "ts_format": None}))
    found = query.query(wanted, frame)
    columns = ("subject_id", polars.col("trigger").alias("moment"), polars.col("label").cast(bool))
    found.select(*columns).write_parquet(result)
    spent = {"seconds": time.perf_counter() - start, "worked": time.process_time() - before, "peak": peak_gb()}
    print(json.dumps(spent | {"version": importlib.metadata.version("es-aces")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
