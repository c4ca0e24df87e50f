"""CDS Hooks under load, on loopback, by a real HTTP load tool (wrk): ``python bench/cds_hooks.py``.

Three services in processes of their own, one worker each: ours, one that only decodes the same body with FastAPI, and
one that validates every resource with fhir.resources (where it is installed). Records are invented and differ from
call to call in patient and user, so that no answer is remembered. Two measures: at a fixed rate (open loop, from the
time a call was due, so waiting counts) and as fast as one connection goes (wrk).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

PATH = "/cds-services/imnm-patient-view"
VARIANTS = 200
DECODE_ONLY = """
import json
from fastapi import FastAPI, Request
app = FastAPI()
@app.post("/cds-services/imnm-patient-view")
async def call(request: Request):
    json.loads(await request.body())
    return {"cards": []}
@app.get("/readyz")
async def ready():
    return {}
"""
VALIDATED = """
import json
from fastapi import FastAPI, Request
from fhir.resources.R4B.bundle import Bundle
app = FastAPI()
@app.post("/cds-services/imnm-patient-view")
async def call(request: Request):
    body = json.loads(await request.body())
    for value in body["prefetch"].values():
        if value and value["resourceType"] == "Bundle":
            Bundle.model_validate(value)
    return {"cards": []}
@app.get("/readyz")
async def ready():
    return {}
"""


# ---------------------------------------------------------------- calls


COUNTS = {"ck": 8, "labs": 40, "conditions": 80, "medications": 40}
"""Entries in each prefetched Bundle: within the limits of our templates. The rest of the bytes is narrative, as record
systems send it."""
OTHER_LABS = (("1742-6", "U/L", 40.0), ("1920-8", "U/L", 40.0), ("2160-0", "umol/L", 100.0), ("3016-3", "mIU/L", 4.5))


def body(size: int, number: int) -> bytes:
    """A call of about this many bytes: a suspected patient (weak on a statin, CK raised, no antibody tested)."""
    bare = len(_call(number, ""))
    padding = max(0, (size - bare) // sum(COUNTS.values()) - 90)
    return _call(number, "narrative of the entry as its system writes it; " * (padding // 48 + 1) if padding else "")


def _call(number: int, narrative: str) -> bytes:
    chance = random.Random(number)
    id = f"bench-{number}"

    def entry(kind: str, place: int, **content: Any) -> dict[str, Any]:
        text = {"text": {"status": "generated", "div": f"<div>{narrative}</div>"}} if narrative else {}
        return {"resource": {"resourceType": kind, "id": f"{kind}-{place}", **text,
                             "subject": {"reference": f"Patient/{id}"}, **content}}  # fmt: skip

    def result(place: int, code: str, unit: str, high: float, value: float) -> dict[str, Any]:
        quantity = {"unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}
        return entry("Observation", place, status="final",
                     code={"coding": [{"system": "http://loinc.org", "code": code, "display": "laboratory result"}]},
                     effectiveDateTime=f"{2023 + place // 24}-{1 + place % 12:02}-{1 + place % 28:02}T08:30:00Z",
                     valueQuantity={"value": value, **quantity},
                     referenceRange=[{"high": {"value": high, **quantity}}])  # fmt: skip

    ck = [result(n, "2157-6", "U/L", 200, chance.randint(2000, 9000)) for n in range(COUNTS["ck"])]
    labs = []
    for n in range(COUNTS["labs"]):
        code, unit, high = OTHER_LABS[n % len(OTHER_LABS)]
        labs.append(result(100 + n, code, unit, high, round(high * chance.uniform(0.5, 1.4), 1)))
    conditions = [entry("Condition", 0, code={"text": "Proximal muscle weakness"}, recordedDate="2024-01-05")]
    for n in range(1, COUNTS["conditions"]):
        code = {"system": "http://snomed.info/sct", "code": str(10_000_000 + n), "display": f"another problem {n}"}
        conditions.append(entry("Condition", n, code={"coding": [code]}, recordedDate="2020-03-04"))
    drugs = ["Atorvastatin 40 mg tablet", *(f"another drug {n}, 5 mg tablet" for n in range(1, COUNTS["medications"]))]
    medications = [
        entry("MedicationRequest", n, status="stopped", intent="order", medicationCodeableConcept={"text": drug},
              authoredOn="2019-02-01")
        for n, drug in enumerate(drugs)
    ]  # fmt: skip
    bundles = {"ck": ck, "labs": labs, "conditions": conditions, "medications": medications}
    call = {
        "hook": "patient-view",
        "hookInstance": str(uuid.UUID(int=number + 1)),
        "context": {"userId": f"Practitioner/{number}", "patientId": id},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1956-04-02"},
            **{key: {"resourceType": "Bundle", "type": "searchset", "entry": found} for key, found in bundles.items()},
            "statements": None,
            "allergies": None,
            "reports": None,
        },
    }
    return json.dumps(call).encode()


# ---------------------------------------------------------------- services


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(kind: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    if kind == "imnm":
        program = "import sys; from imnm.cli import main; sys.exit(main())"
        data = folder / f"data-{port}"
        command = [sys.executable, "-c", program, "serve", "--port", str(port), "--data", str(data)]
    else:
        module = folder / f"{kind}.py"
        module.write_text(DECODE_ONLY if kind == "decode" else VALIDATED)
        command = [sys.executable, "-m", "uvicorn", f"{kind}:app", "--port", str(port), "--no-access-log",
                   "--log-level", "error"]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
            return process, port
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the service {kind} did not start")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def processor_ms(process: subprocess.Popen[bytes]) -> float:
    """The processor time a service has used: unlike a latency, not changed by what else the machine is doing."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def open_files(process: subprocess.Popen[bytes]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


