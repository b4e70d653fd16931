from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.workspace.staging import copy_workspace


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "sub" / "b").write_text("b")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    (folder / "empty").mkdir()
    return folder


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_copy_holds_everything(source: Path, tmp_path: Path) -> None:
    warnings = copy_workspace(source, tmp_path / "run" / "workspace")

    assert warnings == []
    assert listing(tmp_path / "run" / "workspace") == listing(source)
    assert (tmp_path / "run" / "workspace" / "sub" / "b").read_text() == "b"


def test_everything_in_the_copy_can_be_written_and_scripts_stay_scripts(source: Path, tmp_path: Path) -> None:
    (source / "a").chmod(0o555)
    (source / "sub").chmod(0o555)
    os.utime(source / "a", ns=(1_000, 2_000))
    copy = tmp_path / "copy"
    copy_workspace(source, copy)
    (source / "sub").chmod(0o755)

    assert stat.S_IMODE((copy / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((copy / "sub").stat().st_mode) == 0o755
    assert (copy / "a").stat().st_mtime_ns == 2_000
    (copy / "a").write_text("mine")
    assert (source / "a").read_text() == "a"


def test_links_that_stay_inside_lead_into_the_copy(source: Path, tmp_path: Path) -> None:
    (source / "relative").symlink_to("sub/b")
    (source / "sub" / "up").symlink_to("../a")
    (source / "absolute").symlink_to(source / "sub" / "b")
    (source / "sub" / "around").symlink_to("../../source/a")
    (source / "folder").symlink_to("sub/deep")
    (source / "dangling").symlink_to("nowhere")
    (source / "loop").symlink_to("loop")
    copy = tmp_path / "elsewhere" / "copy"

    warnings = copy_workspace(source, copy)
    shutil.rmtree(source)

    assert warnings == []
    texts = {name: str((copy / name).readlink()) for name in listing(copy) if (copy / name).is_symlink()}
    assert texts == {
        "relative": "sub/b",
        "sub/up": "../a",
        "absolute": "sub/b",
        "sub/around": "../a",
        "folder": "sub/deep",
        "dangling": "nowhere",
        "loop": "loop",
    }
    assert (copy / "absolute").read_text() == "b"
    assert (copy / "sub" / "around").read_text() == "a"


def test_links_that_leave_the_folder_are_dropped_and_told(source: Path, tmp_path: Path) -> None:
    (source / "out").symlink_to("/etc/passwd")
    (source / "sub" / "up").symlink_to("../../other")

    warnings = copy_workspace(source, tmp_path / "copy")

    assert warnings == [
        "out is not in the copy of the workspace: it is a link that leaves the folder, to /etc/passwd",
        f"sub/up is not in the copy of the workspace: it is a link that leaves the folder, to {tmp_path}/other",
    ]
    assert "out" not in listing(tmp_path / "copy")


def test_what_is_no_file_is_dropped_and_told_and_blocks_nothing(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "pipe")

    assert copy_workspace(source, tmp_path / "copy") == [
        "pipe is not in the copy of the workspace: it is a FIFO, not a file"
    ]


def test_the_run_directory_inside_the_source_is_left_out(source: Path) -> None:
    run = source / "runs"
    (run / "store").mkdir(parents=True)

    copy_workspace(source, run / "workspace", skip=run)

    assert listing(run / "workspace") == [".git", ".git/HEAD", "a", "empty", "sub", "sub/b", "sub/deep"]


def test_a_copy_into_the_source_does_not_copy_itself(source: Path) -> None:
    copy_workspace(source, source / "copy")

    assert "copy" not in listing(source / "copy")


def test_a_copy_that_failed_leaves_nothing_and_can_be_made_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(OSError, match="No space left"):
            copy_workspace(source, tmp_path / "copy")
    left = sorted(path.name for path in tmp_path.iterdir())

    (tmp_path / "copy.partial").mkdir()  # as a killed process leaves it
    copy_workspace(source, tmp_path / "copy")

    assert left == ["source"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "source"]


def test_the_source_must_be_a_folder_and_the_target_new(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OrchError) as no_folder:
        copy_workspace(source / "a", tmp_path / "copy")
    with pytest.raises(OrchError) as taken:
        copy_workspace(source, source / "empty")

    assert str(no_folder.value) == (
        f"workspace folder {source}/a is not a folder: `workspace.copy` names the folder to copy"
    )
    assert str(taken.value).startswith(f"{source}/empty exists already")
