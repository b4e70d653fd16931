"""The summary of a session in Markdown: for the page of a CI run, a merge request, a chat.

Rules that hold here:
  * Everything is bounded: lists by their length, texts by theirs, the whole by `bounded`. What is left out is counted.
  * Nothing that an agent, a critic or a plan wrote stands at the beginning of a line, and all of it is escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from orchharness.core.plan import Plan
from orchharness.core.status import FAILURES, SUCCESS
from orchharness.record import record
from orchharness.report.gantt import gantt
from orchharness.report.harmless import markdown as md
from orchharness.report.history import History, ItemPast
from orchharness.report.samples import findings_of
from orchharness.report.spending import Spending, spending
from orchharness.report.text import dollars, duration, line, moment, number, plural

LIMIT = 1_000_000  # bytes: GitHub takes 1 MiB of all summaries of a step
_ROWS = 200
_SIGNS = {"passed": "✅", "failed": "❌", "error": "❌", "paused": "⏸️", "waived": "🟡"}


@record
class PlanSummary:
    """A run of a plan, as far as it went. `notes` are the caller's own: what is wrong with the run as a whole."""

    plan: Plan
    history: History
    questions: tuple[tuple[str, str], ...] = ()  # item, what a person is asked about it
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """How the run ended; `unfinished` when its journal has no end."""
        return self.history.state if self.history.finished else "unfinished"

    @property
    def items(self) -> list[tuple[str, ItemPast]]:
        """The run's items with what became of them."""
        past = self.history.items
        return [(item, past.get(item) or ItemPast()) for item in self.history.selected]

    @property
    def spending(self) -> Spending:
        """What its acts said they used."""
        return spending(self.plan, self.history.acts)

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return self.history.seconds


@record
class Refusal:
    """A plan of which nothing was run, and why: one reason a line."""

    plan: str
    reasons: tuple[str, ...]


def summary(runs: Sequence[PlanSummary], refused: Sequence[Refusal], limit: int = LIMIT) -> str:
    """The Markdown of a session, at most `limit` bytes of UTF-8; empty when it had no plans."""
    blocks = list(_overview(runs, refused)) if len(runs) + len(refused) > 1 else []
    for refusal in refused:
        blocks.append(_refusal(refusal))
    for run in runs:
        blocks += _section(run)
    return bounded(blocks, limit)


def bounded(blocks: Sequence[str], limit: int) -> str:
    """The blocks with an empty line between them, as many as fit; a last line says that some do not."""
    kept, size = [], 0
    cut = "*Cut off here: the rest does not fit. The run's own report has all of it.*"
    for place, block in enumerate(blocks):
        size += len(block.encode(errors="replace")) + 2
        room = 0 if place == len(blocks) - 1 else len(cut) + 2
        if size + room > limit:
            kept += [cut] if limit > len(cut) else []
            break
        kept.append(block)
    return "\n\n".join(kept) + "\n" if kept else ""


# ---- the whole session ---------------------------------------------------------------------------


def _overview(runs: Sequence[PlanSummary], refused: Sequence[Refusal]) -> Iterator[str]:
    rows = [[md(r.plan, 100), "❌ not run", "", "", ""] for r in refused]
    for run in runs:
        done = sum(past.state in SUCCESS for _, past in run.items)
        count = f"{done} of {len(run.items)}"
        cost = dollars(run.spending.usd) if run.spending.priced else ""
        rows.append([md(run.plan.id), _signed(run.state), count, duration(run.seconds), cost])
    yield _table(["plan", "state", "passed", "time", "cost"], rows)


def _refusal(refusal: Refusal) -> str:
    reasons = [f"* {md(text, 600)}" for text in refusal.reasons[:_ROWS]]
    if len(refusal.reasons) > _ROWS:
        reasons.append(f"* … and {len(refusal.reasons) - _ROWS} more")
    return "\n".join([f"## ❌ plan {md(refusal.plan, 200)}: not run", "", *reasons])


# ---- one run -------------------------------------------------------------------------------------


def _section(run: PlanSummary) -> Iterator[str]:
    sign = _SIGNS.get(run.state, "❌")
    yield f"## {sign} plan {md(run.plan.id)}: {md(run.state)}"
    yield _head(run)
    if run.notes:
        yield _list(run.notes)
    yield from _problems(run)
    yield from _questions(run)
    yield from _gates(run)
    yield from _decisions(run)
    if run.warnings:
        yield "\n".join(["### Warnings", "", _list(run.warnings)])
    yield from _timeline(run)


def _head(run: PlanSummary) -> str:
    acts = run.history.acts
    total = sum(act.seconds for act in acts)
    states = Counter(past.state for _, past in run.items)
    counts = ", ".join(f"{count} {md(state)}" for state, count in states.most_common())
    lines = [
        f"{plural(len(run.items), 'item')}: {counts or 'none'}.",
        f"{plural(len(acts), 'act')} in {duration(run.seconds)}; one after another: {duration(total)}.",
    ]
    money = _money(run)
    if money:
        lines.append(f"{money}.")
    lines += [f"{md(s.name.capitalize())}: {md(s.text)}." for s in run.history.spent[:_ROWS]]
    replayed = line(run.history.header.get("replayed"), 300)
    if replayed:
        lines.append(f"{md(replayed[0].upper() + replayed[1:])}.")
    if run.history.run:
        lines.append(f"Run {md(run.history.run)}.")
    return "  \n".join(lines)  # two blanks: a new line each


