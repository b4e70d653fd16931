"""Many seeded cases of faults, two at a time, and a table of what they came to.

    python tests/chaos/campaign.py --seed 1 --cases 1000
    python tests/chaos/campaign.py --only 1000123          # one case alone, with what its sessions said

Exits with 1 when anything was lost, started twice, left behind, or hung.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from chaos_cases import Case, Outcome, play
from chaos_facts import Facts, facts
from chaos_plans import SHAPES, plan_of
from chaos_project import Project

_STRIDE = 1_000_000  # cases of two seeds never meet
_TOLD = 100  # cases between two lines of progress


@cache
def reference(shape: str, base: Path) -> Facts:
    """What the plan comes to when nothing happens."""
    folder = Path(tempfile.mkdtemp(dir=base)) / shape
    project = Project(folder, plan_of(shape), pyc=base / "pyc")
    (project.root / "given").mkdir()
    session = project.run()
    if session.status != 0:
        raise SystemExit(f"an undisturbed run of {shape!r} does not pass:\n{session.text}")
    return facts(project)


def one(seed: int, base: Path) -> Outcome:
    """Play one case."""
    return play(Case.of(seed), base / f"case-{seed}", base / "pyc", partial(reference, base=base))


def outcomes(seeds: Sequence[int], base: Path, jobs: int) -> Iterator[Outcome]:
    """The cases' outcomes as they come in."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for done in as_completed([pool.submit(one, seed, base) for seed in seeds]):
            yield done.result()


class Table:
    """Counts what happened."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.bad: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        self.sums["cases"] += 1
        self.sums["sessions"] += outcome.sessions
        self.faults.update(f.kind for f in outcome.faults)
        for name, found in vars(outcome.harm).items():
            self.sums[name] += len(found)
        if outcome.harm:
            self.bad.append(outcome)

    def lines(self, seed: int, seconds: float) -> list[str]:
        rows = [("seed", seed), ("cases", self.sums["cases"]), ("sessions", self.sums["sessions"])]
        rows += [("faults", self.faults.total())]
        rows += [(f"  {kind}", n) for kind, n in sorted(self.faults.items())]
        rows += [("lost results", self.sums["lost"]), ("double spawns", self.sums["doubled"])]
        rows += [("orphans", self.sums["orphans"]), ("hangs", self.sums["hangs"])]
        rows += [("wrong ends", self.sums["wrong"]), ("seconds", round(seconds))]
        return [f"{name:<28}{value:>8}" for name, value in rows]


def show(outcome: Outcome) -> None:
    """Tell what went wrong, and how to run it alone."""
    print(
        f"\nBAD {outcome}\n  alone: {sys.executable} {Path(__file__)} --only {outcome.case.seed}", flush=True
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, metavar="CASE", help="this case alone")
    parser.add_argument("--keep", action="store_true", help="leave the folders of bad cases where they are")
    option = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="chaos-"))
    first = option.seed * _STRIDE
    seeds = [option.only] if option.only is not None else range(first, first + option.cases)
    table, began = Table(), time.monotonic()
    for shape in SHAPES:
        reference(shape, base)
    for outcome in outcomes(seeds, base, option.jobs):
        table.add(outcome)
        if outcome.harm:
            show(outcome)
        if option.only is not None:
            print(outcome, *outcome.said, sep="\n")
        if table.sums["cases"] % _TOLD == 0:
            print(f"{table.sums['cases']} cases, {len(table.bad)} bad", flush=True)
    print("\n".join(table.lines(option.seed, time.monotonic() - began)))
    if option.keep and table.bad:
        print(f"kept: {base}")
    else:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if table.bad else 0


if __name__ == "__main__":
    sys.exit(main())
