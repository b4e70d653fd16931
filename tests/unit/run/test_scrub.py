"""What an act left is rewritten without what must not be kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.redact import MARK, Redactor
from orchharness.run import scrub as scrubbing
from orchharness.run.hidden import redacted
from orchharness.run.scrub import scrub

SECRET = "tok-5f1c8a77e2"
REDACTOR = Redactor([SECRET])


@pytest.mark.timeout(5)
def test_fifos_and_links_are_left_alone(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.write_text(SECRET)
    folder = tmp_path / "act"
    folder.mkdir()
    os.mkfifo(folder / "stdout.log")
    (folder / "stderr.log").symlink_to(away)

    assert scrub(str(folder), REDACTOR) == []
    assert away.read_text() == SECRET


def test_every_file_that_the_act_left_is_redacted_and_artifacts_are_not(tmp_path: Path) -> None:
    for name in (
        "stdout.log",
        "agent/stderr.log",
        "agent-result.json",
        "result.json",
        "odd",
        "gate/work.md",
        "inputs/a/work.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff" + SECRET.encode() + b"\n")

    scrub(str(tmp_path), REDACTOR)

    holding = [
        str(p.relative_to(tmp_path))
        for p in tmp_path.rglob("*")
        if p.is_file() and SECRET.encode() in p.read_bytes()
    ]
    assert sorted(holding) == ["gate/work.md", "inputs/a/work.md"]
    assert (tmp_path / "stdout.log").read_bytes() == b"\xff" + MARK.encode() + b"\n"
    assert (tmp_path / "odd").stat().st_mode & 0o777 == 0o600


def test_a_file_that_holds_nothing_stays_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    path.write_text("all is well\n" * 1000)
    before = path.stat()

    scrub(str(tmp_path), REDACTOR)

    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_that_cannot_be_rewritten_is_told_and_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stdout.log"
    path.write_text(SECRET)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scrubbing.os, "replace", full)

    assert scrub(str(tmp_path), REDACTOR) == [f"{path} could not be redacted: No space left on device"]
    assert path.read_text() == SECRET
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_crash_left_beside_a_file_goes(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_text(f"x {SECRET}")
    (tmp_path / "stdout.log.redacted").write_text("x [reda")

    scrub(str(tmp_path), REDACTOR)

    assert [p.name for p in tmp_path.iterdir()] == ["stdout.log"]
    assert (tmp_path / "stdout.log").read_text() == f"x {MARK}"


def test_an_event_is_redacted_in_its_texts_and_paths_and_keeps_names_digests_and_numbers() -> None:
    digest = "ab" * 32
    event = ev.TaskFinished(
        at=1.0,
        task=SECRET,
        act=f"{SECRET}.i1.a1",
        outcome=Outcome.SUCCESS,
        started=0.0,
        seconds=1.0,
        detail=f"x {SECRET}",
        summary=SECRET,
        session=SECRET,
        outputs={"o": [{"path": f"out/{SECRET}.md", "sha256": digest, "size": 3}]},
        usage={"usd": 0.5},
    )

    found = redacted(event, REDACTOR)

    assert isinstance(found, ev.TaskFinished)
    assert (found.task, found.act) == (event.task, event.act)
    assert (found.detail, found.summary, found.session) == (f"x {MARK}", MARK, MARK)
    assert found.outputs == {"o": [{"path": f"out/{MARK}.md", "sha256": digest, "size": 3}]}
    assert found.usage == {"usd": 0.5}


def test_what_a_person_answers_is_kept_as_it_was_said() -> None:
    event = ev.DecisionTaken(at=1.0, item="G", question="q", number=1, option="answer", by="ann", note=SECRET)

    assert redacted(event, REDACTOR) is event
