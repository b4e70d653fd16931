"""The options of `orchharness simulate`: what may be said of durations, failures and prices, and how."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_PRICE = re.compile(r"\$?(\d{1,9}(?:\.\d{1,6})?)(/h)?")
_MOST_AGENTS, _MOST_RUNS = 1_000_000, 1_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument
    add(
        "--parallel",
        type=_agents,
        metavar="N,N…",
        help="numbers of agents (1, 2, 3, the plan's own, the useful one)",
    )
    add(
        "--runs",
        type=_runs,
        metavar="N",
        help="how often each is played (1000; once where nothing is left to chance)",
    )
    add("--seed", type=int, default=0, metavar="N", help="another seed, other dice (0)")
    add("--start", type=_clock, metavar="HH:MM", help="tell the day of a typical run, begun at that time")
    several: dict[str, Any] = {"action": "append", "default": []}
    add(
        "--duration",
        type=_said(_span),
        metavar="[NAME=]TIME",
        **several,
        help="what acts of a task, gate, critic or agent take: 5h, 2h..5h; without a name: tasks without 'estimate'",
    )
    add(
        "--again",
        type=_share(10),
        default=1.0,
        metavar="SHARE",
        help="what work on findings takes, of the first time (1)",
    )
    add("--from-runs", action="store_true", help="take durations and prices from earlier runs of the plan")
    add(
        "--fail",
        type=_said(_share(1)),
        metavar="[GATE=]P",
        **several,
        help="how likely a round of judgements fails: 0.3",
    )
    add(
        "--die",
        type=_said(_share(1)),
        metavar="[NAME=]P",
        **several,
        help="how likely an agent dies in the middle of its act: 0.05",
    )
    add("--cost", type=_said(_price), metavar="[NAME=]USD", **several,
        help="what an act costs: 1.50, or 6/h for every hour of it")  # fmt: skip
    add("--orch-dir", metavar="FOLDER", help="where earlier runs are kept")
    add(
        "--report",
        metavar="FILE",
        help="where the report goes (PLAN.simulated.html in this folder); '-' writes none",
    )
    add("--json", action="store_true", help="as JSON")


def _said(read: Callable[[str], Any]) -> Callable[[str], tuple[str, Any]]:
    def said(text: str) -> tuple[str, Any]:
        name, equals, value = text.rpartition("=")
        if equals and not name:
            msg = f"{text!r}: write NAME=VALUE, or the value alone"
            raise argparse.ArgumentTypeError(msg)
        return name.strip(), read(value.strip())

    return said


def _span(text: str) -> Any:
    from orchharness.planfile.durations import span_in
    from orchharness.simulate.assumptions import Between

    try:
        return Between(*span_in(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(most: float) -> Callable[[str], float]:
    def share(text: str) -> float:
        percent = text.endswith("%")
        try:
            value = float(text.removesuffix("%")) / (100 if percent else 1)
        except ValueError:
            value = -1.0
        if not 0 <= value <= most:  # what is no number compares false
            msg = f"{text!r} is no share: write a number from 0 to {most:g}, like 0.3 or 30%"
            raise argparse.ArgumentTypeError(msg)
        return value

    return share


def _price(text: str) -> Any:
    from orchharness.simulate.assumptions import Price

    found = _PRICE.fullmatch(text)
    if found is None:
        msg = f"{text!r} is no price: write dollars for an act, like 1.50, or for an hour of it, like 6/h"
        raise argparse.ArgumentTypeError(msg)
    return Price(float(found[1]), found[2] is not None)


def _agents(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(w.isascii() and w.isdecimal() and 1 <= int(w[:9]) <= _MOST_AGENTS for w in words):
        msg = f"{text!r} are no numbers of agents: write 2, or 1,2,3"
        raise argparse.ArgumentTypeError(msg)
    return list(dict.fromkeys(int(w) for w in words))


def _runs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _MOST_RUNS and len(text) < 9):  # noqa: PLR2004
        msg = f"{text!r} is no number of runs: write one from 1 to {_MOST_RUNS:,}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _clock(text: str) -> float:
    found = _CLOCK.fullmatch(text)
    if found is None:
        msg = f"{text!r} is no time of day: write it like 09:00"
        raise argparse.ArgumentTypeError(msg)
    return int(found[1]) * 3600.0 + int(found[2]) * 60
