"""A task is done by evidence: what it was to write is there, was written by it, and is what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

OK = "  ok: {run: 'true'}\n"


def one(run: str, outputs: str, more: str = "") -> str:
    """A plan of one task."""
    return f"tasks:\n  work: {{run: {run}, outputs: {outputs}{more}}}\n"


def test_an_agent_that_exits_with_success_and_wrote_nothing_has_failed(play: Any) -> None:
    play.plan(one("'true'", "{report: out/report.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'report' (out/report.md): does not exist", "play.plan.yaml::tasks::work")
    assert play.status == pytest.ExitCode.TESTS_FAILED


def test_a_file_that_was_there_before_and_was_not_written_is_no_evidence(play: Any) -> None:
    play.file("report.md", "of last week")
    play.plan(one("'true'", "{report: report.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'report' (report.md): was not written by this act: it existed before and is untouched")


def test_a_file_in_a_wrong_folder_is_named(play: Any) -> None:
    play.plan(one("[sh, -c, 'mkdir -p docs && echo x > docs/report.md']", "{report: report.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says("does not exist; a file of that name is at docs/report.md")


def test_an_empty_output_is_no_evidence(play: Any) -> None:
    play.plan(one("[sh, -c, ': > report.md']", "{report: report.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'report' (report.md): is empty")


def test_an_output_that_is_a_link_out_of_the_workspace_is_no_evidence(play: Any, tmp_path: Any) -> None:
    outside = tmp_path / "elsewhere.md"
    outside.write_text("not of this workspace")
    play.plan(one(f"[sh, -c, 'ln -s {outside} report.md']", "{report: report.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says(f"output 'report' (report.md): is outside the workspace (a link to {outside})")


def test_a_glob_that_nothing_was_written_for_is_no_evidence(play: Any) -> None:
    play.file("pages/a.md", "old")
    play.file("pages/b.md", "old")
    play.plan(one("'true'", "{pages: 'pages/*.md'}"))

    play.run()

    play.outcomes(failed=1)
    play.says("was not written by this act: the 2 files that match existed before and are untouched")


def test_of_a_glob_only_what_was_written_is_attributed(play: Any) -> None:
    play.file("pages/a.md", "old")
    play.plan(one("[sh, -c, 'echo new > pages/b.md']", "{pages: 'pages/*.md'}"))

    play.run()

    play.outcomes(passed=1)
    (finished,) = play.journal("TaskFinished")
    assert [(e["path"], e["how"]) for e in finished["outputs"]["pages"]] == [("pages/b.md", "created")]


def test_the_same_bytes_written_again_are_not_a_change(play: Any) -> None:
    play.file("report.md", "same\n")
    play.plan(one("[sh, -c, 'echo same > report.md']", "{report: {path: report.md, must: change}}"))

    play.run()

    play.outcomes(failed=1)
    play.says("was only rewritten with the same bytes: new content is asked for (`must: change`)")


def test_the_same_bytes_written_again_are_written(play: Any) -> None:
    play.file("report.md", "same\n")
    play.plan(one("[sh, -c, 'echo same > report.md']", "{report: {path: report.md, must: written}}"))

    play.run()

    play.outcomes(passed=1)
    (finished,) = play.journal("TaskFinished")
    assert finished["outputs"]["report"][0]["how"] == "rewritten"


def test_an_agent_that_says_it_failed_has_failed_whatever_its_exit_status(play: Any) -> None:
    say = """[sh, -c, 'echo x > a.md; echo "{\\"status\\": \\"failed\\", \\"summary\\": \\"no access\\"}" > "$ORCH_RESULT"']"""
    play.plan(one(say, "{a: a.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says("the agent says 'failed'")


def test_an_agent_that_says_it_passed_has_not_passed_without_evidence(play: Any) -> None:
    say = """[sh, -c, 'echo "{\\"status\\": \\"success\\", \\"score\\": 1.0}" > "$ORCH_RESULT"']"""
    play.plan(one(say, "{a: a.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'a' (a.md): does not exist")


def test_the_summary_an_agent_left_is_journalled(play: Any) -> None:
    say = """[sh, -c, 'echo "{\\"summary\\": \\"all of it\\"}" > "$ORCH_RESULT"']"""
    play.plan(f"tasks:\n  work: {{run: {say}}}\n")

    play.run()

    play.outcomes(passed=1)
    assert play.journal("TaskFinished")[0]["summary"] == "all of it"


def test_what_was_printed_is_an_output(play: Any) -> None:
    play.plan(one("[echo, hello]", "{said: {from: stdout}}"))

    play.run()

    play.outcomes(passed=1)
    (entry,) = play.journal("TaskFinished")[0]["outputs"]["said"]
    assert (entry["path"], entry["size"]) == ("from:stdout", 6)


def test_nothing_printed_is_no_evidence(play: Any) -> None:
    play.plan(one("'true'", "{said: {from: stdout}}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'said' (from:stdout): is empty")


def test_the_final_answer_is_an_output(play: Any) -> None:
    play.file("mod.py", "def go(**_):\n    return 'forty-two'\n")
    play.plan(
        """
        agents: {thinker: {kind: python, call: 'mod:go'}}
        tasks:
          work: {agent: thinker, outputs: {said: {from: answer}}}
          reader: {inputs: {said: work.said}, run: [grep, -q, forty-two, '{{ inputs.said }}']}
        """
    )

    play.run()

    play.outcomes(passed=2)


def test_a_file_of_the_run_is_an_output_outside_the_workspace(play: Any) -> None:
    play.plan(
        """
        tasks:
          work: {run: [sh, -c, 'echo x > "$ORCH_OUTPUT_VERDICT"'], outputs: {verdict: run:v.json}}
          none: {run: 'true', outputs: {verdict: run:w.json}}
        """
    )

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("output 'verdict' (run:w.json): does not exist")
    assert not (play.root / "v.json").exists()


def test_an_output_that_does_not_fit_its_schema_is_no_evidence(play: Any) -> None:
    play.file("s.json", json.dumps({"type": "object", "required": ["ok"]}))
    play.plan(one("[sh, -c, 'echo [] > v.json']", "{v: {path: v.json, schema: s.json}}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'v' (v.json):")
    assert "[] is not of type 'object'" in play.text


def test_an_output_below_its_least_size_is_no_evidence(play: Any) -> None:
    play.plan(one("[sh, -c, 'echo x > a.md']", "{a: {path: a.md, min_bytes: 10}}"))

    play.run()

    play.outcomes(failed=1)
    play.says("output 'a' (a.md): has 2 bytes, at least 10 were asked for")


def test_what_a_child_writes_after_the_agents_exit_does_not_count(play: Any) -> None:
    child = "[sh, -c, '(trap \"\" HUP; while [ ! -e go ]; do sleep 0.02; done; echo late > a.md) & exit 0']"
    play.plan(
        f"tasks:\n  work: {{run: {child}, outputs: {{a: a.md}}}}\n"
        "  after: {needs: [work], trigger_rule: all_done, run: [sh, -c, 'touch go; sleep 0.3; test ! -e a.md']}\n"
    )

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("output 'a' (a.md): does not exist")


def test_a_consumer_reads_what_was_released_and_not_what_the_file_is_now(play: Any) -> None:
    play.plan(
        """
        tasks:
          one: {run: [sh, -c, 'echo first > a.md'], outputs: {a: a.md}}
          two: {needs: [one], run: [sh, -c, 'echo second > a.md'], outputs: {a: a.md}}
          reader: {needs: [two], inputs: {a: one.a}, run: [sh, -c, 'cat "$ORCH_INPUT_A"'], outputs: {said: {from: stdout}}}
        """
    )

    play.run()

    play.outcomes(passed=3)
    assert (play.act("reader.i1.a1") / "stdout.log").read_text() == "first\n"


def test_what_a_consumer_reads_cannot_be_written(play: Any) -> None:
    play.plan(
        """
        tasks:
          one: {run: [sh, -c, 'echo first > a.md'], outputs: {a: a.md}}
          reader: {inputs: {a: one.a}, run: [sh, -c, 'stat -c %a "$ORCH_INPUT_A"']}
          later: {needs: [reader], inputs: {a: one.a}, run: [grep, -q, first, '{{ inputs.a }}']}
        """
    )

    play.run()

    play.outcomes(passed=3)
    assert (play.act("reader.i1.a1") / "stdout.log").read_text() == "400\n"


def test_tasks_that_share_the_workspace_are_not_credited_with_each_others_files(play: Any) -> None:
    play.plan(
        """
        tasks:
          honest: {run: [sh, -c, 'echo h > honest.md'], outputs: {a: honest.md}}
          liar: {run: [sh, -c, 'while [ ! -e honest.md ]; do sleep 0.02; done'], outputs: {a: liar.md}}
        """
    )

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("output 'a' (liar.md): does not exist")


def test_all_that_is_wrong_is_told_at_once(play: Any) -> None:
    play.plan(one("[sh, -c, ': > a.md']", "{a: a.md, b: b.md}"))

    play.run()

    play.says("output 'a' (a.md): is empty", "output 'b' (b.md): does not exist")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        ("mkfifo a.md", "is a FIFO, not a regular file"),
        ("mkdir a.md", "is a folder, not a file"),
        ("ln -s /dev/zero a.md", "is outside the workspace (a link to /dev/zero)"),
        ("mknod a.md c 1 5", "is a device, not a regular file"),
        ("ln -s a.md a.md", "leads back to itself"),
        ("ln -s nowhere a.md", "leads nowhere"),
    ],
)
def test_what_is_no_regular_file_is_no_evidence(play: Any, make: str, what: str) -> None:
    play.plan(one(f"[sh, -c, '{make}']", "{a: a.md}"))

    play.run()

    play.outcomes(failed=1)
    play.says(what)


def test_names_with_newlines_and_other_letters_are_outputs_like_any(play: Any) -> None:
    names = ["a\nb.md", "ünï çødé.md", "-rf.md", "{{ x }}.md"]
    play.file("make.py", f"import pathlib\nfor n in {names!r}: pathlib.Path('d', n).write_text('x')\n")
    (play.root / "d").mkdir()
    play.plan(
        """
        tasks:
          work: {run: [python, make.py], outputs: {all: 'd/*.md'}}
          reader: {inputs: {all: work.all}, run: [sh, -c, 'printenv ORCH_INPUT_ALL']}
        """
    )

    play.run()

    play.outcomes(passed=2)
    (entries,) = play.journal("TaskFinished")[0]["outputs"].values()
    assert sorted(e["path"] for e in entries) == sorted(f"d/{n}" for n in names)
