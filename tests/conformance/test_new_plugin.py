"""`orchharness new-plugin` writes a package that passes its own tests, and writes over nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packages import install, run_tests

from orchharness.cli import main
from orchharness.cli.new_plugin import write_plugin


def test_what_it_writes_passes_its_tests_and_runs_a_plan(tmp_path: Path):
    folder = write_plugin("two-words", tmp_path)

    env = install(folder, tmp_path / "site")
    # The other rules are tested one by one in `test_honest_plugin`.
    status, text = run_tests(folder, env, "-k", "a_plan_uses_it or offered_once")

    assert status == 0, text
    assert "2 passed" in text


def test_nothing_of_the_templates_is_left(tmp_path: Path):
    folder = write_plugin("hermes", tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]

    assert len(files) == 6
    for path in files:
        assert not re.search(r"\$\w", path.read_text()), path
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("command", "there is a kind 'command' already: choose another name"),
        ("fill", "there is a kind 'fill' already: choose another name"),
        ("orchharness-aider", "the package is called 'orchharness-aider' by itself: write 'aider'"),
        ("Aider", "'Aider' is no name for a kind and its package: write small letters and digits"),
        ("a--b", "'a--b' is no name"),
        ("-a", "'-a' is no name"),
        ("a-", "'a-' is no name"),
        ("../a", "'../a' is no name"),
        ("a b", "'a b' is no name"),
        ("ä", "'ä' is no name"),
        ("7a", "'7a' is no name"),
        ("", "'' is no name"),
        ("a\n", r"'a\n' is no name"),
        ("a" * 41, "at most 40 of them"),
    ],
)
def test_a_name_that_cannot_be_or_is_taken_is_refused(
    name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    status = main(["new-plugin", "--folder", str(tmp_path), "--", name])

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert says in err
    assert list(tmp_path.iterdir()) == []


def test_a_module_of_that_name_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "orchharness_hermes.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    assert main(["new-plugin", "hermes", "--folder", str(tmp_path)]) == 2
    assert "there is a module 'orchharness_hermes' already" in capsys.readouterr().err


def test_a_folder_that_is_there_is_not_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    there = tmp_path / "orchharness-hermes"
    there.mkdir()

    assert main(["new-plugin", "hermes", "--folder", str(tmp_path)]) == 2
    assert "is there already: choose another name, or another --folder" in capsys.readouterr().err
    assert list(there.iterdir()) == []
    assert main(["new-plugin", "hermes", "--folder", str(tmp_path / "no")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_a_disk_that_does_not_take_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new-plugin", "hermes", "--folder", "/proc/self"]) == 1
    assert "'/proc/self/orchharness-hermes' cannot be written: " in capsys.readouterr().err
