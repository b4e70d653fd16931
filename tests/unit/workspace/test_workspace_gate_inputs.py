from __future__ import annotations

import json
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.workspace import gate_inputs
from orchharness.workspace.gate_inputs import Frozen, changed, command_files, freeze, substitute, watch_tests


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tree(tmp_path / "project", "rubric.md", "checks/check.py", "checks/rules.json")


# ---- freezing ----------------------------------------------------------------------------------------


def test_a_frozen_file_is_a_read_only_copy_with_its_name_and_mode(project: Path, tmp_path: Path) -> None:
    (project / "checks/check.py").chmod(0o755)
    frozen = freeze([project / "checks/check.py"], tmp_path / "frozen")[f"{project}/checks/check.py"]

    assert frozen.original == frozen.resolved == f"{project}/checks/check.py"
    assert frozen.sha256 == sha256(b"checks/check.py").hexdigest()
    assert Path(frozen.copy).name == "check.py"
    assert Path(frozen.copy).is_relative_to(tmp_path / "frozen")
    assert stat.S_IMODE(Path(frozen.copy).stat().st_mode) == 0o500
    assert Path(frozen.copy).stat().st_nlink == 1


def test_neighbours_stay_neighbours(project: Path, tmp_path: Path) -> None:
    frozen = freeze(
        [project / "checks/check.py", project / "checks/rules.json", project / "rubric.md"], tmp_path / "f"
    )

    script = Path(frozen[f"{project}/checks/check.py"].copy)
    assert (script.parent / "rules.json").read_text() == "checks/rules.json"
    assert (script.parent.parent / "rubric.md").read_text() == "rubric.md"


def test_a_link_is_resolved_and_what_it_led_to_recorded(project: Path, tmp_path: Path) -> None:
    (project / "link.md").symlink_to("rubric.md")
    frozen = freeze([project / "link.md"], tmp_path / "frozen")[f"{project}/link.md"]

    assert frozen.resolved == f"{project}/rubric.md"
    assert Path(frozen.copy).name == "link.md"
    assert not Path(frozen.copy).is_symlink()


def test_a_frozen_file_survives_json(project: Path, tmp_path: Path) -> None:
    frozen = freeze([project / "rubric.md"], tmp_path / "frozen")[f"{project}/rubric.md"]

    assert Frozen.from_record(json.loads(json.dumps(frozen.to_record()))) == frozen


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "gate input {path} does not exist"),
        ("rubric.md/x", "gate input {path} does not exist"),
        ("checks", "gate input {path} cannot be read: is a folder"),
        ("fifo", "gate input {path} cannot be read: is a FIFO"),
    ],
)
def test_only_files_can_be_frozen(project: Path, tmp_path: Path, name: str, said: str) -> None:
    os.mkfifo(project / "fifo")

    with pytest.raises(OrchError) as caught:
        freeze([project / name], tmp_path / "frozen")

    assert str(caught.value) == said.format(path=project / name)


def test_a_full_disk_while_freezing_is_an_oserror(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gate_inputs, "copy_bytes", full)

    with pytest.raises(OSError, match="No space left"):
        freeze([project / "rubric.md"], tmp_path / "frozen")
    assert [p for p in (tmp_path / "frozen").rglob("*") if p.is_file()] == []


