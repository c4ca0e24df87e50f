"""CDS Hooks calls made of records, and the specification's own model of an answer as a check.

The fields, cardinalities, codes and invariants are those of the logical models and invariants that HL7 publishes with
the specification (HL7/cds-hooks, input/fsh); the check is written from them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

TYPES = {
    "labs": (),
    "ck": ("Observation",),
    "conditions": ("Condition",),
    "medications": ("MedicationRequest",),
    "statements": ("MedicationStatement",),
    "allergies": ("AllergyIntolerance",),
    "reports": ("DiagnosticReport",),
}


def prefetch(record: bytes) -> dict[str, Any]:
    """What a record system would supply of this record."""
    resources = [entry["resource"] for entry in json.loads(record)["entry"]]
    found: dict[str, Any] = {"patient": next(r for r in resources if r["resourceType"] == "Patient")}
    for key, types in TYPES.items():
        entries = [{"resource": r} for r in resources if r["resourceType"] in types]
        found[key] = {"resourceType": "Bundle", "type": "searchset", **({"entry": entries} if entries else {})}
    return found


def call(hook: str, record: bytes, user: str = "Practitioner/1", **context: Any) -> dict[str, Any]:
    """A call of this hook with everything prefetched."""
    supplied = prefetch(record)
    return {
        "hook": hook,
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": user, "patientId": supplied["patient"]["id"], **context},
        "prefetch": supplied,
    }


def order(*resources: dict[str, Any]) -> dict[str, Any]:
    """Draft orders."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


def statin_order(**changes: Any) -> dict[str, Any]:
    """A statin about to be signed."""
    return {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Rosuvastatin 10 mg tablet"},
        **changes,
    }


# ---------------------------------------------------------------- the specification's model

CODING = {"code": (str, 1), "system": (str, 1), "display": (str, 0)}
ACTION = {"type": (str, 1), "description": (str, 0), "resource": (dict, 0), "resourceId": (str, 0)}
SUGGESTION = {"label": (str, 1), "uuid": (str, 0), "isRecommended": (bool, 0), "actions": ([ACTION], 0),
              "actionSelectionBehavior": (str, 0)}  # fmt: skip
LINK = {"label": (str, 1), "url": (str, 1), "type": (str, 1), "appContext": (str, 0), "autolaunchable": (bool, 0)}
SOURCE = {"label": (str, 1), "url": (str, 0), "icon": (str, 0), "topic": (CODING, 0)}
CARD = {"uuid": (str, 0), "summary": (str, 1), "detail": (str, 0), "indicator": (str, 1), "source": (SOURCE, 1),
        "suggestions": ([SUGGESTION], 0), "selectionBehavior": (str, 0), "overrideReasons": ([CODING], 0),
        "links": ([LINK], 0)}  # fmt: skip
RESPONSE = {"cards": ([CARD], 1), "systemActions": ([ACTION], 0)}
SERVICE = {"hook": (str, 1), "title": (str, 0), "id": (str, 1), "description": (str, 1),
           "usageRequirements": (str, 0), "prefetch": (dict, 0)}  # fmt: skip
SERVICES = {"services": ([SERVICE], 1)}


def faults(value: Any, model: Any, path: str = "$") -> Iterator[str]:
    """Where a value departs from a model: missing, of another type, null, empty, or not defined."""
    if isinstance(model, list):
        if not isinstance(value, list) or (not value and path != "$.cards"):
            yield f"{path} is no array, or empty"
            return
        for number, item in enumerate(value):
            yield from faults(item, model[0], f"{path}[{number}]")
    elif isinstance(model, dict):
        if not isinstance(value, dict):
            yield f"{path} is no object"
            return
        for name, (inner, least) in model.items():
            if name in value:
                yield from faults(value[name], inner, f"{path}.{name}")
            elif least:
                yield f"{path}.{name} is missing"
        yield from (f"{path}.{name} is not defined" for name in value if name not in model and name != "extension")
    elif not isinstance(value, model) or (model is not bool and not value):
        yield f"{path} is not a filled {model.__name__}"


def broken_invariants(answer: Mapping[str, Any]) -> Iterator[str]:
    """The published invariants an answer breaks, by their ids, and the code lists."""
    for card in answer["cards"]:
        suggestions = card.get("suggestions", [])
        if len(card["summary"]) >= 140:
            yield "summary under 140 characters"
        if card["indicator"] not in ("info", "warning", "critical"):
            yield "indicator"
        if (
            card.get("selectionBehavior") == "at-most-one"
            and sum(s.get("isRecommended", False) for s in suggestions) > 1
        ):
            yield "cds-resp-1"
        if suggestions and card.get("selectionBehavior") not in ("at-most-one", "any"):
            yield "cds-resp-6"
        for suggestion in suggestions:
            if suggestion.get("actionSelectionBehavior", "all") not in ("all", "any", "at-most-one"):
                yield "cds-resp-7"
            for action in suggestion.get("actions", []):
                if action["type"] not in ("create", "update", "delete"):
                    yield "action type"
                if action["type"] == "delete" and ("resourceId" not in action or "resource" in action):
                    yield "cds-resp-2"
                if action["type"] == "create" and "resourceType" not in action.get("resource", {}):
                    yield "create has a resource"
                if not action.get("description"):
                    yield "cds-resp-5"
        if any(not reason.get("display") for reason in card.get("overrideReasons", [])):
            yield "cds-resp-4"
        for link in card.get("links", []):
            if link["type"] not in ("absolute", "smart"):
                yield "link type"
            if link["type"] != "smart" and "appContext" in link:
                yield "cds-resp-3"
