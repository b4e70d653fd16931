"""The process that replays an act, and what patterns of a plan it may write."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchharness.recording import player
from orchharness.recording.folder import RecordingFolder
from orchharness.recording.miss import differs, unknown
from orchharness.recording.reach import covers


def play(tmp_path: Path, **script: Any) -> subprocess.CompletedProcess[str]:
    whole = {"files": [], "deleted": [], "leaves": {}, "prints": None, "says": "", "exit": 0, **script}
    path = tmp_path / "replay.json"
    path.write_text(json.dumps(whole))
    words = [sys.executable, "-I", "-S", player.__file__, str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)


def put(tmp_path: Path, target: Path, data: bytes = b"text", **changed: Any) -> dict[str, Any]:
    (tmp_path / "source").write_bytes(data)
    found = {"source": str(tmp_path / "source"), "target": str(target), "inside": str(tmp_path / "w")}
    return {**found, "sha256": sha256(data).hexdigest(), "executable": False, **changed}


def test_it_writes_deletes_prints_and_ends_as_recorded(tmp_path: Path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/old").write_text("old")
    entry = put(tmp_path, tmp_path / "w/deep/a.sh", executable=True)

    done = play(
        tmp_path,
        files=[entry],
        deleted=[{"target": str(tmp_path / "w/old"), "inside": str(tmp_path / "w")}],
        leaves={str(tmp_path / "agent-result.json"): "{}"},
        prints={"source": str(tmp_path / "source")},
        says="no more\n",
        exit=3,
    )

    assert (done.returncode, done.stdout, done.stderr) == (3, "text", "no more\n")
    assert (tmp_path / "w/deep/a.sh").read_text() == "text"
    assert (tmp_path / "w/deep/a.sh").stat().st_mode & 0o111 == 0o111
    assert not (tmp_path / "w/old").exists()
    assert (tmp_path / "agent-result.json").read_text() == "{}"


def test_a_link_that_was_put_there_since_does_not_lead_it_out(tmp_path: Path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/out").symlink_to(tmp_path)

    done = play(tmp_path, files=[put(tmp_path, tmp_path / "w/out/a.md")])

    assert done.returncode == 70
    assert done.stderr.startswith("replay: ")
    assert not (tmp_path / "a.md").exists()


def test_bytes_that_changed_since_are_not_written(tmp_path: Path):
    (tmp_path / "w").mkdir()

    done = play(tmp_path, files=[put(tmp_path, tmp_path / "w/a.md", sha256="0" * 64)])

    assert done.returncode == 70
    assert not (tmp_path / "w/a.md").exists()


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("a.md", "a.md", True),
        ("a.md", "b/a.md", False),
        ("docs", "docs/deep/a.md", True),
        ("docs/", "docs/a.md", True),
        ("docs", "docs2/a.md", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/deep/a.md", False),
        ("docs/**/*.md", "docs/a.md", True),
        ("docs/**/*.md", "docs/x/y/a.md", True),
        ("**", "any/thing", True),
        (".", "any/thing", True),
        ("**", ".git/config", False),
        ("pages/[id].tsx", "pages/[id].tsx", True),
        ("**", "run:report", False),
        ("run:report", "run:report", True),
        ("run:report", "report", False),
    ],
)
def test_only_what_a_pattern_means_is_covered(pattern: str, path: str, covered: bool):
    assert covers([pattern], path) is covered


def test_no_pattern_covers_nothing():
    assert not covers([], "a.md")


def test_a_miss_is_bounded_however_much_changed(tmp_path: Path):
    folder = RecordingFolder(tmp_path, "pytest a.plan.yaml --orch-record")
    asked = {"prompt": [f"{n} " + "x" * 10_000 for n in range(10_000)]}

    for text in (
        str(differs("a.i1", {"prompt": ["old"]}, asked, folder)),
        str(unknown("a.i1", asked, folder)),
    ):
        assert len(text) < 20_000
        assert "more lines\nto record again, which runs the agents: pytest a.plan.yaml --orch-record" in text


def test_a_record_of_anything_can_be_compared(tmp_path: Path):
    folder = RecordingFolder(tmp_path, "pytest a.plan.yaml --orch-record")
    asked = {"agent": {"kind": "x", "options": {"deep": [1, {"a": None}]}}, "prompt": ["one", "two"]}

    text = str(differs("a.i1", {**asked, "agent": {"kind": "x", "options": {}}}, asked, folder))

    assert "-agent.options: {}" in text
    assert "+agent.options.deep[2]: a: null" not in text
    assert "+agent.options.deep" in text
    assert " prompt:" in text or "prompt:" in text
