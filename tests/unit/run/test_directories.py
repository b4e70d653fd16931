"""Where runs are kept."""

from __future__ import annotations

from pathlib import Path

from orchharness.run import directory as places
from orchharness.run.past import runs_of


def test_of_runs_that_begin_in_one_second_the_last_one_is_the_newest(tmp_path: Path):
    made = [places.create(tmp_path, "p", "/p.plan.yaml", 1_000.0).run_id for _ in range(9)]
    later = places.create(tmp_path, "p", "/p.plan.yaml", 1_001.0).run_id
    found = [
        run.name for run in sorted((tmp_path / places.plan_folder(tmp_path, "p", "/p.plan.yaml")).iterdir())
    ]

    assert [name for name in found if name.startswith("19700101")] == [*made, later]
    assert list(runs_of(places.plan_folder(tmp_path, "p", "/p.plan.yaml"))) == []  # none has begun
