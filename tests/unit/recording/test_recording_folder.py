"""The folder of a recording: what is damaged is refused with its path, what is written again is the same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.recording.asked import name_of
from orchharness.recording.folder import RecordingFolder

AGAIN = "pytest a.plan.yaml --orch-record"


@pytest.fixture
def folder(tmp_path: Path) -> RecordingFolder:
    made = RecordingFolder(tmp_path / "recordings/a", AGAIN)
    made.write_header({"plan": "a"})
    made.write_act(
        "one.i1", {"asked": {"prompt": ["do it"]}, "files": [entry()], "seconds": 3}, {"one.i1/a.md": b"text"}
    )
    return made


def entry(**changed: object) -> dict[str, object]:
    from hashlib import sha256

    found = {"path": "a.md", "file": "one.i1/a.md", "sha256": sha256(b"text").hexdigest(), "size": 4}
    return found | changed


def test_what_was_written_is_read(folder: RecordingFolder):
    found = folder.act("one.i1")

    assert found is not None
    assert found["asked"] == {"prompt": ["do it"]}
    assert Path(folder.file(found["files"][0])).read_bytes() == b"text"
    assert folder.act("two.i1") is None
    assert folder.header() == {"format": 1, "plan": "a"}


def test_keys_are_sorted_one_on_each_line(folder: RecordingFolder):
    lines = (folder.root / "one.i1.json").read_text().splitlines()

    keys = [line.split('"')[1] for line in lines if line.startswith(' "')]
    assert keys == ["act", "asked", "digest", "files", "seconds"]
    assert '   "do it"' in lines


def test_the_same_work_written_again_changes_nothing(folder: RecordingFolder):
    before = (folder.root / "one.i1.json").read_bytes()

    folder.write_act(
        "one.i1", {"asked": {"prompt": ["do it"]}, "files": [entry()], "seconds": 4}, {"one.i1/a.md": b"text"}
    )
    assert (folder.root / "one.i1.json").read_bytes() == before
    folder.write_act("one.i1", {"asked": {"prompt": ["other"]}, "files": [], "seconds": 4}, {})

    assert json.loads((folder.root / "one.i1.json").read_text())["seconds"] == 4
    assert not (folder.root / "one.i1").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, '{"act": "one.i1"}', '{"digest": "x", "act": "one.i1"}']
)
def test_a_damaged_act_is_refused_with_its_path(folder: RecordingFolder, text: str):
    path = folder.root / "one.i1.json"
    path.write_text(text)

    with pytest.raises(OrchError) as caught:
        folder.act("one.i1")

    assert str(caught.value).startswith(f"the recording is damaged: {path}: ")
    assert str(caught.value).endswith(f"; record again: {AGAIN}")


def test_an_act_under_the_name_of_another_is_damaged(folder: RecordingFolder):
    (folder.root / "one.i1.json").rename(folder.root / "two.i1.json")

    with pytest.raises(OrchError, match="what it holds is not what was recorded"):
        folder.act("two.i1")


def test_a_pipe_is_no_recording_and_does_not_hang(folder: RecordingFolder):
    (folder.root / "one.i1.json").unlink()
    os.mkfifo(folder.root / "one.i1.json")

    with pytest.raises(OrchError, match="cannot be read"):
        folder.act("one.i1")


def test_another_format_is_named(folder: RecordingFolder):
    (folder.root / "recording.json").write_text('{"format": 2}')

    with pytest.raises(OrchError) as caught:
        folder.header()

    assert str(caught.value) == (
        f"{folder.root}/recording.json: the recording has format 2, this version of orchharness reads format 1; "
        f"record again: {AGAIN}"
    )


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "one.i1/../../../x", "a\0b", 3, None])
def test_a_file_outside_of_the_recording_is_refused(folder: RecordingFolder, name: object):
    with pytest.raises(OrchError, match="the recording is damaged"):
        folder.file(entry(file=name))


def test_a_link_out_of_the_recording_is_refused(folder: RecordingFolder, tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"text")
    (folder.root / "one.i1/link").symlink_to(tmp_path / "secret")

    with pytest.raises(OrchError, match="it leads out of the recording"):
        folder.file(entry(file="one.i1/link"))


def test_a_file_that_was_edited_is_refused(folder: RecordingFolder):
    (folder.root / "one.i1/a.md").write_text("better")

    with pytest.raises(OrchError, match="its bytes are not the recorded ones"):
        folder.file(entry())


@pytest.mark.parametrize(
    ("path", "data", "readable"),
    [
        ("docs/a.md", b"text", True),
        (".gitignore", b"*", False),
        ("a.bin", b"\0\1", False),
        ("a.md", b"x" * 300_000, False),
    ],
)
def test_text_is_kept_beside_the_act_and_the_rest_by_its_digest(
    folder: RecordingFolder, path: str, data: bytes, readable: bool
):
    place = folder.place("one.i1", path, data)

    assert place == f"one.i1/{path}" if readable else place.startswith("store/")


def test_pruning_keeps_the_files_of_acts_that_stay(folder: RecordingFolder):
    folder.write_act("two.i1", {"files": [{"file": "store/aa"}]}, {"store/aa": b"\0"})
    folder.write_act("three.i1", {"files": [{"file": "store/bb"}]}, {"store/bb": b"\0"})

    folder.prune({"one.i1", "two.i1"})

    assert sorted(str(p.relative_to(folder.root)) for p in folder.root.rglob("*") if p.is_file()) == [
        "one.i1.json", "one.i1/a.md", "recording.json", "store/aa", "two.i1.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "name"),
    [
        ("EN-027.i2.a1", "EN-027.i2"),
        ("G.i1.editor.s2.a3.r2", "G.i1.editor.s2"),
        ("T[3.a1].i1.a1", "T[3.a1].i1"),
    ],
)
def test_an_act_is_recorded_without_its_attempt(act: str, name: str):
    assert name_of(act) == name
