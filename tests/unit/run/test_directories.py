"""Where runs are kept."""

from __future__ import annotations

from pathlib import Path

from orchharness.run import directory as places
from orchharness.run.past import runs_of


def test_of_runs_that_begin_in_one_second_the_last_one_is_the_newest(tmp_path: Path):
    made = [places.create(tmp_path, "p", "/p.plan.yaml", 1_000.0).run_id for _ in range(9)]
    later = places.create(tmp_path, "p", "/p.plan.yaml", 1_001.0).run_id
    folder = places.plan_folder(tmp_path, "p", "/p.plan.yaml")
    for name in (*made, later):
        (folder / name / "journal.jsonl").write_text("{}\n")

    assert [run.run_id for run in runs_of(folder)] == [later, *reversed(made)]
