"""Real plans, real sessions, real clients; only the model is scripted. What is asserted is what a user sees."""

from __future__ import annotations

import os
import signal
from hashlib import sha256

import pytest
from agent_clients import CLIENTS, Client
from sessions import Project, wait_for

pytestmark = [pytest.mark.timeout(240), pytest.mark.parametrize("client", CLIENTS)]

WAITS = "[[bash:touch begun; until [ -e go ]; do sleep 0.1; done; echo text > a.md]]"


LIMIT = "timeout: 15s"  # a client that asks again and again is ended by this


def begun(project: Project) -> None:
    """Wait until the agent's tool call is under way."""
    wait_for((project.folder / "begun").exists, project.client.patience)


def test_a_model_that_hangs_runs_into_the_idle_timeout(project: Project, client: Client) -> None:
    project.plan("do [[fail:hang]]", task="idle_timeout: 4s")
    ended = project.run()

    assert ended.status == 1, ended.out
    assert "no sign of life for 4 s" in ended.line("note")
    assert project.left() == []


def test_a_cancelled_agent_leaves_no_process(project: Project, client: Client) -> None:
    project.plan("do [[bash:touch begun; sleep 1000]]")
    session = project.start()
    begun(project)
    session.send_signal(signal.SIGINT)
    ended = project.finish(session)

    assert ended.status == 2, ended.out
    assert project.left() == []
    assert project.facts()["state"] == "cancelled"


def test_an_agent_whose_orchestrator_was_killed_is_attached_again(project: Project, client: Client) -> None:
    project.plan(f"do {WAITS}")
    session = project.start()
    begun(project)
    os.kill(session.pid, signal.SIGKILL)
    project.finish(session)
    (project.folder / "go").touch()
    ended = project.run("--orch-resume")

    assert ended.status == 0, ended.out
    assert project.text() == "text\n"
    assert "re-attached" in ended.out
    assert len([request for request in project.turns() if request.results() == 0]) == 1
    assert project.left() == []


def test_an_agent_that_died_with_its_orchestrator_is_begun_again(project: Project, client: Client) -> None:
    project.plan(f"do {WAITS}")
    session = project.start()
    begun(project)
    os.kill(session.pid, signal.SIGKILL)
    project.finish(session)
    project.kill_all()
    (project.folder / "go").touch()
    ended = project.run("--orch-resume")

    assert ended.status == 0, ended.out
    assert project.text() == "text\n"
    assert len([request for request in project.turns() if request.results() == 0]) == 2
    assert project.left() == []


def test_it_writes_the_promised_file(project: Project, client: Client) -> None:
    project.plan("do [[write:a.md:text]][[say:all is written]]")
    ended = project.run()

    assert ended.status == 0, ended.out
    assert project.text().rstrip("\n") == "text"
    assert len(project.turns()) == 2
    assert project.left() == []


def test_a_worker_runs_it_too(project: Project, client: Client) -> None:
    project.plan("do [[write:a.md:text]]")
    ended = project.run("-n", "2")

    assert ended.status == 0, ended.out
    assert project.text().rstrip("\n") == "text"


def test_the_final_text_becomes_an_output(project: Project, client: Client) -> None:
    project.plan('do [[json:{"list": [[1, 2]]}]]', outputs="said: {from: answer}")
    ended = project.run()

    assert ended.status == 0, ended.out
    (said,) = project.facts()["outputs"]["said"]
    assert said["sha256"] == sha256(b'{"list": [[1, 2]]}').hexdigest()


def test_refinement_goes_on_in_the_same_session(project: Project, client: Client) -> None:
    gate = "gate: {checks: [{file: {path: a.md, matches: 'line\\nline'}}], max_iterations: 2}"
    project.plan("do [[bash:echo line >> a.md]][[say:iteration over]]", task=gate)
    ended = project.run()

    assert ended.status == 0, ended.out
    assert project.text() == "line\nline\n"
    first, *_, last = project.turns()
    assert not first.says("iteration over", "assistant")
    assert client.resumes in {None, last.says("iteration over", "assistant")}
    assert project.usage() == ([client.usage] * 2 if client.usage else []), (
        "tokens are those of the act, not of the session"
    )


def test_a_refused_key_stops_at_once_and_says_so(project: Project, client: Client) -> None:
    project.plan("do [[fail:401]][[write:a.md:text]]", task="retry: {attempts: 3, backoff: 1s}")
    ended = project.run()

    assert ended.status == 1, ended.out
    assert "key" in ended.line("note").lower()
    assert project.acts() == ["note.i1.a1"], "it was tried again"


def test_one_rate_limit_does_not_fail_a_run(project: Project, client: Client) -> None:
    project.plan("do [[fail:429 once retry-after=1]][[write:a.md:text]]")
    ended = project.run(seconds=client.patience + 35)

    assert ended.status == 0, ended.out
    assert project.text().rstrip("\n") == "text"


def test_a_rate_limit_without_end_is_told_as_one(project: Project, client: Client) -> None:
    project.plan("do [[fail:429]]", top="limits: {outage: 2s}", task=LIMIT if client.endless else "")
    ended = project.run()

    assert ended.status == 1, ended.out
    assert ("timed out" if client.endless else "rate limit for 2s") in ended.line("note")
    assert project.left() == []


def test_a_broken_server_fails_the_task_and_says_so(project: Project, client: Client) -> None:
    project.plan("do [[fail:500]]", task=LIMIT if client.endless else "")
    ended = project.run()

    assert ended.status == 1, ended.out
    assert ("timed out" if client.endless else client.words["broken"]) in ended.line("note")
    assert project.facts()["state"] == "failed"
    assert project.left() == []


def test_a_stream_that_breaks_off_fails_the_task_and_says_so(project: Project, client: Client) -> None:
    project.plan("do [[fail:cut]]", task=LIMIT if client.endless else "")
    ended = project.run()

    assert ended.status == 1, ended.out
    told = [client.words["cut"], "timed out"] if client.endless else [client.words["cut"]]
    assert any(words in ended.line("note") for words in told)
    assert project.facts()["state"] == "failed"
    assert project.left() == []


def test_a_denied_permission_fails_the_task_and_names_the_option(project: Project, client: Client) -> None:
    project.plan("do [[write:a.md:text]][[say:all is written]]", agent=client.denied)
    ended = project.run()

    assert ended.status == 1, ended.out
    assert ended.line("note").startswith("FAILED")
    assert client.words["denied"] in ended.out
    assert not (project.folder / "a.md").exists()


def test_an_agent_that_says_done_and_wrote_nothing_fails(project: Project, client: Client) -> None:
    project.plan("do [[say:I have written a.md, all is done]]")
    ended = project.run()

    assert ended.status == 1, ended.out
    assert "a.md" in ended.line("note")
