"""The view for people: right, readable by any YAML reader, replaced as a whole, at a bounded rate."""

from decimal import Decimal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchharness.core.plan import Gate, Mode, Phase, Plan, Task, Track
from orchharness.core.status import ItemStatus
from orchharness.journal import StateFile
from orchharness.journal.flow import decimal, flow, scalar


def task(item_id, *, phase="build", track="a", **more):
    return Task(id=item_id, phase=phase, track=track, order=0, line=1, **more)


def small_plan() -> Plan:
    build = Phase(
        id="build",
        mode=Mode.BACKGROUND,
        items=("EN-1", "G-EN-1", "B"),
        tracks=(
            Track(id="a", phase="build", mode=Mode.BACKGROUND, items=("EN-1", "G-EN-1")),
            Track(id="b", phase="build", mode=Mode.BACKGROUND, items=("B",)),
        ),
    )
    last = Phase(
        id="last",
        mode=Mode.FOREGROUND,
        items=("C",),
        tracks=(Track(id="last", phase="last", mode=Mode.FOREGROUND, items=("C",)),),
    )
    gate = Gate(
        id="G-EN-1", phase="build", track="a", order=1, line=2, owner="EN-1", of=("EN-1",), needs=("EN-1",)
    )
    return Plan(
        id="demo",
        title="A demo: on",
        path="/p.plan.yaml",
        digest="d",
        phases=(build, last),
        tasks={
            "EN-1": task("EN-1"),
            "B": task("B", track="b", needs=("G-EN-1",)),
            "C": task("C", phase="last", track="last", needs=("phase:build",)),
        },
        gates={"G-EN-1": gate},
        groups={"phase:build": ("EN-1", "G-EN-1", "B")},
    )