def _problems(run: PlanSummary) -> Iterator[str]:
    bad = [(i, past) for i, past in run.items if past.state in FAILURES or past.state == "cancelled"]
    rows = []
    for item, past in bad:
        allowed = " (which the plan allows)" if run.plan.may_fail(item) else ""
        rows.append(
            [_named(run.plan, item), md(past.state) + allowed, md(_reason(past), 500), _findings(past)]
        )
    if rows:
        yield _titled("What did not pass", ["item", "state", "why", "worst findings"], rows)


def _reason(past: ItemPast) -> str:
    details = [str(act.result.get("detail") or "") for act in past.acts if act.over is not None]
    return past.reason or next((d for d in reversed(details) if d), "")


def _findings(past: ItemPast, most: int = 3) -> str:
    last = max((act.iteration for act in past.acts if act.critic is not None), default=0)
    found = findings_of(act for act in past.acts if act.critic is not None and act.iteration == last)
    texts = [f"{md(f.get('severity'), 20)}: {_where(f)}{md(f.get('what'), 200)}" for f in found[:most]]
    return "; ".join([*texts, *([f"and {len(found) - most} more"] if len(found) > most else [])])


def _where(finding: Mapping[str, object]) -> str:
    return f"{md(finding['where'], 100)}: " if finding.get("where") else ""


def _questions(run: PlanSummary) -> Iterator[str]:
    rows = [[_named(run.plan, item), md(text, 500)] for item, text in run.questions]
    if rows:
        yield _titled("What waits for a person", ["item", "question"], rows)


def _gates(run: PlanSummary) -> Iterator[str]:
    rows = []
    for item, past in run.items:
        gate = run.plan.gates.get(item)
        if gate is None:
            continue
        scores = [r.score for r in past.rounds if r.score is not None]
        threshold = f"{gate.threshold:f}" if scores else ""
        iterations = str(max((r.iteration for r in past.rounds), default=past.iteration) or "")
        rows.append(
            [_named(run.plan, item), _signed(past.state), md(" → ".join(scores)), threshold, iterations]
        )
    if rows:
        yield _titled("Gates", ["gate", "state", "scores", "threshold", "iterations"], rows)


def _decisions(run: PlanSummary) -> Iterator[str]:
    rows = []
    for item, past in run.items:
        said = past.decision
        if said:
            at = number(said.get("decided")) or number(said.get("at")) or 0.0
            who, what, why = md(said.get("by"), 100), md(said.get("option"), 100), md(said.get("note"), 500)
            rows.append([_named(run.plan, item), _signed(past.state), what, who, md(moment(at)), why])
    if rows:
        yield _titled("What people decided", ["item", "state", "decision", "who", "when", "note"], rows)


def _timeline(run: PlanSummary) -> Iterator[str]:
    chart, left_out = gantt(run.plan, run.history)
    if chart:
        more = f"\n\n{plural(left_out, 'shorter act')} left out." if left_out else ""
        yield f"### Timeline\n\n```mermaid\n{chart}```{more}"


# ---- words ---------------------------------------------------------------------------------------


def _named(plan: Plan, item: str) -> str:
    known = plan.tasks.get(item) or plan.gates.get(item)
    title = f": {md(known.title, 100)}" if known is not None and known.title else ""
    return f"{md(item, 100)}{title}"


def _signed(state: str) -> str:
    sign = _SIGNS.get(state, "❌" if state in FAILURES else "")
    return f"{sign} {md(state)}".strip()


def _money(run: PlanSummary) -> str:
    """`Cost: $1.23, told by 4 of 7 acts; 18,200 tokens in, 2,100 out`; what nobody told is unknown, not nothing."""
    spent, count = run.spending, len(run.history.acts)
    parts = (
        [f"Cost: {dollars(spent.usd)}, told by {spent.priced} of {plural(count, 'act')}"]
        if spent.priced
        else []
    )
    if spent.tokens_in or spent.tokens_out:
        parts.append(f"{spent.tokens_in:,.0f} tokens in, {spent.tokens_out:,.0f} out")
    return "; ".join(parts)


def _titled(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    more = f"\n\n… and {len(rows) - _ROWS:,} more." if len(rows) > _ROWS else ""
    return f"### {title}\n\n{_table(head, rows[:_ROWS])}{more}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns that are empty throughout are left out."""
    kept = [n for n in range(len(head)) if n == 0 or any(row[n] for row in rows)]
    lines = [[head[n] for n in kept], ["---"] * len(kept), *([row[n] for n in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _list(texts: Sequence[str]) -> str:
    shown = [f"* {md(text, 600)}" for text in texts[:_ROWS]]
    return "\n".join([*shown, *([f"* … and {len(texts) - _ROWS} more"] if len(texts) > _ROWS else [])])
