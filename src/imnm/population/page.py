"""The worklist as one file: no network, sorting by its headings, filters, and readable on a telephone and on paper."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable

from imnm.knowledge.messages import say

from . import mapping
from .funnel import LEVELS, FunnelStep
from .output import label, limited, summary_lines
from .rows import ListedRow
from .screen import URGENCIES, Screening

_COLUMNS = ("patient", "level", "reasons", "next_steps", "urgency", "first_flagged_on", "ck_peak", "statin", "leads",
            "already_coded")  # fmt: skip


def page(answer: Screening, limit: int | None = None) -> str:
    """The page. What stands in it is escaped, and its policy lets nothing in from outside."""
    chosen = limited(answer, limit)
    rows = [row for row in chosen if row.changed_on is None]
    changes: dict[str, list[ListedRow]] = {}
    for row in chosen:
        if row.changed_on is not None:
            changes.setdefault(row.patient_id, []).append(row)
    warning = ""
    if answer.disagreements:
        warning = f'<p role="alert">{_text(say("population.summary.first", count=len(answer.disagreements)))}</p>'
    as_of = say("population.page.last") if answer.as_of == "last" else answer.as_of
    codes = mapping.lines(answer.report.mapping)
    return _PAGE.format(
        title=_word("title"),
        subtitle=_text(say("population.page.subtitle", count=len(rows), as_of=as_of,
                           level=answer.min_level, made=dt.date.today().isoformat())),
        warning=warning, filters=_filters(rows), shown=_word("shown"), of=len(rows),
        head="".join(f'<th scope="col"><button type="button">{_word(name)}</button></th>' for name in _COLUMNS),
        body="".join(_row(place, row, changes.get(row.patient_id, [])) for place, row in enumerate(rows)),
        funnel_title=_word("funnel"), funnel="".join(map(_step, answer.funnel)), read=_word("read"),
        notes="".join(f"<li>{_text(line.strip())}</li>" for line in summary_lines(answer)),
        codes="".join(f"<li>{_text(line.strip())}</li>" for line in codes),
        notice=_text(say("population.notice")),
    )  # fmt: skip


def _filters(rows: list[ListedRow]) -> str:
    levels = "".join(
        f'<label><input type="checkbox" name="level" value="{level}" checked> {level} ({count:,})</label>'
        for level in LEVELS
        if (count := sum(row.level == level for row in rows))
    )
    urgencies = [urgency for urgency in URGENCIES if any(row.urgency == urgency for row in rows)]
    return (
        f'<label>{_word("find")} <input id="find" type="search"></label>'
        f"<fieldset><legend>{_word('level')}</legend>{levels}</fieldset>"
        + _select("urgency", [(urgency, urgency) for urgency in urgencies])
        + _select("coded", [("no", _word("not_coded")), ("yes", _word("coded"))])
        + _select("statin", [("yes", _word("with_statin")), ("no", _word("without_statin"))])
    )


def _select(name: str, choices: Iterable[tuple[str, str]]) -> str:
    options = "".join(f'<option value="{value}">{shown}</option>' for value, shown in choices)
    return (
        f'<label>{_word(f"filter_{name}")} <select name="{name}"><option value="">{_word("any")}</option>'
        f"{options}</select></label>"
    )


def _row(place: int, row: ListedRow, changes: list[ListedRow]) -> str:
    who = ", ".join(str(part) for part in (row.age, row.sex) if part is not None)
    level = _text(row.level)
    if row.engines_differ:
        level += f" <strong>! {_text(row.engines_differ)}</strong>"
    if changes:
        days = "".join(f"<li>{_text(f'{change.changed_on} {change.level}')}</li>" for change in changes)
        level += f"<details><summary>{_word('changes')}</summary><ul>{days}</ul></details>"
    leads = f"{label('disease', row.top_disease)} {row.top_probability:.0%}" if row.top_disease else ""
    peak = f"{row.ck_peak_u_l:,.0f}" if row.ck_peak_u_l is not None else ""
    steps = "; ".join(label("step", id) for id in row.next_steps.split())
    urgency = URGENCIES.index(row.urgency) if row.urgency in URGENCIES else len(URGENCIES)
    cells: dict[str, tuple[object, str]] = {
        "patient": (row.patient_id, f"{_text(row.patient_id)}<small>{_text(who)}</small>"),
        "level": (LEVELS.index(row.level) if row.level in LEVELS else len(LEVELS), level),
        "reasons": (row.reasons, _text(row.reasons)),
        "next_steps": (place, _text(steps)),
        "urgency": (urgency, _text(row.urgency or "")),
        "first_flagged_on": (row.first_flagged_on or "", _text(row.first_flagged_on or "")),
        "ck_peak": (row.ck_peak_u_l or "", f"{_text(peak)}<small>{_text(row.ck_peak_on or '')}</small>"),
        "statin": (row.statin or "", _text(row.statin or say("population.page.unknown"))),
        "leads": (row.top_disease or "", _text(leads)),
        "already_coded": (str(row.already_coded), _word("yes") if row.already_coded else _word("no")),
    }
    statin = "" if row.statin is None else "no" if row.statin == "no" else "yes"
    data = {"level": row.level, "urgency": row.urgency or "", "coded": "yes" if row.already_coded else "no",
            "statin": statin}  # fmt: skip
    attributes = "".join(f' data-{name}="{_text(value)}"' for name, value in data.items())
    return f"<tr{attributes}>" + "".join(
        f'<td class="{name}" data-label="{_word(name)}" data-key="{_text(str(key))}"><div>{shown}</div></td>'
        for name, (key, shown) in cells.items()
    ) + "</tr>"  # fmt: skip


def _step(step: FunnelStep) -> str:
    said = [f"− {number:,} {reason}" for reason, number in step.left_out.items()]
    said += [f"+ {number:,} {reason}" for reason, number in step.joined.items()]
    return f"<tr><td>{step.people:,}</td><td>{_text(step.label)}</td><td>{'<br>'.join(map(_text, said))}</td></tr>"


def _word(name: str) -> str:
    return _text(say(f"population.page.{name}"))


def _text(text: str) -> str:
    return html.escape(text, quote=True)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title><style>
:root{{color-scheme:light dark;--line:#8885;--soft:#8881}}
body{{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;max-width:110rem}}h1{{font-size:1.6rem;margin:0 0 .3rem}}
table{{border-collapse:collapse;width:100%}}td,th{{border-bottom:1px solid var(--line);padding:.45rem .55rem;
text-align:left;vertical-align:top}}thead th{{position:sticky;top:0;background:Canvas;vertical-align:bottom}}
th button{{all:unset;cursor:pointer;font-weight:600}}th button:hover{{text-decoration:underline}}
th button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible{{outline:2px solid;
outline-offset:2px}}th[aria-sort=ascending] button::after{{content:" ▲"}}
th[aria-sort=descending] button::after{{content:" ▼"}}#list tbody tr:hover{{background:var(--soft)}}
td small{{display:block;opacity:.8}}td.patient{{overflow-wrap:anywhere;min-width:7rem}}
td.reasons{{min-width:15rem;font-size:1.05em}}td.next_steps{{min-width:15rem}}td ul{{margin:0;padding-left:1.1rem}}
td.first_flagged_on,td.ck_peak,td.ck_peak small{{white-space:nowrap}}
tr[data-level=established] td.level,tr[data-level=high] td.level{{font-weight:700}}td.level details{{font-weight:400}}
td.level li,td.level summary{{white-space:nowrap}}tr[data-urgency=emergency] td.urgency{{font-weight:700}}
form{{display:flex;gap:.6rem 1.2rem;flex-wrap:wrap;align-items:center;margin:1rem 0}}
fieldset{{border:1px solid var(--line);border-radius:.3rem;display:flex;flex-wrap:wrap;gap:.2rem .9rem;
padding:.2rem .7rem .35rem;margin:0}}[role=alert]{{border:2px solid #b00;padding:.5rem}}footer{{opacity:.8}}
.funnel{{width:auto}}.funnel td:first-child{{text-align:right;font-variant-numeric:tabular-nums}}
@media(max-width:76rem){{body{{margin:.8rem}}#list thead{{position:absolute;clip-path:inset(50%)}}
#list tr{{display:block;border:1px solid var(--line);border-radius:.4rem;margin:.6rem 0;padding:.3rem .5rem}}
#list tr[hidden]{{display:none}}#list td{{display:flex;gap:.6rem;border:0;padding:.15rem 0;min-width:0}}
#list td::before{{content:attr(data-label);flex:0 0 7.5rem;opacity:.75}}#list td div:empty{{display:none}}}}
@media print{{form{{display:none}}thead th{{position:static}}tr{{break-inside:avoid}}}}</style></head><body><main>
<h1>{title}</h1><p>{subtitle}</p>{warning}
<form>{filters}<output id="shown"></output></form>
<table id="list"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>
<h2>{funnel_title}</h2><table class="funnel"><tbody>{funnel}</tbody></table>
<h2>{read}</h2><ul>{notes}</ul><ul>{codes}</ul></main><footer><p>{notice}</p></footer>
<script>
const body=document.querySelector("#list tbody"),form=document.querySelector("form"),
find=document.getElementById("find"),said=document.getElementById("shown");
function show(){{const words=find.value.toLowerCase().split(/\\s+/).filter(Boolean),
on=new Set([...form.querySelectorAll("input[name=level]:checked")].map(b=>b.value)),
picked=[...form.querySelectorAll("select")].filter(s=>s.value);let left=0;
for(const row of body.rows){{const text=row.textContent.toLowerCase();
row.hidden=!on.has(row.dataset.level)||picked.some(s=>row.dataset[s.name]!==s.value)||!words.every(w=>text.includes(w));
left+=!row.hidden}}said.textContent="{shown}".replace("#",left).replace("#",{of})}}
form.addEventListener("input",show);form.addEventListener("submit",e=>e.preventDefault());show();
document.querySelectorAll("#list th").forEach((th,i)=>th.firstElementChild.addEventListener("click",()=>{{
const up=th.getAttribute("aria-sort")!=="ascending";
document.querySelectorAll("#list th").forEach(o=>o.removeAttribute("aria-sort"));
th.setAttribute("aria-sort",up?"ascending":"descending");
const key=row=>row.cells[i].dataset.key,number=v=>v!==""&&!isNaN(v);
[...body.rows].sort((a,b)=>{{const x=key(a),y=key(b);if(x===""||y==="")return (x==="")-(y==="");
const d=number(x)&&number(y)?x-y:x.localeCompare(y);return up?d:-d}}).forEach(row=>body.append(row))}}));
</script></body></html>
"""