def status(item_id, state, **more):
    return ItemStatus(id=item_id, type="task", phase="", track="", state=state, **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ORCHESTRATION.yaml"


@pytest.fixture
def view(path):
    return StateFile(path, small_plan(), "run-1")


def test_the_whole_file_looks_like_this(view, path):
    outputs = {
        "docs": [
            {"path": "a.md", "sha256": "aa11", "size": 3, "how": "created"},
            {"path": "b, c.md", "sha256": "bb22", "size": 3, "how": "changed"},
        ],
        "log": [{"path": "log.txt", "sha256": "cc33", "how": "created"}],
    }
    view.update(
        [
            status("EN-1", "passed", iteration=2, attempt=1, started=0.0, ended=60.0, outputs=outputs),
            status("G-EN-1", "judging", iteration=2, score="0.85", threshold="0.90"),
        ],
        "running",
        61.0,
    )
    view.flush(61.0)

    assert path.read_text() == (
        "# How the run stands. Edits change nothing and are lost: the truth is journal.jsonl.\n"
        "run:     run-1\n"
        "plan:    demo\n"
        'title:   "A demo: on"\n'
        "state:   running\n"
        'updated: "1970-01-01T00:01:01Z"\n'
        "counts:  {judging: 1, passed: 1, waiting: 2}\n"
        "\n"
        "phases:\n"
        "  build:\n"
        "    a:  # background\n"
        '      EN-1:   {state: passed, iteration: 2, started: "1970-01-01T00:00:00Z", ended: "1970-01-01T00:01:00Z",\n'
        "               outputs: {docs: [{path: a.md, how: created, sha256: aa11},\n"
        '                                {path: "b, c.md", how: changed, sha256: bb22}],\n'
        "                         log: [{path: log.txt, how: created, sha256: cc33}]}}\n"
        "      G-EN-1: {state: judging, iteration: 2, score: 0.85, threshold: 0.90}\n"
        "    b:  # background\n"
        "      B:      {state: waiting, blocked_by: [G-EN-1]}\n"
        "  last:\n"
        "    last:  # foreground\n"
        '      C:      {state: waiting, blocked_by: ["phase:build"]}\n'
    )


def items(path):
    data = yaml.safe_load(path.read_text())
    return {i: v for phase in data["phases"].values() for track in phase.values() for i, v in track.items()}


def test_blockers_go_when_they_are_over(view, path):
    view.update([status("G-EN-1", "passed")], "running", 1.0)
    view.flush(1.0)

    assert items(path)["B"] == {"state": "waiting"}
    assert items(path)["C"] == {"state": "waiting", "blocked_by": ["phase:build"]}
    view.update([status("EN-1", "passed"), status("B", "failed", reason="exit 1")], "running", 2.0)
    view.flush(2.0)
    assert items(path)["C"] == {"state": "waiting"}
    assert items(path)["B"] == {"state": "failed", "reason": "exit 1"}


def test_a_refined_task_blocks_again(view, path):
    for state in ("passed", "ready"):
        view.update(
            [status("EN-1", state), status("B", "passed"), status("G-EN-1", "passed")], "running", 1.0
        )
    view.flush(1.0)

    assert items(path)["C"]["blocked_by"] == ["phase:build"]


def test_only_what_changed_is_rendered_again(view, monkeypatch):
    view.flush(1.0)
    rendered = []
    render = StateFile._item
    monkeypatch.setattr(StateFile, "_item", lambda self, item: rendered.append(item) or render(self, item))
    view.update([status("EN-1", "running")], "running", 2.0)
    view.update([status("EN-1", "running")], "running", 2.0)
    view.flush(2.0)

    assert rendered == ["EN-1"]


def test_nothing_new_writes_nothing(view):
    assert view.flush(1.0)
    assert not view.flush(2.0)
    assert not view.flush(3.0, force=True)


def test_a_new_run_state_is_news(view, path):
    view.flush(1.0)
    view.update([], "passed", 2.0)

    assert view.flush(2.0)
    assert yaml.safe_load(path.read_text())["state"] == "passed"


def test_a_large_file_that_is_slow_to_write_is_written_twice_a_second_at_most(view, monkeypatch):
    monkeypatch.setattr("orchharness.journal.statefile.SMALL", 10)
    monkeypatch.setattr("orchharness.journal.statefile._SHARE", 1e9)
    written = []
    for number, at in enumerate((10.0, 10.1, 10.4, 10.6, 10.7)):
        view.update([status("B", "running", iteration=number)], "running", at)
        written.append(view.flush(at))

    assert written == [True, False, False, True, False]
    assert view.flush(10.8, force=True)


def test_what_is_new_is_due_after_the_pause(view, monkeypatch):
    monkeypatch.setattr("orchharness.journal.statefile.SMALL", 10)
    monkeypatch.setattr("orchharness.journal.statefile._SHARE", 1e9)
    view.flush(10.0)
    nothing_new = view.due_in(10.0)
    view.update([status("B", "running")], "running", 10.1)

    assert nothing_new == float("inf")
    assert view.due_in(10.1) == pytest.approx(0.4)
    assert view.due_in(10.5) == 0.0


def test_a_clock_set_back_does_not_silence_the_file(view, monkeypatch):
    monkeypatch.setattr("orchharness.journal.statefile.SMALL", 10)
    view.flush(1000.0)
    view.update([status("B", "running")], "running", 5.0)

    assert view.flush(5.0)


def test_the_old_file_is_never_changed_under_a_reader(view, path):
    view.flush(1.0)
    with path.open() as reader:
        view.update([status("B", "running")], "running", 2.0)
        view.flush(2.0)
        seen = reader.read()

    assert "B:      {state: waiting" in seen
    assert "B:      {state: running}" in path.read_text()


def test_it_works_where_files_cannot_be_exchanged(view, path, monkeypatch):
    monkeypatch.setattr("orchharness.journal.statefile._exchanger", lambda: lambda *_: False)
    for number in range(3):
        view.update([status("B", "running", iteration=number)], "running", number)
        view.flush(number)

    assert items(path)["B"] == {"state": "running", "iteration": 2}


def test_a_shorter_text_leaves_nothing_of_the_longer_one(view, path):
    for reason in ("x" * 150, "y", "z" * 150, ""):
        view.update([status("B", "running", reason=reason)], "running", 1.0)
        view.flush(1.0)

    assert items(path)["B"] == {"state": "running"}


def test_a_view_that_cannot_be_written_is_said_and_stops_nobody(view, path):
    spare = path.with_name(".ORCHESTRATION.yaml.spare")
    spare.symlink_to("/nowhere")

    assert not view.flush(1.0)
    assert "the state file cannot be written" in view.error
    spare.unlink()
    assert view.flush(1.0)
    assert view.error is None


def test_an_empty_plan_is_valid_yaml(path):
    plan = Plan(id="empty", path="/p", digest="d", phases=(), tasks={}, gates={})
    StateFile(path, plan, "r").flush(0.0)

    assert yaml.safe_load(path.read_text())["phases"] == {}


def test_items_the_plan_does_not_know_are_left_out(view, path):
    view.update([status("GHOST", "running")], "running", 1.0)
    view.flush(1.0)

    assert "GHOST" not in path.read_text()


def test_thousands_of_needs_are_named_by_a_few(path):
    names = tuple(f"T{n}" for n in range(3000))
    tasks = {n: task(n) for n in names} | {"LAST": task("LAST", needs=names)}
    track = Track(id="a", phase="build", mode=Mode.BACKGROUND, items=(*names, "LAST"))
    phase = Phase(id="build", mode=Mode.BACKGROUND, tracks=(track,), items=track.items)
    StateFile(path, Plan(id="p", path="/p", digest="d", phases=(phase,), tasks=tasks, gates={}), "r").flush(
        0.0
    )

    assert items(path)["LAST"]["blocked_by"] == ["T0", "T1", "T2", "T3", "T4", "and 2995 more"]


@pytest.mark.parametrize(
    "word",
    [
        "on",
        "No",
        "null",
        "~",
        "1e5",
        "0x1f",
        "1:30",
        "2026-01-31",
        "-",
        "",
        " a",
        "a: b",
        "<<",
        "=",
        "y",
        ".inf",
        "+.5",
        "_1",
    ],
)
def test_words_that_yaml_would_take_for_something_else_stay_strings(word):
    assert yaml.safe_load(scalar(word)) == word


def test_nothing_that_a_terminal_acts_on_gets_out():
    assert scalar("\x1b[31mred\x9b\u202e") == '"\\u001b[31mred\\u009b\\u202e"'


@pytest.mark.parametrize(
    ("text", "written"), [("0.90", "0.90"), ("1.00", "1.00"), ("x", "x"), ("1e9", '"1e9"')]
)
def test_decimals_stay_as_they_were_written(text, written):
    assert decimal(text) == written
    assert Decimal("0.90") == Decimal(str(yaml.safe_load(decimal("0.90"))))


TEXT = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=50), inner, max_size=4),
    max_leaves=10,
)


