from __future__ import annotations

import json
import os
import socket
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchharness.workspace import snapshots
from orchharness.workspace.snapshots import differs, snapshot, verify


def test_a_snapshot_says_what_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    status = (tmp_path / "a").stat()

    assert snapshot(tmp_path, ["a", "missing"]) == {
        "a": {
            "sha256": sha256(b"abc").hexdigest(),
            "size": 3,
            "mtime_ns": status.st_mtime_ns,
            "ctime_ns": status.st_ctime_ns,
            "inode": status.st_ino,
        }
    }


def test_nothing_asked_for_is_nothing_done(tmp_path: Path) -> None:
    assert snapshot(tmp_path / "does not exist", []) == {}


def test_what_is_no_regular_file_is_no_part_of_it_and_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "fifolink").symlink_to("fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folderlink").symlink_to("folder")
    monkeypatch.chdir(tmp_path)  # a socket's path is limited to 108 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        seen = snapshot(tmp_path, ["**", "fifo", "loop", "socket"])

    assert seen == {}


def test_links_are_followed_but_not_out_of_the_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "a").write_text("abc")
    (workspace / "inner").symlink_to("a")
    (workspace / "outer").symlink_to("/etc/passwd")

    seen = snapshot(workspace, ["**"])

    assert seen["inner"] == seen["a"]
    assert seen["outer"] == {"outside": "/etc/passwd"}


def test_files_of_the_run_stand_under_their_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "report").write_text("x")

    assert list(snapshot(tmp_path / "w", [str(tmp_path / "report")])) == [str(tmp_path / "report")]


def test_any_name_survives_json(tmp_path: Path) -> None:
    for name in (b"\xff\xfe", b"new\nline", "ünïcode".encode(), b" ", b'"'):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")

    seen = snapshot(tmp_path, ["**"])

    assert json.loads(json.dumps(seen)) == seen
    assert len(seen) == 5


def test_an_unreadable_file_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("x")

    def refuse(path: str):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(snapshots, "read_digest", refuse)

    assert snapshot(tmp_path, ["a"]) == {"a": {"unread": "Permission denied"}}


def test_a_failing_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("x")

    def broken(path: str):
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(snapshots, "read_digest", broken)

    with pytest.raises(OSError, match="Input/output"):
        snapshot(tmp_path, ["a"])


def test_a_file_that_nobody_touched_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    known = snapshot(tmp_path, ["**"])
    (tmp_path / "b").write_text("y")
    read = []
    real = snapshots.read_digest
    monkeypatch.setattr(snapshots, "read_digest", lambda path: (read.append(path), real(path))[1])

    seen = snapshot(tmp_path, ["**"], known=known)

    assert read == [str(tmp_path / "b")]
    assert seen["a"] == known["a"]
    assert seen["b"]["sha256"] == sha256(b"y").hexdigest()


def test_a_rewrite_right_after_the_snapshot_has_other_times(tmp_path: Path) -> None:
    """Without `settle` most of these writes fall into the same tick of the clock that stamps files."""
    path = tmp_path / "a"
    same = 0
    for _ in range(30):
        path.write_bytes(b"same")
        before = snapshot(tmp_path, ["a"])["a"]
        with path.open("r+b") as file:
            file.write(b"same")
        after = snapshot(tmp_path, ["a"])["a"]
        same += before == after

    assert same == 0


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.dictionaries(st.sampled_from("abcde"), st.sampled_from([b"", b"1", b"22"])),
    second=st.dictionaries(st.sampled_from("abcde"), st.sampled_from([b"", b"1", b"22"])),
)
def test_snapshots_differ_exactly_when_the_contents_do(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, bytes], second: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("w")
    for name, data in first.items():
        (root / name).write_bytes(data)
    before = snapshot(root, ["**"])
    for name in first.keys() - second.keys():
        (root / name).unlink()
    for name, data in second.items():
        (root / name).write_bytes(data)

    after = snapshot(root, ["**"], known=before)

    assert {name: seen["sha256"] for name, seen in after.items()} == {
        name: sha256(data).hexdigest() for name, data in second.items()
    }
    assert differs(before, after) is (first != second)


def test_verify_names_what_is_no_longer_the_same(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / name).write_text("x")
    digests = {str(tmp_path / name): sha256(b"x").hexdigest() for name in "abcdef"}
    (tmp_path / "b").write_text("y")
    (tmp_path / "c").unlink()
    (tmp_path / "d").unlink()
    (tmp_path / "d").mkdir()
    (tmp_path / "e").unlink()
    os.mkfifo(tmp_path / "e")
    (tmp_path / "f").unlink()
    (tmp_path / "f").symlink_to("a")

    assert verify(digests) == [str(tmp_path / name) for name in "bcde"]