# ---------------------------------------------------------------- load


async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> int:
    """One call over an open connection; the status."""
    head = (
        f"POST {PATH} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {len(data)}",
    )
    writer.write("\r\n".join((*head, "", "")).encode() + data)
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in answer.split(b"\r\n")[1:] if b": " in line)
    await reader.readexactly(int({k.lower(): v for k, v in fields.items()}[b"content-length"]))
    return int(answer.split(b" ", 2)[1])


async def at_rate(port: int, bodies: list[bytes], rate: float, seconds: float) -> tuple[list[float], int]:
    """Calls at a fixed rate. The seconds of each from when it was due, and how many were not answered with 200."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    times: list[float] = []
    errors = 0
    first = time.perf_counter() + 0.2

    async def one(number: int) -> None:
        nonlocal errors
        due = first + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        pair = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        try:
            errors += await send(*pair, bodies[number % len(bodies)]) != 200
            idle.append(pair)
        except (OSError, asyncio.IncompleteReadError, KeyError):
            errors += 1
        times.append(time.perf_counter() - due)

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    for _, writer in idle:
        writer.close()
    return times, errors


def share(times: list[float], part: float) -> float:
    """The time that this part of the calls did not exceed, in ms."""
    return sorted(times)[min(len(times) - 1, int(part * len(times)))] * 1000


def wrk(port: int, data: bytes, seconds: int, connections: int = 1) -> dict[str, float]:
    """Calls as fast as they go: calls a second, p50 and p99 in ms, errors."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(data)
        script = Path(folder) / "post.lua"
        script.write_text(
            f'local f = io.open("{folder}/body", "rb"); wrk.body = f:read("*all"); f:close()\n'
            'wrk.method = "POST"; wrk.headers["content-type"] = "application/json"\n'
            "done = function(s, l, r)\n  local e = s.errors\n"
            "  io.write(string.format('RESULT %d %d %d %d %d\\n', s.requests, s.duration,\n"
            "    l:percentile(50), l:percentile(99), e.status + e.connect + e.read + e.timeout))\nend\n"
        )
        printed = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}{PATH}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    calls, micro, p50, p99, errors = map(float, printed.split("RESULT ")[1].split())
    return {"rate": calls / (micro / 1e6), "p50": p50 / 1000, "p99": p99 / 1000, "errors": errors, "calls": calls}


