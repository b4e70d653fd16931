"""What an attempt is compared with that goes on with the work of one that was limited."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchharness.core.acts import Finished, Outcome, SpawnRequest
from orchharness.core.plan import Output, OutputKind
from orchharness.redact import MARK
from orchharness.run.act import ActRequest
from orchharness.run.evidence import after_task, before_task


@pytest.fixture
def acts(tmp_path: Path):
    """Two attempts of one task, the second of which goes on with the work of the first."""
    from orchharness.workspace.declared import declare

    workspace = tmp_path / "project"
    workspace.mkdir()

    def act(name: str, goes_on_from: str = "") -> ActRequest:
        folder = tmp_path / name
        folder.mkdir()
        text = declare(Output(name="text", kind=OutputKind.FILE, path="one.txt"), tmp_path / "files", folder)
        spawn = SpawnRequest(key="k", act=name, kind="command", folder=str(folder), cwd=str(workspace))
        return ActRequest(
            act=name,
            key="k",
            role="task",
            item="one",
            folder=str(folder),
            spawn=spawn,
            workspace=str(workspace),
            store=str(tmp_path / "store"),
            outputs=(text.to_record(),),
            goes_on_from=goes_on_from,
        )

    first = act("a1")
    return first, act("a2", first.folder)


def limited(request: ActRequest) -> None:
    """The attempt writes its output, and is limited."""
    before = before_task(request)
    Path(request.workspace, "one.txt").write_text("work")
    answer = Finished(ok=False, exit=1, detail="429", trouble="limited")
    assert after_task(request, answer, before).outcome is Outcome.LIMITED


@pytest.mark.timeout(5)
def test_a_fifo_in_place_of_the_snapshot_is_not_waited_for(acts):
    first, second = acts
    limited(first)
    place = Path(first.folder, "snapshot.json")
    place.unlink()
    os.mkfifo(place)

    assert set(before_task(second)) == {"one.txt"}


def test_what_a_limited_attempt_wrote_was_not_there_before_the_next(acts):
    first, second = acts
    limited(first)
    before = before_task(second)

    assert before == {}
    assert json.loads(Path(second.folder, "snapshot.json").read_text()) == {}
    assert after_task(second, Finished(ok=True, exit=0), before).outcome is Outcome.SUCCESS


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', f'{{"{MARK}.txt": {{}}}}'])
def test_a_snapshot_that_is_not_whole_makes_old_what_is_there_now(acts, text):
    first, second = acts
    limited(first)
    Path(first.folder, "snapshot.json").write_text(text)

    assert set(before_task(second)) == {"one.txt"}
