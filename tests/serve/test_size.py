"""Large sources and records: a worklist of 10,000 rows, a record of 50,000 entries."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from imnm.assessment import assess_record
from imnm.population.rows import ListedRow
from imnm.serve.source import Listed

from .conftest import example


def test_a_worklist_of_ten_thousand_rows(clinic: TestClient) -> None:
    patients = clinic.app.state.patients  # type: ignore[attr-defined]
    first = patients.listed[0]
    rows = [ListedRow(**{**_fields(first.row), "patient_id": f"p{n}", "ck_peak_u_l": float(n)}) for n in range(10_000)]
    patients.listed = [Listed(row, first.course * 10) for row in rows]
    for path in ("/", "/?sort=ck_peak_u_l&page=200", "/?q=p9999", "/?level=established&status=open"):
        start = time.perf_counter()
        page = clinic.get(path)
        assert page.status_code == 200
        assert len(page.content) < 1_000_000
        assert page.text.count('<th scope="row">') <= 50
        assert time.perf_counter() - start < 5
    assert "p9999" in clinic.get("/?sort=ck_peak_u_l").text
    assert "p0<" in clinic.get("/?sort=ck_peak_u_l&page=200").text


def _fields(row: ListedRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _pulse(n: int) -> dict[str, object]:
    return {"code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "Pulse"},
            "valueQuantity": {"value": 60 + n % 40, "unit": "/min"}}  # fmt: skip


def _ck(n: int) -> dict[str, object]:
    return {"code": {"coding": [{"system": "http://loinc.org", "code": "2157-6"}], "text": "Creatine kinase"},
            "valueQuantity": {"value": 100 + n % 9000, "unit": "U/L", "code": "U/L"},
            "referenceRange": [{"high": {"value": 200, "unit": "U/L", "code": "U/L"}}]}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("entry", [_pulse, _ck], ids=["beside the point", "every one a CK"])
def test_a_record_of_fifty_thousand_entries(
    start: Callable[..., TestClient], entry: Callable[[int], dict[str, object]]
) -> None:
    record = json.loads(example("course"))
    subject = record["entry"][0]["resource"]["id"]
    for n in range(50_000):
        record["entry"].append(
            {"resource": {"resourceType": "Observation", "id": f"bulk-{n}", "status": "final",
                          "subject": {"reference": f"Patient/{subject}"},
                          "effectiveDateTime": f"20{10 + n % 14}-{1 + n % 12:02}-{1 + n % 28:02}", **entry(n)}}
        )  # fmt: skip
    data = json.dumps(record).encode()
    service = start()
    service.post("/assess/record", files={"pasted": (None, example("course"))})  # what is loaded once
    begin = time.process_time()
    assess_record(data)
    alone = time.process_time() - begin
    begin = time.process_time()
    page = service.post("/assess/record", files={"file": ("p.json", data, "application/json")})
    whole = time.process_time() - begin
    assert page.status_code == 200
    assert len(page.content) < 1_000_000
    assert whole < 10 * alone