# ---------------------------------------------------------------- the figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--soak", type=int, default=0, help="only watch the memory over this many calls (100000)")
    parser.add_argument("--soak-size", type=int, default=20_000, help="bytes of each of these calls")
    arguments = parser.parse_args()
    kinds = ["imnm", "decode"]
    try:
        import fhir.resources  # type: ignore[import-not-found]  # noqa: F401

        kinds.append("validate")
    except ImportError:
        print("fhir.resources is not installed: the service that validates is left out")
    print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.soak:
            _soak(folder, arguments.soak, arguments.soak_size)
            return 0
        for size, rate in ((125_000, 50.0), (1_000_000, 10.0)):
            bodies = [body(size, number) for number in range(VARIANTS if size < 500_000 else 40)]
            print(f"\n{len(bodies[0]) // 1000} kB, {rate:g} calls a second, {arguments.seconds:g} s")
            for kind in kinds:
                _measure(kind, folder, bodies, rate, arguments.seconds)
    return 0


def _measure(kind: str, folder: Path, bodies: list[bytes], rate: float, seconds: float) -> None:
    process, port = start(kind, folder)
    try:
        asyncio.run(at_rate(port, bodies, rate, 3))
        fresh = [data.replace(b"bench-", b"again-") for data in bodies]
        before = processor_ms(process)
        times, errors = asyncio.run(at_rate(port, fresh, rate, seconds))
        used = (processor_ms(process) - before) / len(times)
        print(f"  {kind:9} p50 {share(times, 0.5):7.1f} ms   p99 {share(times, 0.99):7.1f} ms   "
              f"processor {used:5.1f} ms a call   errors {errors}")  # fmt: skip
        if shutil.which("wrk"):
            full = wrk(port, bodies[0], 5)
            print(f"  {'':9} wrk, one connection: {full['rate']:.0f} a second, p50 {full['p50']:.1f} ms, "
                  f"p99 {full['p99']:.1f} ms, errors {full['errors']:.0f}")  # fmt: skip
    finally:
        stop(process)


def _soak(folder: Path, calls: int, size: int) -> None:
    """Many calls, each about another patient and user with other results, so that all that remembers has something to.
    Memory is read as it goes; what stays after the first fifth is the growth that counts."""
    process, port = start("imnm", folder)
    print(f"\nmemory over {calls} calls of {size // 1000} kB, each of a patient of its own")
    readings: list[tuple[int, float]] = []
    try:
        done, errors, step = 0, 0, max(500, calls // 40)
        while done < calls:
            part = [body(size, number) for number in range(done, min(done + step, calls))]
            errors += asyncio.run(_as_fast_as_they_go(port, part))
            done += len(part)
            readings.append((done, memory_mb(process)))
            line = f"{readings[-1][1]:6.1f} MB, {open_files(process)} open files, errors {errors}"
            print(f"  after {done:7} calls: {line}", flush=True)
    finally:
        stop(process)
    settled = [mb for at, mb in readings if at >= calls / 5] or [readings[-1][1]]
    print(f"  growth after the first fifth: {settled[-1] - settled[0]:+.1f} MB "
          f"(highest {max(mb for _, mb in readings):.1f} MB), errors {errors}")  # fmt: skip


async def _as_fast_as_they_go(port: int, bodies: list[bytes], connections: int = 2) -> int:
    """Calls one after the other over a few connections; how many were not answered with 200."""
    waiting = iter(bodies)
    errors = 0

    async def work() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        for data in waiting:
            errors += await send(reader, writer, data) != 200
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return errors


if __name__ == "__main__":
    sys.exit(main())
