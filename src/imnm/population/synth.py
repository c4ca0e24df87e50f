"""Synthetic populations with known truth: everyday people in SQL, those with a muscle disease from the frequency table.

For load, plumbing, power calculations and teaching, never for tuning or validating the rules: what people with a
disease show is drawn from the same published frequencies as the differential, so that a rule which does well here has
shown that it is carried out, not that it is right. How common everyday things are (visits, prescriptions, laboratory
panels) is a convention of this project, chosen to give records of a realistic size and mix, not epidemiology.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from imnm.knowledge.concepts import codes
from imnm.knowledge.differential import DISEASES, cells, priors
from imnm.knowledge.messages import say

from .files import reason_of
from .interrupt import unfinished
from .source import Progress, SourceError, cores
from .store import literal

FIRST_DAY = dt.date(2014, 1, 1)
LAST_DAY = dt.date(2023, 12, 31)
IMNM = ("imnm_hmgcr", "imnm_srp", "imnm_seronegative")
OTHER_SHARE = 0.022
"""Share of people with another muscle disease or a raised CK, in the mix of the setting general-record (convention)."""
RECORDED = 0.7
"""Chance that a sign which is present is written down (convention: missing data)."""
DIAGNOSED = 0.4
"""Chance that IMNM has been recognised by the end of the record (convention)."""
_CHUNK = {"omop": 25_000, "fhir": 2_500}
"""People in a part. Each part is made by one thread for itself, so that what is written does not depend on how many
there are: the same arguments give the same bytes with the same version of DuckDB."""
_LOCAL_IDS = 2_000_000_000
"""OMOP keeps concept ids above this for concepts that a site makes itself."""


class Made(NamedTuple):
    """What was written."""

    patients: int
    imnm: int
    truth: Path


class Item(NamedTuple):
    """A concept of the synthetic vocabulary."""

    key: str
    vocabulary: str
    code: str
    name: str
    domain: str


_NAMES = {"loinc": "LOINC", "snomed": "SNOMED", "rxnorm": "RxNorm", "icd10cm": "ICD10CM"}
_OURS: tuple[tuple[str, str, str, str], ...] = (
    ("creatine_kinase_total", "loinc", "2157-6", "Measurement"),
    ("creatinine", "loinc", "2160-0", "Measurement"),
    ("potassium", "loinc", "2823-3", "Measurement"),
    ("alt", "loinc", "1742-6", "Measurement"),
    ("ast", "loinc", "1920-8", "Measurement"),
    ("tsh", "loinc", "3016-3", "Measurement"),
    ("crp", "loinc", "1988-5", "Measurement"),
    ("anti_hmgcr", "loinc", "93493-5", "Measurement"),
    ("anti_srp", "loinc", "33921-8", "Measurement"),
    ("myalgia", "snomed", "68962001", "Condition"),
    ("muscle_weakness", "snomed", "26544005", "Condition"),
    ("proximal_muscle_weakness", "snomed", "249939004", "Condition"),
    ("rhabdomyolysis", "snomed", "240131006", "Condition"),
    ("dysphagia", "snomed", "40739000", "Condition"),
    ("hypothyroidism", "snomed", "40930008", "Condition"),
    ("dermatomyositis", "snomed", "396230008", "Condition"),
    ("muscular_dystrophy", "snomed", "73297009", "Condition"),
    ("myositis_unspecified", "snomed", "26889001", "Condition"),
    ("myopathy_unspecified", "snomed", "129565002", "Condition"),
    ("statin_myopathy", "snomed", "16462851000119106", "Condition"),
    ("atorvastatin", "rxnorm", "83367", "Drug"),
    ("simvastatin", "rxnorm", "36567", "Drug"),
    ("rosuvastatin", "rxnorm", "301542", "Drug"),
    ("prednisone", "rxnorm", "8640", "Drug"),
    ("levothyroxine", "rxnorm", "10582", "Drug"),
)
"""Concepts of ours, each with one of its codes (checked against the code tables when they are used)."""
_EVERYDAY: tuple[Item, ...] = (
    Item("height", "LOINC", "8302-2", "Body height", "Measurement"),
    Item("weight", "LOINC", "29463-7", "Body weight", "Measurement"),
    Item("systolic", "LOINC", "8480-6", "Systolic blood pressure", "Measurement"),
    Item("diastolic", "LOINC", "8462-4", "Diastolic blood pressure", "Measurement"),
    Item("pulse", "LOINC", "8867-4", "Heart rate", "Measurement"),
    Item("glucose", "LOINC", "2345-7", "Glucose [Mass/volume] in Serum or Plasma", "Measurement"),
    Item("sodium", "LOINC", "2951-2", "Sodium [Moles/volume] in Serum or Plasma", "Measurement"),
    Item("haemoglobin", "LOINC", "718-7", "Hemoglobin [Mass/volume] in Blood", "Measurement"),
    Item("leukocytes", "LOINC", "6690-2", "Leukocytes [#/volume] in Blood by Automated count", "Measurement"),
    Item("platelets", "LOINC", "777-3", "Platelets [#/volume] in Blood by Automated count", "Measurement"),
    Item("cholesterol", "LOINC", "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "Measurement"),
    Item(
        "ldl", "LOINC", "18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay", "Measurement"
    ),
    Item("hba1c", "LOINC", "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "Measurement"),
    Item("hypertension", "SNOMED", "59621000", "Essential hypertension", "Condition"),
    Item("diabetes", "SNOMED", "44054006", "Type 2 diabetes mellitus", "Condition"),
    Item("hyperlipidemia", "SNOMED", "55822004", "Hyperlipidemia", "Condition"),
    Item("pharyngitis", "SNOMED", "195662009", "Acute viral pharyngitis", "Condition"),
    Item("infarction", "SNOMED", "22298006", "Myocardial infarction", "Condition"),
    Item("fracture", "SNOMED", "125605004", "Fracture of bone", "Condition"),
    Item("injury", "SNOMED", "417746004", "Traumatic injury", "Condition"),
    Item("back_pain", "SNOMED", "279039007", "Low back pain", "Condition"),
    Item("metformin", "RxNorm", "6809", "metformin", "Drug"),
    Item("lisinopril", "RxNorm", "29046", "lisinopril", "Drug"),
    Item("omeprazole", "RxNorm", "7646", "omeprazole", "Drug"),
    Item("amoxicillin", "RxNorm", "723", "amoxicillin", "Drug"),
)
_ICD: tuple[tuple[str, str], ...] = (
    ("G72.49", "Other inflammatory and immune myopathies, not elsewhere classified"),
    ("G72.0", "Drug-induced myopathy"),
    ("M60.9", "Myositis, unspecified"),
    ("M33.20", "Polymyositis, organ involvement unspecified"),
    ("G72.9", "Myopathy, unspecified"),
    ("M62.82", "Rhabdomyolysis"),
    ("M79.10", "Myalgia, unspecified site"),
    ("R74.8", "Abnormal levels of other serum enzymes"),
    ("M33.10", "Other dermatomyositis, organ involvement unspecified"),
    ("G71.09", "Other specified muscular dystrophies"),
    ("M62.81", "Muscle weakness (generalized)"),
)
_IMNM_CODED = ("G72.49", "G72.49", "G72.0", "M60.9", "M33.20", "G72.9")
"""How a recognised IMNM is coded where there is no code of its own (dossier codes.md, coding habits; equal chances)."""
_STANDARD = {"G72.49": "myositis_unspecified", "G72.0": "myopathy_unspecified", "M60.9": "myositis_unspecified",
             "M33.20": "myositis_unspecified", "G72.9": "myopathy_unspecified", "M62.82": "rhabdomyolysis",
             "M79.10": "myalgia", "R74.8": "", "M33.10": "dermatomyositis", "G71.09": "muscular_dystrophy",
             "M62.81": "muscle_weakness"}  # fmt: skip


class Vocabulary:
    """The concepts of the synthetic database and their ids."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.ids: dict[str, int] = {}
        for key, system, code, domain in _OURS:
            row = next(row for row in codes(system)[code] if row.concept == key)
            name = row.display or key.replace("_", " ")
            self._add(Item(key, _NAMES[system], code, name, domain), int(row.omop) if row.omop else None)
        for item in _EVERYDAY:
            self._add(item, None)
        for code, name in _ICD:
            self._add(Item(code, "ICD10CM", code, name, "Condition"), None)

    def _add(self, item: Item, id: int | None) -> None:
        self.items[item.key] = item
        self.ids[item.key] = id if id is not None else _LOCAL_IDS + len(self.ids)

    def table(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The table *vocabulary*: with a concept's id and code its coding as FHIR writes it."""
        connection.execute(
            "CREATE TABLE vocabulary (key VARCHAR, id BIGINT, code VARCHAR, name VARCHAR, system VARCHAR, "
            "coding VARCHAR)"
        )
        rows = []
        for key, item in self.items.items():
            coding = {"system": _SYSTEMS[item.vocabulary], "code": item.code, "display": item.name}
            concept = json.dumps({"coding": [coding], "text": item.name}, separators=(",", ":"))
            rows.append((key, self.ids[key], item.code, item.name, item.vocabulary, concept))
        connection.executemany("INSERT INTO vocabulary VALUES (?, ?, ?, ?, ?, ?)", rows)


_SYSTEMS = {
    "LOINC": "http://loinc.org",
    "SNOMED": "http://snomed.info/sct",
    "RxNorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
}


def synthesise(
    patients: int,
    out: Path,
    form: str,
    seed: int = 1,
    prevalence: float = 0.0002,
    progress: Progress = lambda line: None,
) -> Made:
    """Write a population. The same arguments give the same bytes. Raises SourceError for impossible arguments."""
    if patients < 1 or not 0 <= prevalence <= 0.5:
        raise SourceError(say("population.error.synth_numbers"))
    out = out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SourceError(say("population.error.synth_folder", folder=out))
    try:
        with unfinished(out.with_name(f".{out.name}.{os.getpid()}.part")) as part:
            part.mkdir(parents=True)
            made = _write(patients, part, form, seed, prevalence, progress)
            if out.exists():
                out.rmdir()
            part.replace(out)
    except (OSError, duckdb.IOException) as error:
        raise SourceError(say("population.error.cannot_write", file=out, reason=reason_of(error))) from error
    return made._replace(truth=out / made.truth.name)


def _write(patients: int, out: Path, form: str, seed: int, prevalence: float, progress: Progress) -> Made:
    vocabulary = Vocabulary()
    cases = _cases(patients, seed, prevalence)
    if form == "omop":
        _write_vocabulary(vocabulary, out)
    size = _CHUNK[form]
    starts = range(0, patients, size)
    places = _OMOP_TABLES if form == "omop" else _FHIR_TYPES
    for name in places if form == "omop" and len(starts) > 1 else ():
        (out / name).mkdir()

    def part(start: int) -> None:
        last = min(start + size, patients)
        _part(vocabulary, [case for case in cases if start < case.person <= last], (start + 1, last), seed, form,
              {name: _place(out, name, form, start // size, len(starts)) for name in places})  # fmt: skip

    with ThreadPoolExecutor(cores()) as pool:
        try:
            for done, _ in enumerate(pool.map(part, starts), 1):
                progress(say("population.progress.synth", done=min(done * size, patients), total=patients))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    truth = out / "truth.csv"
    with truth.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("patient_id", "diagnosis", "diagnosed_on", "first_sign_on"))
        for case in cases:
            writer.writerow((case.person, case.disease, case.diagnosed or "", case.onset))
    return Made(patients, sum(case.disease in IMNM for case in cases), truth)


def _place(out: Path, name: str, form: str, number: int, parts: int) -> Path:
    """The file of a part of a table or type; of several parts OMOP tables are folders, as Spark writes them."""
    if form == "fhir":
        return out / (f"{name}.ndjson" if parts == 1 else f"{name}.{number:05d}.ndjson")
    return out / f"{name}.parquet" if parts == 1 else out / name / f"{number:05d}.parquet"


def _part(
    vocabulary: Vocabulary, cases: list[CaseOf], people: tuple[int, int], seed: int, form: str, places: dict[str, Path]
) -> None:
    """Make these people and write them."""
    connection = duckdb.connect()
    try:
        connection.execute("SET threads = 1")
        _ill(connection, cases)
        vocabulary.table(connection)
        _everyday(connection, *people, seed)
        _add_cases(connection, cases, seed)
        for query in _DISORDER:
            connection.execute(query)
        for name, path in places.items():
            if form == "omop":
                connection.execute(f"COPY ({_OMOP_TABLES[name]}) TO {literal(str(path))} (FORMAT parquet)")
            else:
                connection.execute(
                    f"COPY ({_FHIR_TYPES[name]}) TO {literal(str(path))} "
                    "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
                )
    finally:
        connection.close()


# ---------------------------------------------------------------- everyday people, in SQL

_MACROS = """
CREATE MACRO u(person, k) AS (hash(person * 4096 + k, {seed}) >> 11)::DOUBLE / 9007199254740992;
CREATE MACRO bell(h) AS ((h & 2097151) + ((h >> 21) & 2097151) + (h >> 43)) / 1048576.0 - 3;
"""
_PEOPLE = """
CREATE TABLE people AS
SELECT person, age, female, first, days, birth,
  greatest(2, (days / 365.0 * (0.3 + 1.5 * u(person, 5) * (0.4 + age / 70.0)))::INT) AS visits,
  age > 38 AND u(person, 6) < least(0.42, (age - 30) / 110.0) AS statin,
  age > 30 AND u(person, 7) < least(0.5, age / 160.0) AS hypertension,
  age > 35 AND u(person, 8) < least(0.2, age / 400.0) AS diabetes,
  age > 25 AND u(person, 9) < (CASE WHEN female THEN 0.05 ELSE 0.015 END) AS hypothyroid,
  age > 45 AND u(person, 10) < 0.02 AS infarction,
  u(person, 11) < 0.06 AS fracture,
  u(person, 15) < 0.003 AS injury,
  age > 18 AND u(person, 12) < 0.008 AS myalgia,
  age > 38 AND u(person, 16) < 0.04 AS statin_myalgia,
  u(person, 17) < 0.01 AS birth_unsure, u(person, 18) < 0.004 AS sex_unknown
FROM (SELECT person, age, female, birth, greatest(began, birth) AS first,
    greatest(30, DATE '{until}' - greatest(began, birth) - (u(person, 4) * 400)::INT)::INT AS days
  FROM (SELECT person, age, u(person, 2) < 0.505 AS female, DATE '{first}' + (u(person, 3) * 1460)::INT AS began,
      DATE '2023-11-01' - (age * 365.25 + u(person, 13) * 365)::INT AS birth
    FROM (SELECT person, CASE WHEN person IN (SELECT person FROM ill) THEN 32 + (54 * u(person, 14))::INT
        ELSE (96 * pow(u(person, 1), 1.15))::INT END AS age
      FROM range({start}, {last} + 1) AS t(person))))
ORDER BY person
"""
_VISITS = """
CREATE TABLE visits AS
SELECT person, age, female, i, first + ((i + u(person, 100 + i)) * days / visits)::INT AS day,
  u(person, 200 + i) < 0.5 AS panel, person * 64 + i AS visit, hypertension OR diabetes AS chronic
FROM (SELECT *, unnest(range(visits))::INT AS i FROM people)
"""
_ITEMS = """
CREATE TABLE measured AS
SELECT visit * 64 + k AS id, person, day, visit, key, unit, high,
  round(greatest(least, middle + spread * bell(hash(visit * 4096 + k, {seed}))), digits) AS number
FROM visits, (VALUES {items}) AS t(key, unit, middle, spread, least, digits, high, k, share, panel_only)
WHERE (NOT panel_only OR panel) AND (share >= 1 OR u(visit, k + 130) < share)
"""
_MEASURED = (
    ("weight", "kg", 76, 16, 3, 1, None, 1, 1, False),
    ("height", "cm", 168, 9, 50, 0, None, 2, 0.5, False),
    ("systolic", "mm[Hg]", 128, 15, 80, 0, None, 3, 1, False),
    ("diastolic", "mm[Hg]", 77, 9, 45, 0, None, 4, 1, False),
    ("pulse", "/min", 73, 10, 40, 0, None, 5, 1, False),
    ("glucose", "mg/dL", 101, 17, 50, 0, 99, 6, 1, True),
    ("creatinine", "mg/dL", 0.9, 0.16, 0.4, 2, 1.2, 7, 1, True),
    ("potassium", "mmol/L", 4.2, 0.35, 3, 1, 5.1, 8, 1, True),
    ("sodium", "mmol/L", 139.5, 2.4, 125, 0, 145, 9, 1, True),
    ("haemoglobin", "g/dL", 13.9, 1.3, 7, 1, 17, 10, 1, True),
    ("leukocytes", "10*3/uL", 6.9, 1.6, 2, 1, 10.5, 11, 1, True),
    ("platelets", "10*3/uL", 252, 52, 60, 0, 400, 12, 1, True),
    ("alt", "U/L", 23, 8, 6, 0, 40, 13, 1, True),
    ("ast", "U/L", 23, 6, 8, 0, 40, 14, 1, True),
    ("cholesterol", "mg/dL", 191, 34, 90, 0, 200, 15, 0.8, True),
    ("ldl", "mg/dL", 113, 29, 30, 0, 130, 16, 0.8, True),
    ("hba1c", "%", 5.6, 0.5, 4, 1, 5.6, 17, 0.4, True),
    ("tsh", "m[IU]/L", 2, 0.8, 0.1, 2, 4.5, 18, 0.2, True),
    ("crp", "mg/L", 2.6, 1.5, 0.2, 1, 5, 19, 0.2, True),
)
"""key, UCUM unit, middle, spread, least, digits, upper limit, place of the dice, share of visits, only with a panel."""
_ODD_RESULTS = """
INSERT INTO measured
SELECT person * 4096 + 4032 + slot, person, day, NULL, key, unit, high, number FROM (
SELECT person, 0 AS slot, first + (0.2 * days)::INT AS day, 'tsh' AS key, 'm[IU]/L' AS unit, 4.5 AS high,
  round(6 + 20 * pow(u(person, 301), 3), 2) AS number
FROM people WHERE hypothyroid
UNION ALL  -- CK is measured when there is reason: a statin, pain, a slow thyroid, a heart attack, an injury
SELECT person, 1, first + (u(person, 302) * days)::INT, 'creatine_kinase_total', 'U/L', 200,
  round(60 + 190 * pow(u(person, 303), 2))
FROM people WHERE (statin AND u(person, 304) < 0.03) OR (myalgia AND u(person, 305) < 0.5)
UNION ALL
SELECT person, 2, first + (0.6 * days)::INT, 'creatine_kinase_total', 'U/L', 200,
  round(220 + 2400 * pow(u(person, 306), 2))
FROM people WHERE infarction AND u(person, 307) < 0.35
UNION ALL
SELECT person, 3, first + (u(person, 308) * days)::INT, 'creatine_kinase_total', 'U/L', 200,
  round(120 + 1500 * pow(u(person, 309), 4))
FROM people WHERE fracture AND u(person, 310) < 0.04
UNION ALL  -- an injury with a CK that falls by half every two days or so, and sometimes with the kidney
SELECT person, 4 + i, first + (u(person, 311) * days)::INT + 3 * i, 'creatine_kinase_total', 'U/L', 200,
  round(greatest(90, exp(6 + 3.6 * u(person, 312)) * pow(0.35, i)))
FROM (SELECT *, unnest([0, 1, 2]) AS i FROM people WHERE injury AND u(person, 313) < 0.6)
UNION ALL
SELECT person, 7, first + (u(person, 311) * days)::INT, 'creatinine', 'mg/dL', 1.2, round(1.4 + 3 * u(person, 314), 2)
FROM people WHERE injury AND u(person, 313) < 0.2
UNION ALL  -- the thyroid before it is treated
SELECT person, 8, first + (0.2 * days)::INT, 'creatine_kinase_total', 'U/L', 200, round(120 + 700 * u(person, 315))
FROM people WHERE hypothyroid AND u(person, 316) < 0.08
UNION ALL  -- muscle pain on a statin: most have a normal or slightly raised CK, which comes down when it is stopped
SELECT person, 9 + i, first + (moment * days)::INT + 35 * i, 'creatine_kinase_total', 'U/L', 200,
  round(CASE WHEN i = 0 THEN 70 + 500 * pow(u(person, 317), 3) ELSE 60 + 120 * u(person, 318) END)
FROM (SELECT *, unnest([0, 1]) AS i, 0.2 + 0.35 * u(person, 319) AS moment FROM people
  WHERE statin AND statin_myalgia) WHERE u(person, 323 + i) < 0.6)
"""
_CONDITIONS = """
CREATE TABLE stated AS
SELECT person * 4096 + 4032 + slot AS id, person, day, key, icd FROM (
SELECT person, 0 AS slot, first + (u(person, 320) * days * 0.5)::INT AS day, 'hypertension' AS key, NULL AS icd
  FROM people WHERE hypertension
UNION ALL SELECT person, 1, first + (u(person, 321) * days)::INT, 'diabetes', NULL FROM people WHERE diabetes
UNION ALL SELECT person, 2, first + (u(person, 322) * days * 0.3)::INT, 'hyperlipidemia', NULL
  FROM people WHERE statin AND u(person, 325) < 0.85
UNION ALL SELECT person, 3, first + (0.2 * days)::INT, 'hypothyroidism', NULL
  FROM people WHERE hypothyroid AND u(person, 326) < 0.85
UNION ALL SELECT person, 4, first + (0.6 * days)::INT, 'infarction', NULL FROM people WHERE infarction
UNION ALL SELECT person, 5, first + (u(person, 308) * days)::INT, 'fracture', NULL FROM people WHERE fracture
UNION ALL SELECT person, 6, first + (u(person, 302) * days)::INT, 'myalgia', 'M79.10' FROM people WHERE myalgia
UNION ALL SELECT person, 7, first + (u(person, 311) * days)::INT, 'injury', NULL FROM people WHERE injury
UNION ALL SELECT person, 8, first + (u(person, 311) * days)::INT, 'rhabdomyolysis', 'M62.82'
  FROM people WHERE injury AND u(person, 313) < 0.25
UNION ALL SELECT person, 9, first + ((0.2 + 0.35 * u(person, 319)) * days)::INT, 'myalgia', 'M79.10'
  FROM people WHERE statin AND statin_myalgia AND u(person, 327) < 0.7)
UNION ALL SELECT visit * 64, person, day, CASE WHEN u(visit, 330) < 0.5 THEN 'pharyngitis' ELSE 'back_pain' END, NULL
  FROM visits WHERE u(visit, 331) < 0.35
UNION ALL SELECT visit * 64 + 1, person, day, CASE WHEN u(visit, 332) < 0.7 THEN 'hypertension' ELSE 'diabetes' END,
  NULL FROM visits WHERE chronic AND u(visit, 333) < 0.6
"""
_DRUGS = """
CREATE TABLE taken AS
WITH users AS (
  SELECT person, first, days, u(person, 340) AS begins,
    CASE WHEN statin_myalgia AND u(person, 346) < 0.6 THEN least(1, (0.2 + 0.35 * u(person, 319)) / 0.6)
      WHEN u(person, 341) < 0.2 THEN 0.15 + 0.5 * u(person, 342) ELSE 1 END AS ends,
    CASE WHEN u(person, 343) < 0.15 THEN 0.5 ELSE 2 END AS switch,
    ['atorvastatin', 'simvastatin', 'rosuvastatin'][1 + (u(person, 344) * 2.99)::INT] AS one,
    ['rosuvastatin', 'atorvastatin', 'simvastatin'][1 + (u(person, 345) * 2.99)::INT] AS other
  FROM people WHERE statin),
fills AS (
  SELECT person, i, first + (begins * 0.4 * days)::INT + i * 90 AS day, (i * 90) / (days * 0.6) AS place, one, other,
    ends, switch
  FROM (SELECT *, unnest(range((days * 0.6 / 90)::INT))::INT AS i FROM users))
SELECT person * 4096 + i AS id, person, day, day + 89 AS finish, 90 AS supply,
  CASE WHEN place > switch THEN other ELSE one END AS key
FROM fills WHERE place <= ends
UNION ALL
SELECT person * 4096 + slot * 64 + i, person, first + (i * 90 + (u(person, 350) * 60))::INT,
  first + (i * 90 + 89 + u(person, 350) * 60)::INT, 90, key
FROM (SELECT person, first, 1 AS slot, 'lisinopril' AS key, unnest(range(days // 90)) AS i FROM people
    WHERE hypertension
  UNION ALL SELECT person, first, 2, 'metformin', unnest(range(days // 90)) FROM people WHERE diabetes
  UNION ALL SELECT person, first + (0.2 * days)::INT, 3, 'levothyroxine', unnest(range((days * 0.8 / 90)::INT))
    FROM people WHERE hypothyroid
  UNION ALL SELECT person, first, 4, 'omeprazole', unnest(range(days // 180)) FROM people WHERE u(person, 351) < 0.15)
UNION ALL
SELECT person * 4096 + 5 * 64 + i, person, day, day + 7, 7, 'amoxicillin' FROM visits WHERE u(visit, 352) < 0.06
"""
_DISORDER = (
    # what records are like: units and limits get lost, laboratories use codes of their own, names are typed by hand
    "ALTER TABLE measured ADD COLUMN source VARCHAR",
    "UPDATE measured SET unit = CASE WHEN u(id, 401) < 0.02 THEN NULL ELSE unit END, "
    "high = CASE WHEN u(id, 402) < 0.15 THEN NULL ELSE high END, source = CASE WHEN u(person, 403) < 0.08 THEN "
    "'CPK TOTAL' WHEN u(person, 403) < 0.1 THEN 'Creatine kinase' END WHERE key = 'creatine_kinase_total'",
    "ALTER TABLE taken ADD COLUMN source VARCHAR",
    "UPDATE taken SET source = upper(key) || ' 20 MG TABLET' WHERE u(person, 404) < 0.04 AND key LIKE '%statin'",
)


def _ill(connection: duckdb.DuckDBPyConnection, cases: list[CaseOf]) -> None:
    """Who has a muscle disease: they are adults."""
    numbers = ", ".join(str(case.person) for case in cases)
    connection.execute(f"CREATE TABLE ill AS SELECT unnest([{numbers}]::BIGINT[]) AS person")


def _everyday(connection: duckdb.DuckDBPyConnection, start: int, last: int, seed: int) -> None:
    """The everyday records of these people in our own tables."""
    items = ", ".join(
        "(" + ", ".join("NULL" if v is None else literal(v) if isinstance(v, str) else str(v) for v in row) + ")"
        for row in _MEASURED
    )
    for statement in _MACROS.format(seed=seed).strip().split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(_PEOPLE.format(start=start, last=last, first=FIRST_DAY, until=LAST_DAY))
    for query in (_VISITS, _ITEMS.format(items=items, seed=seed), _ODD_RESULTS, _CONDITIONS, _DRUGS):
        connection.execute(query)
    connection.execute("CREATE TABLE answered (id BIGINT, person BIGINT, day DATE, key VARCHAR, text VARCHAR)")


# ---------------------------------------------------------------- people with a muscle disease


class CaseOf(NamedTuple):
    """A person with a muscle disease: which, since when, and whether and when it was recognised."""

    person: int
    disease: str
    onset: dt.date
    diagnosed: dt.date | None


def _cases(patients: int, seed: int, prevalence: float) -> list[CaseOf]:
    """Who has which disease: IMNM at the given share, the others in the mix of a general record."""
    dice = random.Random(seed)
    shares = dict(zip(DISEASES, priors("general-record"), strict=True))
    of_imnm = [shares[disease] for disease in IMNM]
    others = [disease for disease in DISEASES if disease not in IMNM]
    count = {True: _rounded(patients * prevalence, dice), False: _rounded(patients * OTHER_SHARE, dice)}
    chosen = dice.sample(range(1, patients + 1), min(patients, count[True] + count[False]))
    found = []
    for place, person in enumerate(sorted(chosen, key=lambda _: dice.random())):
        ill = place < count[True]
        disease = dice.choices(IMNM, of_imnm)[0] if ill else dice.choices(others, [shares[d] for d in others])[0]
        onset = FIRST_DAY + dt.timedelta(days=int(dice.uniform(1500, 3100)))
        recognised = dice.random() < DIAGNOSED
        diagnosed = onset + dt.timedelta(days=int(dice.lognormvariate(4.8, 0.7))) if recognised else None
        found.append(CaseOf(person, disease, onset, diagnosed if diagnosed and diagnosed < LAST_DAY else None))
    return sorted(found)


def _rounded(number: float, dice: random.Random) -> int:
    return math.floor(number) + (dice.random() < number - math.floor(number))


def _chance(finding: str, disease: str) -> float:
    """How often the disease shows the finding, by the frequency table; 0 where it says nothing."""
    table = cells()
    found = table.get((finding, disease, "western")) or table.get((finding, disease, ""))
    return found.mean if found is not None else 0.0


_BANDS: tuple[tuple[str, float, float], ...] = (
    ("ck_peak_normal", 60, 200),
    ("ck_peak_1_5x_uln", 210, 300),
    ("ck_peak_above_normal_lt_1000", 300, 999),
    ("ck_peak_1000_5000", 1000, 5000),
    ("ck_peak_5000_10000", 5000, 10000),
    ("ck_peak_gt_10000", 10000, 40000),
)
_SIGNS = (
    ("proximal_weakness", "proximal_muscle_weakness", "M62.81"),
    ("proximal_weakness", "muscle_weakness", "M62.81"),
    ("myalgia", "myalgia", "M79.10"),
    ("dysphagia", "dysphagia", None),
)
_CODED = {"rhabdomyolysis_other": ("rhabdomyolysis", "M62.82"), "dermatomyositis": ("dermatomyositis", "M33.10"),
          "statin_toxic_myopathy": ("statin_myopathy", "G72.0"), "antisynthetase_syndrome": ("", "M33.20"),
          "polymyositis_overlap": ("", "M33.20"), "inclusion_body_myositis": ("", "G72.49"),
          **dict.fromkeys(("lgmd", "dysferlinopathy", "lgmd_r9_fkrp", "lgmd_r12_ano5", "becker"),
                          ("muscular_dystrophy", "G71.09"))}  # fmt: skip

Row = tuple[Any, ...]


class _Records(NamedTuple):
    measured: list[Row]
    stated: list[Row]
    taken: list[Row]
    answered: list[Row]


def _add_cases(connection: duckdb.DuckDBPyConnection, cases: list[CaseOf], seed: int) -> None:
    """What people with a muscle disease have on record beside everyday things."""
    records = _Records([], [], [], [])
    for case in cases:
        _record(case, random.Random(f"{seed}:{case.person}"), records)
    for table, rows, names, slot in (
        ("measured", records.measured, "person BIGINT, day DATE, key VARCHAR, unit VARCHAR, high DOUBLE, number DOUBLE",
         3968),
        ("stated", records.stated, "person BIGINT, day DATE, key VARCHAR, icd VARCHAR", 3968),
        ("taken", records.taken, "person BIGINT, day DATE, finish DATE, supply INT, key VARCHAR", 512),
        ("answered", records.answered, "person BIGINT, day DATE, key VARCHAR, text VARCHAR", 3904),
    ):  # fmt: skip
        columns = ", ".join(name.split()[0] for name in names.split(", "))
        data = json.dumps([dict(zip(columns.split(", "), row, strict=True)) for row in rows], default=str)
        fields = ", ".join(f'"{name.split()[0]}": "{name.split()[1]}"' for name in names.split(", "))
        connection.execute(
            f"INSERT INTO {table} (id, {columns}) SELECT person * 4096 + {slot} + "
            f"row_number() OVER (PARTITION BY person ORDER BY place) - 1 AS id, {columns} FROM (SELECT unnest(rows, "
            f"recursive := true), generate_subscripts(rows, 1) AS place FROM (SELECT from_json($1::JSON, "
            f"'[{{{fields}}}]') AS rows)) ORDER BY id",
            [data],
        )


def _record(case: CaseOf, dice: random.Random, records: _Records) -> None:
    disease, onset = case.disease, case.onset
    statin = dice.random() < _chance("statin_exposure", disease)
    stop = onset + dt.timedelta(days=dice.randint(20, 120)) if statin and dice.random() < 0.6 else None
    if statin:
        drug = dice.choice(("atorvastatin", "simvastatin", "rosuvastatin"))
        begin = onset - dt.timedelta(days=dice.randint(100, 1400))
        while begin < (stop or LAST_DAY):
            records.taken.append((case.person, begin, begin + dt.timedelta(days=89), 90, drug))
            begin += dt.timedelta(days=90)
    for finding, key, icd in _SIGNS:
        share = 0.5 if finding == "proximal_weakness" else 1
        if dice.random() < _chance(finding, disease) * RECORDED * share:
            day = onset + dt.timedelta(days=dice.randint(0, 60))
            records.stated.append((case.person, day, key, icd))
    _ck(case, dice, stop, records)
    if dice.random() < _chance("elevated_tsh", disease) * RECORDED:
        records.measured.append((case.person, onset, "tsh", "m[IU]/L", 4.5, round(dice.uniform(11, 90), 1)))
    coded = _CODED.get(disease)
    if coded is not None and dice.random() < RECORDED:
        day = case.diagnosed or onset + dt.timedelta(days=dice.randint(1, 90))
        records.stated.append((case.person, day, coded[0] or _STANDARD[coded[1]], coded[1]))
    if disease in IMNM and case.diagnosed is not None:
        _recognised(case, case.diagnosed, dice, records)


def _ck(case: CaseOf, dice: random.Random, stop: dt.date | None, records: _Records) -> None:
    """A course of CK: a peak in the band the frequency table gives, then staying up or coming down."""
    weights = [_chance(band, case.disease) for band, _, _ in _BANDS]
    if not sum(weights) or dice.random() > RECORDED + 0.2:
        return
    _, low, high = dice.choices(_BANDS, weights)[0]
    peak = math.exp(dice.uniform(math.log(low), math.log(high)))
    lasting = dice.random() < max(_chance("ck_persists_3m_after_statin_stop", case.disease), 0.1)
    limit = None if dice.random() < 0.2 else 200
    for number in range(dice.randint(1, 4)):
        day = case.onset + dt.timedelta(days=5 + number * dice.randint(20, 60))
        fall = dice.uniform(0.7, 1.0) if lasting else dice.uniform(0.05, 0.4)
        value = max(50.0, peak * (fall**number))
        if day <= LAST_DAY:
            records.measured.append((case.person, day, "creatine_kinase_total", "U/L", limit, float(round(value))))


def _recognised(case: CaseOf, day: dt.date, dice: random.Random, records: _Records) -> None:
    """The antibody and, by the habits of coders, a diagnosis that is hardly ever called IMNM; then treatment."""
    for antibody, disease in (("anti_hmgcr", "imnm_hmgcr"), ("anti_srp", "imnm_srp")):
        records.answered.append((case.person, day, antibody, "Positive" if case.disease == disease else "Negative"))
    icd = dice.choice(_IMNM_CODED)
    records.stated.append((case.person, day, _STANDARD[icd], icd))
    records.taken.append((case.person, day, day + dt.timedelta(days=89), 90, "prednisone"))


# ---------------------------------------------------------------- OMOP

_OMOP_TABLES = {
    "person": "SELECT person AS person_id, CASE WHEN sex_unknown THEN 0 WHEN female THEN 8532 ELSE 8507 END AS "
    "gender_concept_id, year(birth)::INT AS year_of_birth, CASE WHEN NOT birth_unsure THEN month(birth)::INT END AS "
    "month_of_birth, CASE WHEN NOT birth_unsure THEN day(birth)::INT END AS day_of_birth, "
    "0 AS race_concept_id, 0 AS ethnicity_concept_id, person::VARCHAR AS person_source_value FROM people",
    "observation_period": "SELECT person AS observation_period_id, person AS person_id, first AS "
    "observation_period_start_date, first + days AS observation_period_end_date, 32817 AS period_type_concept_id "
    "FROM people",
    "visit_occurrence": "SELECT visit AS visit_occurrence_id, person AS person_id, 9202 AS visit_concept_id, day AS "
    "visit_start_date, day AS visit_end_date, 32817 AS visit_type_concept_id FROM visits",
    "measurement": "SELECT m.id AS measurement_id, person AS person_id, CASE WHEN source IS NULL THEN v.id ELSE 0 END "
    "AS measurement_concept_id, day AS measurement_date, 32817 AS measurement_type_concept_id, "
    "NULL::INT AS operator_concept_id, number AS value_as_number, NULL::INT AS value_as_concept_id, "
    "0 AS unit_concept_id, NULL::DOUBLE AS range_low, high::DOUBLE AS range_high, visit AS visit_occurrence_id, "
    "coalesce(source, v.code) AS measurement_source_value, 0 AS measurement_source_concept_id, "
    "unit AS unit_source_value, text AS value_source_value "
    "FROM (SELECT id, person, day, visit, key, number, unit, high, source, NULL AS text FROM measured "
    "UNION ALL SELECT id, person, day, NULL, key, NULL, NULL, NULL, NULL, text FROM answered) m "
    "JOIN vocabulary v USING (key)",
    "condition_occurrence": "SELECT s.id AS condition_occurrence_id, person AS person_id, "
    "v.id AS condition_concept_id, day AS condition_start_date, day AS condition_end_date, "
    "32817 AS condition_type_concept_id, "
    "0 AS condition_status_concept_id, coalesce(icd, v.code) AS condition_source_value, coalesce(i.id, 0) AS "
    "condition_source_concept_id FROM stated s JOIN vocabulary v USING (key) LEFT JOIN vocabulary i ON i.key = s.icd",
    "drug_exposure": "SELECT t.id AS drug_exposure_id, person AS person_id, "
    "CASE WHEN source IS NULL THEN v.id ELSE 0 END AS drug_concept_id, day AS drug_exposure_start_date, "
    "finish AS drug_exposure_end_date, "
    "32817 AS drug_type_concept_id, NULL::VARCHAR AS stop_reason, supply AS days_supply, 0 AS route_concept_id, "
    "coalesce(source, v.code) AS drug_source_value, "
    "0 AS drug_source_concept_id FROM taken t JOIN vocabulary v USING (key)",
}


def _write_vocabulary(vocabulary: Vocabulary, out: Path) -> None:
    connection = duckdb.connect()
    rows = [
        (vocabulary.ids[key], item.name, item.domain, item.vocabulary, item.code,
         None if item.vocabulary == "ICD10CM" else "S")
        for key, item in vocabulary.items.items()
    ]  # fmt: skip
    connection.execute(
        "CREATE TABLE concept (concept_id BIGINT, concept_name VARCHAR, domain_id VARCHAR, vocabulary_id VARCHAR, "
        "concept_code VARCHAR, standard_concept VARCHAR)"
    )
    connection.executemany("INSERT INTO concept VALUES (?, ?, ?, ?, ?, ?)", rows)
    maps = ", ".join(
        f"({vocabulary.ids[icd]}, {vocabulary.ids[key]}, 'Maps to')" for icd, key in _STANDARD.items() if key
    )
    today = "DATE '2024-01-01'"
    for table, query in (
        ("concept", "SELECT *, concept_code AS concept_class_id FROM concept"),
        ("concept_relationship", f"SELECT * FROM (VALUES {maps}) t(concept_id_1, concept_id_2, relationship_id)"),
        ("concept_ancestor", "SELECT concept_id AS ancestor_concept_id, concept_id AS descendant_concept_id, "
                             "0 AS min_levels_of_separation, 0 AS max_levels_of_separation FROM concept"),
        ("cdm_source", "SELECT 'imnm synth' AS cdm_source_name, 'imnm synth' AS cdm_source_abbreviation, "
                       f"'5.4' AS cdm_version, {today} AS source_release_date"),
    ):  # fmt: skip
        connection.execute(f"COPY ({query}) TO {literal(str(out / f'{table}.parquet'))} (FORMAT parquet)")
    connection.close()


# ---------------------------------------------------------------- FHIR


def _line(*parts: str) -> str:
    """A line of JSON as SQL: texts in JSON, and columns (in braces) between them."""
    found = []
    for part in parts:
        found.append(part[1:-1] if part.startswith("{") and part.endswith("}") else literal(part))
    return "concat(" + ", ".join(found) + ") AS line"


_SUBJECT = ',"subject":{"reference":"Patient/'
_FHIR_TYPES = {
    "Patient": "SELECT "
    + _line(
        '{"resourceType":"Patient","id":"', "{person}", '"',
        """{CASE WHEN sex_unknown THEN '' WHEN female THEN ',"gender":"female"' ELSE ',"gender":"male"' END}""",
        ',"birthDate":"', "{CASE WHEN birth_unsure THEN left(birth::VARCHAR, 4) ELSE birth::VARCHAR END}", '"}',
    )
    + " FROM people",
    "Encounter": "SELECT "
    + _line(
        '{"resourceType":"Encounter","id":"', "{visit}",
        '","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}',
        _SUBJECT, "{person}", '"},"period":{"start":"', "{d}", '","end":"', "{d}", '"}}',
    )
    + " FROM (SELECT *, day::VARCHAR AS d FROM visits)",
    "Condition": "SELECT "
    + _line(
        '{"resourceType":"Condition","id":"c', "{s.id}",
        '","verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status",'
        '"code":"confirmed"}]},"code":', "{v.coding}", _SUBJECT, "{person}", '"},"onsetDateTime":"', "{d}",
        '","recordedDate":"', "{d}", '"}',
    )
    + " FROM (SELECT *, day::VARCHAR AS d, CASE WHEN icd IS NOT NULL AND u(id, 405) < 0.5 THEN icd ELSE key END AS "
    "used FROM stated) s JOIN vocabulary v ON v.key = s.used",
    "Observation": "SELECT "
    + _line(
        '{"resourceType":"Observation","id":"o', "{m.id}", '","meta":{"versionId":"1","lastUpdated":"', "{d}",
        'T10:00:00.000+00:00","profile":['
        '"http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},"status":"final","category":['
        '{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory",'
        '"display":"laboratory"}]}],"code":',
        """{CASE WHEN source IS NULL THEN v.coding ELSE concat('{"text":"', source, '"}') END}""",
        _SUBJECT, "{person}", '"}',
        """{CASE WHEN visit IS NOT NULL THEN concat(',"encounter":{"reference":"Encounter/', visit, '"}') END}""",
        ',"effectiveDateTime":"', "{d}", 'T08:00:00+00:00","issued":"', "{d}", 'T09:30:00.000+00:00"',
        """{CASE WHEN number IS NOT NULL THEN concat(',"valueQuantity":{"value":', number) END}""",
        """{CASE WHEN number IS NOT NULL AND unit IS NOT NULL THEN concat(',"unit":"', unit,"""
        """ '","system":"http://unitsofmeasure.org","code":"', unit, '"') END}""",
        """{CASE WHEN number IS NOT NULL THEN '}' END}""",
        """{CASE WHEN text IS NOT NULL THEN concat(',"valueString":"', text, '"') END}""",
        """{CASE WHEN high IS NOT NULL THEN concat(',"referenceRange":[{"high":{"value":', high,"""
        """ CASE WHEN unit IS NOT NULL THEN concat(',"unit":"', unit, '"') END, '}}]') END}""",
        "}",
    )
    + " FROM (SELECT id, person, day::VARCHAR AS d, visit, key, number, unit, high, source, NULL AS text FROM measured "
    "UNION ALL SELECT id, person, day::VARCHAR, NULL, key, NULL, NULL, NULL, NULL, text FROM answered) m "
    "JOIN vocabulary v USING (key)",
    "MedicationRequest": "SELECT "
    + _line(
        '{"resourceType":"MedicationRequest","id":"m', "{t.id}", '","status":"',
        "{CASE WHEN finish < DATE '2023-10-01' THEN 'completed' ELSE 'active' END}",
        '","intent":"order","medicationCodeableConcept":',
        """{CASE WHEN source IS NULL THEN v.coding ELSE concat('{"text":"', source, '"}') END}""",
        _SUBJECT, "{person}", '"},"authoredOn":"', "{d}", '","dispenseRequest":{"validityPeriod":{"start":"', "{d}",
        '","end":"', "{finish::VARCHAR}", '"}}}',
    )
    + " FROM (SELECT *, day::VARCHAR AS d FROM taken) t JOIN vocabulary v USING (key)",
}  # fmt: skip
