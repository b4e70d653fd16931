"""`orchharness status`: told from the journal and the run's folder alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from runs_by_hand import AT, moved, outlook

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.journal import Journal, RunLock

TWO = ev.TaskStarted(at=AT + 61, task="two", iteration=2, attempt=1, act="two.i2.a1", key="2" * 32)


def append(run, event: ev.Event, *then: dict[str, object]) -> None:
    with Journal.reopen(run.journal).journal as journal:
        journal.append(ev.to_record(event), then=then)


def test_it_needs_neither_the_plan_nor_the_state_file(project):
    project.run("20260101-100000-aaaaaa")
    status, out, err = project.call("status")

    assert (status, err) == (0, "")
    assert "run 20260101-100000-aaaaaa of plan a: passed after 1 min 30 s" in out
    assert "passed: 1 of 2 tasks, 0 of 1 gate" in out


def test_it_changes_nothing(project):
    run = project.run("20260101-100000-aaaaaa", state=None, more=[TWO])

    def seen() -> dict[str, tuple[int, int]]:
        paths = [run.root.parent, *run.root.parent.rglob("*")]
        return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_size) for p in paths}

    before = seen()
    project.call("status")
    project.call("runs")

    assert seen() == before


def test_a_last_line_that_is_being_written_is_left_out(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    with run.journal.open("ab") as file:
        file.write(b'{"n":3,"event":"TaskSta')
    status, out, _ = project.call("status")

    assert status == 0
    assert "passed: 1 of 2 tasks" in out


def test_a_journal_without_a_record_is_a_run_that_is_beginning(project):
    run = project.run("20260101-100000-aaaaaa")
    run.journal.write_bytes(b"")
    status, out, _ = project.call("status")

    assert status == 0
    assert "run 20260101-100000-aaaaaa of plan a: interrupted" in out
    assert "\npassed: 0 of 0 tasks\n" in out


def test_what_waits_says_what_for(project):
    run = project.run("20260101-100000-aaaaaa", state=None, more=[TWO])
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    _, out, _ = project.call("status", "--json")
    items = {item["id"]: item for item in json.loads(out)["items"]}

    assert items["G-2"]["waits_for"] == "two"
    assert items["two"]["waits_for"] is None


def test_a_group_is_waited_for_item_by_item_and_gates_have_their_thresholds(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    track = "track:build/track_a"
    outlook(run, {"one": [track], "two": [track], track: ["G-2"]})
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    _, out, _ = project.call("status", "--json")
    items = {item["id"]: item for item in json.loads(out)["items"]}

    assert items["G-2"]["waits_for"] == "two"
    assert items["G-2"]["threshold"] == "0.95"
    assert items["one"]["threshold"] is None


def test_without_what_the_session_froze_of_it_a_plan_is_unknown(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    (run.root / "outlook.json").write_text('{"places": {"one": []}, "after": {"one": 3}}')
    _, out, _ = project.call("status", "--json")
    items = {item["id"]: item for item in json.loads(out)["items"]}

    assert {name: item["type"] for name, item in items.items()} == {
        "one": "task",
        "two": "task",
        "G-2": "gate",
    }
    assert {item["waits_for"] for item in items.values()} == {None}


def test_a_score_is_told_against_its_threshold(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    judged = ev.JudgementFinished(
        at=AT + 70,
        gate="G-2",
        critic="ps",
        act="G-2.i1.ps.a1",
        outcome=Outcome.SUCCESS,
        started=AT + 61,
        seconds=9.0,
    )
    append(run, judged, moved("G-2", "judging", "refining", iteration=1, score="0.85", reason="0.85 < 0.95"))
    _, out, _ = project.call("status")
    row = next(line for line in out.splitlines() if line.startswith("G-2"))

    assert "refining" in row
    assert "0.85 of 0.95" in row


def test_an_act_whose_agent_is_gone_is_said_to_be_gone(project):
    run = project.run("20260101-100000-aaaaaa", state=None, more=[TWO])
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    folder = run.act("two.i2.a1")
    _, before, _ = project.call("status")
    folder.mkdir()
    (folder / "pid").write_text("4194999\n")  # above the greatest pid there is
    _, gone, _ = project.call("status")
    (folder / "exit").write_text("0\n")
    _, ended, _ = project.call("status")

    assert "not spawned yet" in before
    assert "agent gone without an exit status" in gone
    assert "agent ended, its result is not read yet" in ended


def test_what_an_agent_printed_cannot_act_on_the_terminal(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    folder = run.act("two.i2.a1")
    folder.mkdir()
    (folder / "stdout.log").write_bytes(
        b"first\n\x1b]0;title\x07\x1b[2J\x1b[31mhalf way\x1b[0m\r\x9b1A\xe2\x80\xae" + b"x" * 5000 + b"\n\n"
    )
    _, out, _ = project.call("status")
    row = next(line for line in out.splitlines() if "xxx" in line)

    assert "title" not in out
    assert not any(ord(c) < 32 and c != "\n" for c in out)
    assert not {"\x9b", "\u202e", "\x7f"} & set(out)
    assert len(row) <= 100


def test_an_agent_cannot_hold_it_up_by_what_it_leaves_in_its_folder(project, tmp_path: Path):
    """Pipes in place of logs, handle and exit status; a link to somebody's file."""
    run = project.run("20260101-100000-aaaaaa", state=None)
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    folder = run.act("two.i2.a1")
    folder.mkdir()
    for name in ("stdout.log", "handle.json", "exit", "pid"):
        os.mkfifo(folder / name)
    (tmp_path / "secret").write_text("of somebody\n")
    (folder / "stderr.log").symlink_to(tmp_path / "secret")
    status, out, _ = project.call("status")

    assert status == 0
    assert "no output yet" in out or "not spawned yet" in out
    assert "of somebody" not in out