@given(value=VALUES)
@settings(deadline=None, max_examples=300)
def test_any_value_comes_back(value):
    assert yaml.safe_load(flow(value)) == value


@given(
    reason=st.text(max_size=190),
    outputs=st.dictionaries(
        st.text(max_size=40), st.lists(st.fixed_dictionaries({"path": TEXT}), max_size=3), max_size=3
    ),
)
@settings(deadline=None, max_examples=100)
def test_any_status_comes_back(tmp_path_factory, reason, outputs):
    path = tmp_path_factory.getbasetemp() / "state.yaml"
    view = StateFile(path, small_plan(), "r")
    view.update([status("B", "running", reason=reason, outputs=outputs)], "running", 1.0)
    view.flush(1.0)

    assert items(path)["B"].get("reason", "") == reason
    assert items(path)["B"].get("outputs", {}) == outputs


def test_who_takes_no_work_stands_at_the_top_until_it_does(tmp_path):
    state = StateFile(tmp_path / "s.yaml", small_plan(), "r1")
    state.parked = "claude takes no work until 14:05:00 UTC (rate limit: a: b)"
    state.flush(1.0)
    shown = yaml.safe_load(state.path.read_text())
    state.parked = ""

    assert shown["parked"] == "claude takes no work until 14:05:00 UTC (rate limit: a: b)"
    assert state.flush(2.0)
    assert "parked" not in yaml.safe_load(state.path.read_text())