def test_nothing_changed_is_told_without_reading(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = freeze([project / "rubric.md", project / "checks/check.py"], tmp_path / "frozen")
    monkeypatch.setattr(gate_inputs, "read_digest", None)

    assert changed(frozen.values()) == []


def test_other_bytes_are_told_also_with_the_old_times(project: Path, tmp_path: Path) -> None:
    path = project / "rubric.md"
    frozen = freeze([path], tmp_path / "frozen")
    times = path.stat()
    path.write_text("RUBRIC.md")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert changed(frozen.values()) == [str(path)]


def test_the_same_bytes_written_again_are_no_change(project: Path, tmp_path: Path) -> None:
    frozen = freeze([project / "rubric.md"], tmp_path / "frozen")
    (project / "rubric.md").unlink()
    (project / "rubric.md").write_text("rubric.md")

    assert changed(frozen.values()) == []


def test_a_missing_original_and_a_touched_copy_are_told(project: Path, tmp_path: Path) -> None:
    frozen = freeze([project / "rubric.md", project / "checks/check.py"], tmp_path / "frozen")
    (project / "rubric.md").unlink()
    copy = Path(frozen[f"{project}/checks/check.py"].copy)
    copy.chmod(0o600)
    copy.write_text("forged")

    assert changed(frozen.values()) == [f"{project}/rubric.md", str(copy)]


# ---- commands ----------------------------------------------------------------------------------------


def test_the_words_of_a_command_that_are_files_are_found(project: Path) -> None:
    argv = [
        "python",
        "checks/check.py",
        "--rules",
        "rules.json",
        "rubric.md",
        "checks",
        "",
        "x\0y",
        "z" * 5000,
    ]

    assert command_files(argv, [project, project / "checks"]) == [
        project / "checks/check.py",
        project / "checks/rules.json",
        project / "rubric.md",
    ]


def test_the_first_base_that_has_the_file_is_meant(project: Path, tmp_path: Path) -> None:
    other = tree(tmp_path / "other", "rubric.md")

    assert command_files(["cat", "rubric.md"], [other, project]) == [other / "rubric.md"]


def test_absolute_words_are_themselves(project: Path) -> None:
    assert command_files(["cat", f"{project}/rubric.md", "/etc/passwd"], []) == [
        project / "rubric.md",
        Path("/etc/passwd"),
    ]


def test_the_program_counts_only_as_a_script_of_the_project(project: Path) -> None:
    (project / "check").write_text("#!/bin/sh\n")
    (project / "tool").write_text("\x7fELF")
    (project / "python").symlink_to("/bin/sh")

    def program(word: str) -> list[Path]:
        return command_files([word], [project])

    assert program("./check") == [project / "check"]
    assert program(f"{project}/check") == [project / "check"]
    assert program("check") == []
    assert program("./tool") == []
    assert program("./python") == []
    assert program("/bin/sh") == []
    assert program("./missing") == []


def test_a_command_uses_the_copies(project: Path, tmp_path: Path) -> None:
    argv = ["python", "checks/check.py", f"{project}/rubric.md", "checks/rules.json", "other"]
    frozen = freeze([project / "checks/check.py", project / "rubric.md"], tmp_path / "frozen")

    assert substitute(argv, frozen, [project]) == (
        "python",
        frozen[f"{project}/checks/check.py"].copy,
        frozen[f"{project}/rubric.md"].copy,
        "checks/rules.json",
        "other",
    )


# ---- tests that judge --------------------------------------------------------------------------------


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return tree(
        tmp_path / "suite",
        "conftest.py",
        "pyproject.toml",
        "src/code.py",
        "src/test_inline.py",
        "tests/conftest.py",
        "tests/test_a.py",
        "tests/helper.py",
        "tests/unit/b_test.py",
        "tests/unit/conftest.py",
    )


def test_tests_conftests_and_configuration_are_watched(suite: Path) -> None:
    assert list(watch_tests(suite, ["tests"])) == [
        "conftest.py",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/helper.py",
        "tests/test_a.py",
        "tests/unit/b_test.py",
        "tests/unit/conftest.py",
    ]


@pytest.mark.parametrize(
    "path", ["tests/test_a.py", "tests/test_a.py::test_x[a/b]", "./tests/../tests/test_a.py"]
)
def test_one_test_file_is_watched_with_the_conftests_above_it(suite: Path, path: str) -> None:
    assert list(watch_tests(suite, [path])) == [
        "conftest.py",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/test_a.py",
    ]


@pytest.mark.parametrize("paths", [[], ["."], [""]])
def test_without_paths_the_whole_workspace_is_watched(suite: Path, paths: list[str]) -> None:
    assert "src/test_inline.py" in watch_tests(suite, paths)
    assert "src/code.py" not in watch_tests(suite, paths)


def test_a_file_that_is_named_is_watched_whatever_it_is_called(suite: Path) -> None:
    assert "tests/helper.py" in watch_tests(suite, ["tests/helper.py"])


@pytest.mark.parametrize(
    "planted",
    [
        "tests/unit/deep/conftest.py",
        "tests/test_new.py",
        "pytest.ini",
        "tests/pytest.ini",
        "setup.cfg",
        "tox.ini",
        ".pytest.ini",
        "pytest.toml",
        "sitecustomize.py",
        "usercustomize.py",
        "pytest.py",
        "_pytest/__init__.py",
    ],
)
def test_a_planted_file_is_named(suite: Path, planted: str) -> None:
    watched = watch_tests(suite, ["tests"])
    tree(suite, planted)

    assert gate_inputs.tests_changed(suite, ["tests"], watched) == [planted]


def test_changed_and_vanished_files_are_named_and_others_not(suite: Path) -> None:
    watched = json.loads(json.dumps(watch_tests(suite, ["tests"])))
    (suite / "tests/test_a.py").write_text("import pytest; pytest.skip(allow_module_level=True)")
    (suite / "conftest.py").unlink()
    tree(suite, "src/new.py", "src/test_more.py", "docs/conftest.py")

    assert gate_inputs.tests_changed(suite, ["tests"], watched) == ["conftest.py", "tests/test_a.py"]


def test_a_folder_of_tests_that_appears_later_is_named(suite: Path) -> None:
    watched = watch_tests(suite, ["later"])
    tree(suite, "later/test_x.py")

    assert gate_inputs.tests_changed(suite, ["later"], watched) == ["later/test_x.py"]


def test_a_test_that_is_a_link_out_of_the_workspace_is_watched_too(suite: Path, tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", "a.py", "b.py")
    (suite / "tests/test_link.py").symlink_to(outside / "a.py")
    watched = watch_tests(suite, ["tests"])
    unchanged = gate_inputs.tests_changed(suite, ["tests"], watched)
    (outside / "a.py").write_text("other")

    assert unchanged == []
    assert gate_inputs.tests_changed(suite, ["tests"], watched) == ["tests/test_link.py"]


def test_copies_in_the_run_directory_are_no_tests_of_the_workspace(suite: Path) -> None:
    watched = watch_tests(suite, ["."], skip=suite / "runs")
    tree(suite, "runs/acts/x/test_copy.py")

    assert gate_inputs.tests_changed(suite, ["."], watched, skip=suite / "runs") == []
