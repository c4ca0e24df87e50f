"""CDS Hooks cards: few, short, each with what it rests on. Everything from the record is escaped for Markdown."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from imnm.assessment.engine import Case, diagnosis_of, iso, resolve_as_of, summary_of
from imnm.assessment.model import Alert, Diagnosis, Evidence, Step
from imnm.assessment.program import RANK
from imnm.assessment.steps import alerts_of, decisive_step, steps_of
from imnm.knowledge import findings as f
from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.evidence import sources
from imnm.knowledge.messages import say
from imnm.logic.evaluate import Program
from imnm.logic.nodes import All, Compare, Latest
from imnm.report import labels
from imnm.report.blocks import visible, word
from imnm.report.view import level_word
from imnm.sources import Reading

from .forms import coding_of

SILENT = ("low", "none", "insufficient")
SHOWN_STEPS, SHOWN_ENTRIES, SUGGESTED = 4, 6, 4
LONGEST_SUMMARY = 139
LONGEST_ENTRY = 200
ORDERED = {"test:anti_hmgcr": "anti_hmgcr", "test:anti_srp": "anti_srp", "test:ck": "creatine_kinase_total",
           "test:tsh": "tsh", "test:creatinine": "creatinine", "test:ck_repeat": "creatine_kinase_total",
           "test:troponin_i": "troponin_i", "test:muscle_biopsy": "muscle_biopsy", "test:emg": "electromyography",
           "test:mri_muscle": "mri_muscle"}  # fmt: skip
"""Steps that are ordered as a test, with the concept whose code names the order; other tests are named in words."""
REASONS = ("discussed", "known", "explained", "wrong")
REASON_SYSTEM = "urn:imnm:cds-override-reason"

Card = dict[str, Any]


class Brief(NamedTuple):
    """As much of an assessment as cards show."""

    case: Case
    as_of: str
    diagnosis: Diagnosis
    alerts: list[Alert]
    steps: list[Step]
    summary: str

    @property
    def level(self) -> str:
        """The level of suspicion."""
        return self.case.level


class Shown(NamedTuple):
    """A card and by what it is told apart: a card of the same content is the same news."""

    card: Card
    content: str
    critical: bool


class About(NamedTuple):
    """What a card says of the data: keys that were not supplied, keys of which only a first page was."""

    missing: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()


@cache
def _raised_off_statin() -> Program:
    """CK above its limit in the latest result since a statin was stopped."""
    latest = Latest(f.after_stop(f.DAYS_1), "times_uln")
    return Program({"raised_off_statin": All((f.STATIN_STOPPED, Compare(latest, ">", f.ONE_TIMES_ULN)))})


def case_of(reading: Reading) -> Case:
    """The record evaluated on its newest day. Raises AskError."""
    return Case(reading, resolve_as_of(reading, None))


def brief_of(case: Case) -> Brief:
    """What the cards of an opened chart need."""
    diagnosis = diagnosis_of(case)
    steps = steps_of(case, None)
    summary = summary_of(case, diagnosis, decisive_step(case, steps))
    return Brief(case, iso(case.as_of) or "", diagnosis, alerts_of(case), steps, summary)


# ---------------------------------------------------------------- patient-view


def patient_view(case: Case, link: str, about: About) -> list[Shown]:
    """The cards of an opened chart: what is urgent, and the suspicion. Nothing at ``low`` and below."""
    if RANK[case.level] <= RANK["low"]:
        return []
    brief = brief_of(case)
    shown = [_suspicion(brief, link, about)]
    urgent = [alert for alert in brief.alerts if alert.urgency in ("emergency", "urgent")]
    if urgent:
        shown.insert(0, _urgent(brief, urgent, link, about))
    return shown


def _urgent(brief: Brief, alerts: list[Alert], link: str, about: About) -> Shown:
    critical = any(alert.urgency == "emergency" for alert in alerts)
    titles = " · ".join(dict.fromkeys(alert.title for alert in alerts))
    parts = [f"**{alert.title}.** {alert.text}{_mark(alert.provisional)}" for alert in alerts]
    parts += [_entries([item for alert in alerts for item in alert.evidence])]
    card = _card(
        say("serve.cds.summary_alert", titles=titles),
        "critical" if critical else "warning",
        [*parts, _cited([id for alert in alerts for id in alert.sources]), _footing(brief.as_of, about)],
        link,
    )
    return Shown(card, _content("urgent", [alert.id for alert in alerts], _evidence_of(alerts)), critical)


def _suspicion(brief: Brief, link: str, about: About) -> Shown:
    established = brief.level == "established" or brief.diagnosis.id is not None
    step = next((s.title for s in brief.steps if s.id == decisive_step(brief.case, brief.steps)), "") or (
        brief.steps[0].title if brief.steps else ""
    )
    what = {
        "disease": labels.disease(brief.diagnosis.id) if brief.diagnosis.id else "IMNM",
        "level": level_word(brief.level).capitalize(),
        "step": step,
    }
    key = "serve.cds.summary_established" if established else "serve.cds.summary_suspected"
    parts = [brief.summary and escape(brief.summary), _steps(brief.steps)]
    parts += [_entries([item for step in brief.steps for item in step.evidence])]
    parts += [_cited([id for step in brief.steps[:SHOWN_STEPS] for id in step.sources]), _footing(brief.as_of, about)]
    card = _card(
        say(key if step else f"{key}_plain", **what), "warning" if brief.level == "high" else "info", parts, link
    )
    suggestions = _orders(brief)
    if suggestions:
        card |= {"suggestions": suggestions, "selectionBehavior": "any"}
    return Shown(card, _content("suspicion", [brief.level], _everything(brief.case)), False)


def _steps(steps: Sequence[Step]) -> str:
    if not steps:
        return ""
    lines = [
        f"{number}. **{step.title}** ({word('report.urgency', step.urgency)}): {step.why}{_mark(step.provisional)}"
        for number, step in enumerate(steps[:SHOWN_STEPS], 1)
    ]
    return say("serve.cds.steps") + "\n\n" + "\n".join(lines)


def _orders(brief: Brief) -> list[dict[str, Any]]:
    """Each recommended test as an order that the user may place."""
    tests = [step for step in brief.steps if step.id.startswith("test:")][:SUGGESTED]
    subject = {"reference": f"Patient/{brief.case.reading.patient}"}
    return [
        {
            "label": step.title[:80],
            "uuid": str(uuid.uuid4()),
            "isRecommended": step.urgency in ("emergency", "urgent"),
            "actions": [
                {
                    "type": "create",
                    "description": step.title,
                    "resource": {
                        "resourceType": "ServiceRequest",
                        "status": "draft",
                        "intent": "order",
                        "code": _order_code(step),
                        "subject": subject,
                    },
                }
            ],
        }
        for step in tests
    ]


def _order_code(step: Step) -> dict[str, Any]:
    concept = ORDERED.get(step.id, "")
    coding = _coding(concept)
    return {"text": CONCEPTS[concept].label if concept else step.title} | ({"coding": [coding]} if coding else {})


@cache
def _coding(concept: str) -> dict[str, str] | None:
    found = coding_of(concept) if concept else None
    return found if found and found["system"] == "http://loinc.org" else None


# ---------------------------------------------------------------- order-sign


def order_sign(case: Case, orders: Sequence[tuple[str, str]], link: str, about: About) -> list[Shown]:
    """The card for the statins that are ordered (id, drug): anti-HMGCR disease, or CK still raised off statin."""
    hmgcr = case.truth("anti_hmgcr_positive") is True or diagnosis_of(case).id == "imnm_hmgcr"
    raised = _raised_off_statin().run(case.events, case.as_of, case.values)["raised_off_statin"] is True
    if not hmgcr and not raised:
        return []
    name = "hmgcr" if hmgcr else "raised"
    findings = ("anti_hmgcr_positive", "statin_exposure") if hmgcr else ("ck_latest", "statin_stopped")
    evidence = case.evidence(*findings)
    cited = ["mammen-review"] if hmgcr else ["nhs-sip"]
    parts = [say(f"serve.cds.detail_order_{name}"), _entries(evidence), _cited(cited)]
    card = _card(
        say(f"serve.cds.summary_order_{name}"), "critical", [*parts, _footing(iso(case.as_of) or "", about)], link
    )
    card |= {"suggestions": [_removal(id, drug) for id, drug in orders if id], "selectionBehavior": "any"}
    if not card["suggestions"]:
        del card["suggestions"], card["selectionBehavior"]
    drugs = sorted({drug for _, drug in orders})
    return [Shown(card, _content("order", [name, *drugs], [item.text for item in evidence]), True)]


def _removal(id: str, drug: str) -> dict[str, Any]:
    return {
        "label": say("serve.cds.suggest_remove", drug=labels.words(drug))[:80],
        "uuid": str(uuid.uuid4()),
        "isRecommended": True,
        "actions": [
            {
                "type": "delete",
                "description": say("serve.cds.remove_action", drug=labels.words(drug)),
                "resourceId": f"MedicationRequest/{id}",
            }
        ],
    }


# ---------------------------------------------------------------- the parts of a card


def _card(summary: str, indicator: str, parts: Sequence[str], link: str) -> Card:
    if len(summary) > LONGEST_SUMMARY:
        summary = summary[: LONGEST_SUMMARY - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
    card: Card = {
        "uuid": str(uuid.uuid4()),
        "summary": summary,
        "detail": "\n\n".join(part for part in parts if part),
        "indicator": indicator,
        "source": {"label": say("serve.cds.source"), "url": f"{_base(link)}/about"},
        "overrideReasons": [
            {"code": code, "system": REASON_SYSTEM, "display": say(f"serve.cds.override_{code}")} for code in REASONS
        ],
    }
    if "/patients/" in link:
        card["links"] = [{"label": say("serve.cds.link"), "url": link, "type": "absolute"}]
    return card


def _base(link: str) -> str:
    return link.split("/patients/")[0]


def _entries(evidence: Sequence[Evidence]) -> str:
    """Record entries, each once."""
    texts = list(dict.fromkeys(f"{item.text[:LONGEST_ENTRY]} [{item.ref}]" for item in evidence))[:SHOWN_ENTRIES]
    if not texts:
        return ""
    return say("serve.cds.evidence") + "\n\n" + "\n".join(f"- {escape(text)}" for text in texts)


def _cited(ids: Sequence[str]) -> str:
    known = sources()
    titles = [
        f"{known[id].title}" + (f" ({known[id].year})" if known[id].year else "")
        for id in dict.fromkeys(ids)
        if id in known
    ]
    return say("serve.cds.sources", sources="; ".join(escape(title) for title in titles[:4])) if titles else ""


def _footing(as_of: str, about: About) -> str:
    """The day of the data and what is missing of it."""
    words = [say("serve.cds.as_of", as_of=as_of)]
    if about.missing:
        words.append(say("serve.cds.not_supplied", keys=", ".join(about.missing)))
    if about.partial:
        words.append(say("serve.cds.incomplete", keys=", ".join(about.partial)))
    return " ".join(words)


def _mark(provisional: bool) -> str:
    return f" {say('serve.cds.provisional')}" if provisional else ""


_MARKDOWN = re.compile(r"([\\`*_\[\]#~|!])")
_LINE_START = re.compile(r"^([-+=>]|\d+(?=[.)]))")
_ADDRESS = re.compile(r"(://)|\b(www)(\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """Text in which Markdown and HTML mean nothing: no tag, link, image or heading can come of it. Addresses are
    broken by a space, because many renderers make a link of whatever looks like one."""
    line = " ".join(visible(text).split())
    line = _ADDRESS.sub(lambda found: ": //" if found[1] else f"{found[2]} .", line)
    line = _MARKDOWN.sub(r"\\\1", line)
    line = _LINE_START.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", line)
    return re.sub(r"&(?!#\d+;)", "&amp;", line).replace("<", "&lt;").replace(">", "&gt;")


def _evidence_of(alerts: Sequence[Alert]) -> list[str]:
    return sorted({item.text for alert in alerts for item in alert.evidence})


def _everything(case: Case) -> str:
    """All that was read of the record, as one word: what makes its data the same or not."""
    rows = sorted(
        _ENCODE((event.concept, event.truth, event.start, event.low, event.high, event.ref)) for event in case.events
    )
    return hashlib.sha256(b"\n".join(rows)).hexdigest()


_ENCODE = msgspec.json.Encoder().encode


def _content(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
