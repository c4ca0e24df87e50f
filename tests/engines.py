"""The engines beside DuckDB, for tests: a Spark session and a PostgreSQL server of our own, which are stopped again.

They need the extras ``spark`` (and Java 17) and ``postgres`` (and the server's programs, Debian's package
``postgresql``); where one is missing the tests are skipped and say so. ``.ci/run`` installs both.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A Spark session on two cores."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java 17, which is not installed")
    from pyspark.sql import SparkSession

    from imnm.population.spark import session

    folder = tempfile.mkdtemp(prefix="imnm-spark-test-")
    (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.warehouse.dir", folder)
        .config("spark.sql.catalogImplementation", "in-memory")
        .getOrCreate()
    )
    made = session()
    made.sparkContext.setLogLevel("ERROR")
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server, as its superuser: by a socket without, on 127.0.0.1 with a password."""
    pytest.importorskip("psycopg")
    with _server() as address:
        yield address


def _program(name: str) -> str | None:
    """A program of the server. Debian keeps them out of the PATH, by version."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(kept[-1]) if kept else None)


@contextmanager
def _server() -> Iterator[str]:
    initdb, control = _program("initdb"), _program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("no PostgreSQL server is installed (Debian's package postgresql)")
    place = Path(tempfile.mkdtemp(prefix="imnm-pg-"))  # a socket's path must be short
    run: dict[str, Any] = {"check": True, "capture_output": True, "cwd": place}
    if os.geteuid() == 0:  # the server refuses to run as root
        run["user"] = _unprivileged()
        os.chown(place, pwd.getpwnam(run["user"]).pw_uid, -1)
    port = _free_port()
    try:
        subprocess.run([initdb, "-D", place / "data", "-U", "imnm", "--auth-local=trust", "--auth-host=scram-sha-256",
                        "-E", "UTF8", "--no-sync"], **run)  # fmt: skip
        options = f"-k {place} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
        start = [control, "-D", place / "data", "-o", options, "-l", place / "log", "-w", "start"]
        subprocess.run(start, **run)
        try:
            yield f"postgresql://imnm@/postgres?host={place}&port={port}"
        finally:
            subprocess.run([control, "-D", place / "data", "-m", "immediate", "-w", "stop"], **run)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unprivileged() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
