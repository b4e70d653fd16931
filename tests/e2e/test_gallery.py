"""The gallery's plans: each shows what it says, on a copy of them, in one session side by side."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "plans" / "gallery"
PLANS = sorted(path.name.removesuffix(".plan.yaml") for path in GALLERY.glob("*.plan.yaml"))


def run_pytest(folder: Path, *words: str) -> SimpleNamespace:
    """A session in that folder, with a state folder beside it."""
    state = folder / "state"
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_ADDOPTS", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "COV_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", *words],
        cwd=folder,
        env={**env, "XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    return SimpleNamespace(status=done.returncode, text=done.stdout + done.stderr, state=state)


def copy_gallery(folder: Path) -> Path:
    shutil.copytree(GALLERY, folder / "plans" / "gallery", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def bytes_below(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """All of the gallery, without xdist."""
    folder = copy_gallery(tmp_path_factory.mktemp("gallery"))
    made = run_pytest(folder, "plans/gallery")
    made.folder = folder
    return made


@pytest.fixture
def moments(session):
    """The tasks that start (`+`) and end (`-`) in a plan's run, in order."""

    def of(plan: str) -> list[str]:
        (journal,) = session.state.glob(f"orchharness/*/{plan}-*/latest/journal.jsonl")
        signs = {"TaskStarted": "+", "TaskFinished": "-"}
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        return [signs[r["event"]] + r["task"] for r in records if r["event"] in signs]

    return of


def assert_all_green(made: SimpleNamespace) -> None:
    for plan in PLANS:
        how = r", replayed from recordings/real-agents, no agent ran" if plan == "real-agents" else ""
        assert re.search(rf"^=+ plan {plan}: passed{how} =+$", made.text, re.MULTILINE), made.text
    assert re.search(r"^=+ 37 passed in ", made.text, re.MULTILINE), made.text
    assert made.status == 0


@pytest.mark.timeout(60)
def test_every_plan_is_green_in_one_process(session):
    assert_all_green(session)


@pytest.mark.timeout(60)
def test_every_plan_is_green_with_two_workers(tmp_path):
    made = run_pytest(copy_gallery(tmp_path), "-n2", "plans/gallery")

    assert_all_green(made)
    assert "REFINE G-guide 0.40 < 0.90, iteration 2" in made.text


def test_running_the_gallery_touches_none_of_its_files(session):
    assert bytes_below(session.folder / "plans" / "gallery") == bytes_below(GALLERY)


def test_independent_features_all_start_before_any_ends(moments):
    assert sorted(moments("three-features")[:3]) == ["+cart", "+export", "+search"]


def test_testing_and_reviewing_start_together_after_the_work_is_there(moments):
    found = moments("then-test-and-review")

    assert found[:2] == ["+implement", "-implement"]
    assert sorted(found[2:4]) == ["+review", "+test"]


def test_the_gathering_task_waits_for_all_readers(moments):
    found = moments("fan-out-fan-in")

    assert sorted(found[:3]) == ["+north", "+south", "+west"]
    assert found[-2:] == ["+catalogue", "-catalogue"]
    assert set(found[3:-2]) == {"-north", "-south", "-west"}


def test_copies_of_a_matrix_start_together_and_are_gathered(moments):
    found = moments("every-market")

    assert sorted(found[:3]) == ["+read[north]", "+read[south]", "+read[west]"]
    assert found[-2:] == ["+catalogue", "-catalogue"]


def test_a_fragment_is_done_once_for_each_include(moments):
    found = moments("two-markets")

    assert sorted(found[:2]) == ["+north-read", "+south-read"]
    assert found[-2:] == ["+catalogue", "-catalogue"]


def test_the_first_draft_is_below_the_threshold_and_its_findings_are_mended(session, moments):
    assert "REFINE G-guide 0.40 < 0.90, iteration 2" in session.text
    assert "G-guide passed 0.40 → 1.00 (threshold 0.90)" in session.text
    assert moments("refine-until-good") == ["+guide", "-guide"] * 2


def test_a_track_of_real_agents_waits_for_what_the_other_hands_over(moments):
    found = moments("real-agents")

    assert sorted(found[:2]) == ["+module", "+outline"]
    assert sorted(found[2:4]) == ["-module", "-outline"]
    assert found[4:] == ["+handbook", "-handbook"] * 2


def test_the_pair_that_shares_a_file_never_overlaps(moments):
    found = moments("one-shared-file")

    assert found[1] == found[0].replace("+", "-")
    assert found[3] == found[2].replace("+", "-")
    assert found[4:] == ["+use", "-use"]


def test_without_its_counter_the_pair_is_refused(tmp_path):
    folder = copy_gallery(tmp_path)
    plan = folder / "plans" / "gallery" / "one-shared-file.plan.yaml"
    plan.write_text(plan.read_text().replace("    resources: {registry: 1}\n", ""))
    made = run_pytest(folder, str(plan))

    assert (
        "tasks 'cart' and 'search' can run at once and both may write 'shop/__init__.py': order them with 'needs', "
        "or let both take a counter of 1 from limits.resources" in made.text
    )
    assert made.status == 2
    assert not list(made.state.rglob("journal.jsonl"))


def test_the_gallerys_page_names_every_plan():
    named = re.findall(r"\(([\w-]+)\.plan\.yaml\)", (GALLERY / "README.md").read_text())

    assert sorted(named) == PLANS


def test_the_self_check_names_all_missing_tools_and_starts_nothing_else(tmp_path):
    shutil.copytree(ROOT / "plans" / "self_check", tmp_path / "plans" / "self_check")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    text = (ROOT / "plans" / "self-check.plan.yaml").read_text()
    (tmp_path / "plans" / "self-check.plan.yaml").write_text(text.replace("ruff, mypy,", "rough, mypie,"))
    made = run_pytest(tmp_path, "plans")

    assert (
        "has no rough, mypie: install this checkout with its tools, pip install -e '.[dev]'" in made.text
    ), made.text
    assert re.search(r"^=+ 1 failed, 12 skipped in ", made.text, re.MULTILINE), made.text
    assert "tools failed" in made.text


def test_no_plan_of_the_project_has_a_warning():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from orchharness.cli import main; raise SystemExit(main())",
            "check",
            "--strict",
            "plans",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )

    assert (done.returncode, done.stderr) == (0, "")
