"""What the background agents of a coding tool do."""
# ruff: noqa: N802 - B is the name of this part of the list

from __future__ import annotations

import hashlib

import pytest

CHAIN = """
agents: {{author: {{kind: scripted, script: [{{task: work, do: {do}}}]}}}}
critics: {{judge: {{kind: scripted, criteria: {{c: 1}}, scores: {scores}}}}}
tasks:
  work: {{agent: author, outputs: {{a: a.md}}, gate: {{critics: [judge], max_iterations: 9}}}}
  next: {{agent: author, needs: [work]}}
"""


def chain(do: str = "write", scores: str = "[1]") -> str:
    return CHAIN.format(do=do, scores=scores)


def test_B_success_that_is_reported_with_no_file_on_disk_is_a_failure(play):
    play.plan(chain("lie"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert "output 'a' (a.md): does not exist" in played.text
    assert not played.starts("next")
    assert not played.starts("judge")


@pytest.mark.parametrize("status", ["max_tokens", "error_max_turns", "length", "truncated", "partial"])
def test_B_an_output_limit_that_is_hit_is_no_success(play, status):
    play.plan(chain(f"[write, {{result: {{status: {status}}}}}]"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert f"the agent says '{status}'" in played.text


@pytest.mark.parametrize("status", ["permission denied", "blocked", "refused"])
def test_B_a_permission_that_was_silently_denied_is_no_success(play, status):
    play.plan(chain(f"[write, {{result: {{status: {status}}}}}]"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert f"the agent says '{status}'" in played.text


@pytest.mark.parametrize("how", ["child", "session", "daemon"])
def test_B_an_agent_that_ends_believing_that_a_watcher_will_wake_it_has_failed(play, how):
    play.plan(chain(f"[{{fork: {how}}}, {{say: I will be notified when it is done}}]"))

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 2}
    assert "output 'a' (a.md): does not exist" in played.text
    assert played.left_behind() == []


def test_B_a_loop_ends_as_soon_as_its_review_is_passed_and_not_before(play):
    play.plan(chain(scores="[0.2, 0.89, 0.9, 0.1]"))

    played = play.run()

    assert played.outcomes == {"passed": 3}
    assert [entry["iteration"] for entry in played.starts("judge")] == [1, 2, 3]
    assert [entry["iteration"] for entry in played.starts("work")] == [1, 2, 3]
    assert (play.root / "a.md").read_text() == "a of work iteration 3 attempt 1\n"


def test_B_an_approval_is_of_the_version_that_was_judged(play):
    play.plan(chain(scores="[0.5, 1]"))

    played = play.run()

    judged = [entry["artifacts"]["work.a"][0]["sha256"] for entry in played.journal("JudgementFinished")]
    versions = [f"a of work iteration {n} attempt 1\n".encode() for n in (1, 2)]
    assert played.outcomes == {"passed": 3}
    assert judged == [hashlib.sha256(version).hexdigest() for version in versions]
