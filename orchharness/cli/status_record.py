"""What `orchharness status --json` says: keys that stay. Times are in seconds, since the epoch or in all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchharness.cli.standing import Standing
from orchharness.live.output import last_line
from orchharness.live.picture import WAITING, Act, Item
from orchharness.run.questions import open_questions


def record_of(one: Standing, further: str = "") -> dict[str, Any]:
    """The run with all its items. `further` are options that the commands in `next` need as well."""
    found = one.to_record()
    found["counts"] = one.picture.counts
    found["budgets"] = [spent.to_record() for spent in one.spent]
    found["items"] = [_item_record(one, item) for item in one.picture.items.values()]
    found["questions"] = open_questions(one.directory)
    found["next"] = {
        "resume": one.resume_command(Path.cwd()) if one.pid is None and one.state != "passed" else None,
        "cancel": f"orchharness cancel {one.directory.run_id}{further}"
        if one.pid is not None or one.alive
        else None,
    }
    return found


def _item_record(one: Standing, item: Item) -> dict[str, Any]:
    blocker = one.outlook.blocker(one.picture, item.id) if item.state == WAITING else None
    return {
        "id": item.id,
        "type": one.outlook.type_of(item.id),
        "state": item.state,
        "reason": item.reason,
        "iteration": item.iteration,
        "score": item.score,
        "threshold": one.outlook.thresholds.get(item.id),
        "since": item.since,
        "seconds": sum(act.seconds or 0.0 for act in item.acts),
        "waits_for": None if blocker is None else blocker.id,
        "acts": [_act_record(one, act) for act in item.open],
    }


def _act_record(one: Standing, act: Act) -> dict[str, Any]:
    """An act that has no end."""
    agent, last = one.agents[act.name], last_line(one.directory.act(act.name), one.redactor)
    return {
        "act": act.name,
        "critic": act.critic,
        "attempt": act.attempt,
        "sample": act.sample,
        "agent": str(agent.life),
        "pid": agent.pid,
        "since": agent.since or act.began,
        "said": last.text,
        "said_at": last.at,
    }
