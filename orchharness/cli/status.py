"""`orchharness status`: how a run stands, told from its journal and its folder alone."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from orchharness.cli.alive import Agent, Life
from orchharness.cli.project import chosen_run, project_of, repeated
from orchharness.cli.standing import Standing
from orchharness.cli.table import columns, cut, table
from orchharness.core.status import SUCCESS
from orchharness.errors import OrchError
from orchharness.live.output import last_line
from orchharness.live.picture import WAITING, Act, Item
from orchharness.report.text import duration, line, plural
from orchharness.run.commands import decide_command, shown
from orchharness.run.directory import RunDirectory
from orchharness.run.questions import open_questions

_AT_WORK = ("running", "judging", "refining", "ready")
_TROUBLE = ("failed", "error", "lost", "cancelled", "paused")
_PASSED, _BLOCKED, _SKIPPED = 15, 10, 10  # how many of these are shown without --all
_ORDER = (
    "running",
    "judging",
    "refining",
    "ready",
    "waiting",
    "passed",
    "waived",
    "paused",
    "failed",
    "error",
)
_BUDGETS = 10
_HEAD = ("ITEM", "STATE", "ITERATION", "SCORE", "FOR", "")


def status(asked: argparse.Namespace) -> int:
    """Say how the run stands.

    Raises:
        OrchError: its journal cannot be read.
    """
    run = chosen_run(project_of(asked), asked.run)
    further = repeated(asked)
    if asked.json:
        import json

        from orchharness.cli.status_record import record_of

        sys.stdout.write(json.dumps(record_of(_standing(run), further), indent=1) + "\n")
    else:
        tell(run, further, everything=asked.all)
    return 0


def _standing(run: RunDirectory) -> Standing:
    one = Standing(run, time.time())
    if one.damage:
        raise OrchError(one.damage)
    return one


def tell(run: RunDirectory, further: str, *, everything: bool = False) -> None:
    """Write how the run stands; `further` are options that the commands in it need as well.

    Raises:
        OrchError: its journal cannot be read.
    """
    one = _standing(run)
    sys.stdout.write("\n".join(_head(one)) + "\n")
    for part in (_working(one), _decided(one, everything=everything), _blocked(one, everything=everything)):
        if part:
            sys.stdout.write(f"\n{part}")
    questions = _asked(one)
    if questions:
        sys.stdout.write(f"\n{questions}")
    following = list(_following(one, Path.cwd(), further))
    if following:
        sys.stdout.write("\n" + table([("", ""), *following]).lstrip("\n"))


def _head(one: Standing) -> Iterator[str]:
    picture, seconds = one.picture, one.seconds
    # Of a run that was killed the last record is known, not the moment.
    word = "for" if one.pid is not None else "after" if one.finished else "after at least"
    how_long = "" if seconds is None else f" {word} {duration(seconds)}"
    yield f"run {one.directory.run_id} of plan {line(one.plan)}: {one.state}{how_long}{_because(one)}"
    yield _people(one)
    tasks, gates = one.passed("task"), one.passed("gate")
    passed = f"passed: {tasks[0]} of {plural(tasks[1], 'task')}"
    if gates[1]:
        passed += f", {gates[0]} of {plural(gates[1], 'gate')}"
    counts = picture.counts
    names = [*(s for s in _ORDER if s in counts), *sorted(counts.keys() - set(_ORDER))]
    yield passed + (f" ({', '.join(f'{counts[s]} {s}' for s in names)})" if names else "")
    yield from one.picture.parked
    for spent in sorted(one.spent, key=lambda s: not s.reached)[:_BUDGETS]:
        yield line(f"{spent.name}: spent {spent.text}") + (" (reached)" if spent.reached else "")
    if len(one.spent) > _BUDGETS:
        yield f"and {len(one.spent) - _BUDGETS} more budgets, see --json"


def _because(one: Standing) -> str:
    why = one.picture.reason or one.picture.stopping
    return f" ({cut(why, 120)})" if why else ""


def _people(one: Standing) -> str:
    """Who is alive."""
    agents = f"{plural(one.alive, 'agent')} alive" if one.alive else "no agent alive"
    if one.pid is not None:
        pid = f" (pid {one.pid})" if one.pid else ""
        return f"orchestrator alive{pid}, {agents}"
    if one.finished and not one.alive:
        return "orchestrator done, nothing of the run is alive"
    return f"orchestrator gone, {agents}" + (" and at work without it" if one.alive else "")


# ---- what is at work -----------------------------------------------------------------------------


def _working(one: Standing) -> str:
    """The items at work, each with the last line of what it printed."""
    items = [i for i in one.picture.items.values() if i.state in _AT_WORK or i.open]
    if not items:
        return ""
    rows: list[tuple[str, ...]] = [_HEAD]
    said: list[str] = [""]
    for item in sorted(items, key=lambda i: _AT_WORK.index(i.state) if i.state in _AT_WORK else 0):
        if not item.open:
            rows.append(_idle_row(one, item))
            said.append("")
        for act in item.open:
            rows.append(_act_row(one, item, act))
            said.append(_said(one, act))
    lines = table(rows).splitlines()
    wide = columns()
    found = [
        f"{row}\n" + (f"    {cut(text, wide - 4)}\n" if text else "")
        for row, text in zip(lines, said, strict=True)
    ]
    return "".join(found)


def _idle_row(one: Standing, item: Item) -> tuple[str, ...]:
    """An item that is at work, and no act of it is: a retry that is due later, a gate whose tasks are refined."""
    since = "" if item.since is None else duration(max(0.0, one.now - item.since))
    return (line(item.id), item.state, str(item.iteration or ""), _score(one, item), since, item.reason)


def _act_row(one: Standing, item: Item, act: Act) -> tuple[str, ...]:
    name = line(item.id) if act.critic is None else f"{line(item.id)}/{line(act.critic)}"
    attempt = "" if act.sample == 1 else f", judgement {act.sample}"
    attempt += "" if act.attempt == 1 else f", attempt {act.attempt}"
    agent = one.agents[act.name]
    goes_on = agent.life in {Life.ALIVE, Life.UNSEEN}
    since = duration(max(0.0, one.now - (agent.since or act.began))) if goes_on else ""
    return (name, item.state, f"{act.iteration}{attempt}", _score(one, item), since, _agent(agent))


def _agent(agent: Agent) -> str:
    match agent.life:
        case Life.ALIVE:
            return f"pid {agent.pid} alive"
        case Life.ENDED:
            return "agent ended, its result is not read yet"
        case Life.GONE:
            return "agent gone without an exit status"
        case Life.UNSEEN:
            return f"cannot be seen from here ({line(agent.where, 60)})"
        case Life.ABSENT:
            return "not spawned yet"


def _said(one: Standing, act: Act) -> str:
    last = last_line(one.directory.act(act.name), one.redactor)
    if last.at is None:
        return "" if one.agents[act.name].life is Life.ABSENT else "no output yet"
    return f"{duration(max(0.0, one.now - last.at))} ago: {last.text or '(blank)'}"


def _score(one: Standing, item: Item) -> str:
    """The score against the threshold, as far as they are known."""
    threshold = one.outlook.thresholds.get(item.id)
    if item.score is None:
        return ""
    return f"{item.score} of {threshold}" if threshold else item.score


# ---- what is decided, and what waits ---------------------------------------------------------------


def _decided(one: Standing, *, everything: bool) -> str:
    """What is over, trouble first; of what went well, the newest."""
    items = [i for i in one.picture.items.values() if i.state not in {*_AT_WORK, WAITING} and not i.open]
    trouble = [i for i in items if i.state in _TROUBLE]
    well = sorted((i for i in items if i.state in SUCCESS), key=lambda i: i.since or 0.0, reverse=True)
    rest = [i for i in items if i.state not in _TROUBLE and i.state not in SUCCESS]
    kept = trouble + (well if everything else well[:_PASSED]) + (rest if everything else rest[:_SKIPPED])
    if not kept:
        return ""
    text = table([("ITEM", "STATE", "ITERATION", "SCORE", "TOOK", ""), *(_decided_row(one, i) for i in kept)])
    return text + _more(len(items) - len(kept))


def _decided_row(one: Standing, item: Item) -> tuple[str, ...]:
    took = sum(act.seconds or 0.0 for act in item.acts)
    score = _score(one, item)
    reason = "" if score and item.state in SUCCESS else cut(item.reason, 100)
    return (
        line(item.id),
        item.state,
        str(item.iteration or ""),
        score,
        duration(took) if item.acts else "",
        reason,
    )


def _blocked(one: Standing, *, everything: bool) -> str:
    """What waits, and what for."""
    items = [i for i in one.picture.items.values() if i.state == WAITING and not i.open]
    if not items or (one.finished and not everything):
        return ""
    kept = items if everything else items[:_BLOCKED]
    rows = [(line(i.id), WAITING, _waits_for(one, i)) for i in kept]
    return table([("ITEM", "STATE", "WAITS FOR"), *rows]) + _more(len(items) - len(kept))


def _waits_for(one: Standing, item: Item) -> str:
    blocker = one.outlook.blocker(one.picture, item.id)
    return "" if blocker is None else f"{line(blocker.id)} ({blocker.state})"


def _more(count: int) -> str:
    return f"and {count} more, see --all\n" if count > 0 else ""


# ---- what waits for a person -----------------------------------------------------------------------


def _asked(one: Standing) -> str:
    """What is asked, and what to type."""
    lines = []
    root = str(one.picture.header.get("root", ""))
    for question in open_questions(one.directory):
        reason, text = line(question.get("reason"), 300), line(question.get("text"), 500)
        item = line(question.get("item"))
        lines.append(f"{item} asks: {text}" + (f" ({reason})" if reason and reason != text else ""))
        if one.replayed and one.pid is None:  # an answer would reach nobody
            continue
        options = [o for o in question.get("options") or () if isinstance(o, dict)]
        for option in options:
            command = decide_command(
                one.directory, root, item, line(option.get("id")), why=bool(option.get("why"))
            )
            lines.append(f"  {command}  # {line(option.get('label'))}")
        if not options:
            lines.append(f"  {decide_command(one.directory, root, item, '', why=False)}")
    return "".join(f"{text}\n" for text in lines)


# ---- what to do next -----------------------------------------------------------------------------


def _following(one: Standing, here: Path, further: str) -> Iterator[tuple[str, str]]:
    """What to type next."""
    run = one.directory.run_id
    at_work = next((a.item for a in one.picture.open if one.agents[a.name].life is Life.ALIVE), None)
    if at_work is not None:
        yield "watch an agent:", f"orchharness logs {run} {at_work} -f{further}"
    resume = one.resume_command(here)
    if one.pid is None and one.state != "passed" and resume:
        yield "goes on with:", resume
    replay = one.replay_command(here)
    if one.pid is None and one.state != "passed" and replay:
        yield "replays it anew:", replay
    if one.pid is not None or one.alive:
        yield "ends it all:", f"orchharness cancel {run}{further}"
    if one.directory.report.exists():
        yield "report:", shown(one.directory.report, here)
