from __future__ import annotations

import os

import pytest

from orchharness.core.plan import Must
from orchharness.workspace.evidence import Evidence


def nothing() -> None:
    """An act that does nothing."""


def how(evidence: Evidence, name: str = "out") -> dict[str, str]:
    return {entry["path"]: entry["how"] for entry in evidence.outputs.get(name, ())}


# ---- globs -----------------------------------------------------------------------------------------


def test_of_a_glob_only_written_matches_are_attributed(bench) -> None:
    bench.write("docs/old.md")
    bench.write("docs/again.md")

    evidence = bench.act(
        lambda: (bench.write("docs/new.md"), bench.write("docs/again.md")), bench.output("docs/*.md")
    )

    assert evidence.ok
    assert how(evidence) == {"docs/again.md": "rewritten", "docs/new.md": "created"}


def test_a_glob_that_nothing_matches_fails(bench) -> None:
    evidence = bench.act(nothing, bench.output("docs/*.md"))

    assert evidence.detail == "output 'out' (docs/*.md): does not exist: no file matches"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "the one file that matches existed before and is untouched"),
        (2, "the 2 files that match existed before and are untouched"),
    ],
)
def test_a_glob_of_which_nothing_was_written_fails(bench, count: int, said: str) -> None:
    for n in range(count):
        bench.write(f"docs/{n}.md")

    evidence = bench.act(nothing, bench.output("docs/*.md"))

    assert evidence.detail == f"output 'out' (docs/*.md): was not written by this act: {said}"


def test_a_glob_that_must_change_needs_one_changed_match(bench) -> None:
    bench.write("a.md")
    bench.write("b.md")

    failing = bench.act(lambda: bench.write("a.md"), bench.output("*.md", must=Must.CHANGE))
    passing = bench.act(
        lambda: (bench.write("a.md"), bench.write("b.md", "new")), bench.output("*.md", must=Must.CHANGE)
    )

    assert "was only rewritten with the same bytes" in failing.detail
    assert how(passing) == {"a.md": "rewritten", "b.md": "changed"}


def test_a_glob_that_must_only_exist_holds_every_match(bench) -> None:
    bench.write("a.md")

    evidence = bench.act(lambda: bench.write("b.md"), bench.output("*.md", must=Must.EXIST))

    assert how(evidence) == {"a.md": "existed", "b.md": "created"}


def test_an_empty_match_beside_a_full_one_is_no_fault(bench) -> None:
    evidence = bench.act(
        lambda: (bench.write("p/__init__.py", ""), bench.write("p/m.py")), bench.output("p/*.py")
    )

    assert how(evidence) == {"p/__init__.py": "created", "p/m.py": "created"}


@pytest.mark.parametrize(("names", "said"), [("a", "is empty"), ("ab", "is empty: all 2 files are")])
def test_a_glob_of_empty_files_is_empty(bench, names: str, said: str) -> None:
    evidence = bench.act(lambda: [bench.write(f"{n}.md", "") for n in names], bench.output("*.md"))

    assert evidence.detail == f"output 'out' (*.md): {said}"


def test_a_match_that_this_act_made_a_way_out_fails_the_output(bench) -> None:
    evidence = bench.act(
        lambda: (bench.write("a.md"), (bench.workspace / "b.md").symlink_to("/etc/passwd")),
        bench.output("*.md"),
    )

    assert evidence.detail == "output 'out' (*.md): b.md is outside the workspace (a link to /etc/passwd)"


def test_a_link_out_of_the_workspace_that_was_there_before_is_not_this_acts(bench) -> None:
    (bench.workspace / "b.md").symlink_to("/etc/passwd")

    evidence = bench.act(lambda: bench.write("a.md"), bench.output("*.md"))

    assert evidence.ok
    assert evidence.warnings == ()
    assert how(evidence) == {"a.md": "created"}


def test_a_match_that_is_no_regular_file_is_left_out_with_a_warning(bench) -> None:
    evidence = bench.act(
        lambda: (bench.write("a.md"), os.mkfifo(bench.workspace / "b.md")), bench.output("*.md")
    )

    assert evidence.ok
    assert evidence.warnings == ("output 'out' (*.md): b.md is a FIFO, not a regular file; it is left out",)


def test_a_glob_with_only_odd_matches_says_what_they_are(bench) -> None:
    evidence = bench.act(lambda: os.mkfifo(bench.workspace / "b.md"), bench.output("*.md"))

    assert evidence.detail == "output 'out' (*.md): b.md is a FIFO, not a regular file"


def test_a_file_whose_name_is_the_pattern_is_that_file(bench) -> None:
    evidence = bench.act(
        lambda: (bench.write("pages/[id].tsx"), bench.write("pages/d.tsx")), bench.output("pages/[id].tsx")
    )

    assert how(evidence) == {"pages/[id].tsx": "created"}


def test_what_is_in_git_is_no_match(bench) -> None:
    evidence = bench.act(lambda: (bench.write(".git/x.md"), bench.write("a.md")), bench.output("**/*.md"))

    assert how(evidence) == {"a.md": "created"}