def test_what_a_resumed_run_dropped_is_not_at_work(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    resumed = ev.RunResumed(
        at=AT + 100, digest="d", selected=("one", "two"), dropped={"two.i2.a1": "prompt changed"}, header={}
    )
    append(run, resumed, moved("two", "running", "ready"))
    _, out, _ = project.call("status", "--json")
    found = json.loads(out)

    assert [item["id"] for item in found["items"]] == ["one", "two"]
    assert found["items"][1]["state"] == "ready"
    assert found["items"][1]["acts"] == []


def test_a_run_that_is_gone_on_with_is_not_over(project):
    run = project.run("20260101-100000-aaaaaa", state="failed")
    append(run, ev.RunResumed(at=AT + 100, digest="d", selected=("one", "two"), header={}))
    _, out, _ = project.call("status", "--json")

    assert json.loads(out)["finished"] is False


def test_what_a_session_did_not_choose_stands_as_before_in_the_next(project):
    run = project.run("20260101-100000-aaaaaa", state="failed")
    _, before, _ = project.call("status", "--json")
    append(run, ev.RunResumed(at=AT + 100, digest="d", selected=("two",), header={}))
    append(run, ev.RunResumed(at=AT + 200, digest="d", selected=("one", "two"), header={}))
    _, after, _ = project.call("status", "--json")
    was, now = (json.loads(text)["items"][0] for text in (before, after))

    assert (was["id"], was["state"]) == ("one", "passed")
    assert now == was


def test_a_run_that_is_not_the_newest_is_gone_on_with_by_its_name(project):
    project.run("20260101-100000-aaaaaa", state="failed")
    project.run("20260102-100000-bbbbbb", state="failed")
    _, old, _ = project.call("status", "20260101")
    _, new, _ = project.call("status")

    assert "goes on with:  pytest a.plan.yaml --orch-resume=20260101-100000-aaaaaa\n" in old
    assert "goes on with:  pytest a.plan.yaml --orch-resume\n" in new


def test_a_large_run_is_shown_in_a_few_lines_unless_all_is_asked_for(project):
    names = tuple(f"T-{n:03}" for n in range(200))
    run = project.run("20260101-100000-aaaaaa", state=None)
    then = [moved(name, "running", "passed") for name in names[:100]]
    append(run, ev.RunResumed(at=AT + 100, digest="d", selected=names, header={}), *then)
    _, short, _ = project.call("status")
    _, whole, _ = project.call("status", "--all")

    assert len(short.splitlines()) < 45
    assert "and 85 more, see --all" in short
    assert "and 90 more, see --all" in short
    assert all(name in whole for name in names)


def test_the_command_to_type_next_works_from_where_it_is_asked(project, monkeypatch, tmp_path: Path):
    run = project.run("20260101-100000-aaaaaa", state=None)
    monkeypatch.chdir(tmp_path)
    with RunLock(run.root / "lock"):
        _, going_on, _ = project.call("status", "--root", "project")
    _, left, _ = project.call("status", "--root", "project")

    assert "orchharness cancel 20260101-100000-aaaaaa --root project\n" in going_on
    assert "goes on with:  pytest project/a.plan.yaml --orch-resume\n" in left


def test_a_process_that_only_has_the_agents_number_is_not_the_agent(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    append(run, TWO, moved("two", "ready", "running", iteration=2))
    folder = run.act("two.i2.a1")
    folder.mkdir()
    (folder / "pid").write_text(f"{os.getpid()}\n")
    _, out, _ = project.call("status", "--json")

    assert json.loads(out)["agents_alive"] == 0
