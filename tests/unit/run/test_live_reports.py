"""The report of a run that goes on: written by a child, seldom, and never waited for."""

from __future__ import annotations

import _thread
import math
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from orchharness.core.plan import Mode, Phase, Plan, Task, Track
from orchharness.core.section import Section, Text
from orchharness.hookspecs import hookimpl
from orchharness.journal import Journal
from orchharness.plugins import PluginHost
from orchharness.run import reporting
from orchharness.run.directory import RunDirectory
from orchharness.run.reporting import EVERY, REFRESH, LiveReport, ReportHelper


def made_plan(folder: Path) -> Plan:
    track = Track(id="main", phase="main", mode=Mode.BACKGROUND, items=("A",))
    phase = Phase(id="main", mode=Mode.BACKGROUND, tracks=(track,), items=("A",))
    task = Task(id="A", phase="main", track="main", order=0, line=1)
    return Plan(
        id="p", path=str(folder / "p.plan.yaml"), digest="d", phases=(phase,), tasks={"A": task}, gates={}
    )


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    with Journal.create(tmp_path / "journal.jsonl") as journal:
        journal.append(
            {"event": "RunStarted", "at": 1.0, "run": "r", "plan": "p", "digest": "d", "selected": ["A"]}
        )
    return RunDirectory(tmp_path)


@pytest.fixture
def alone(monkeypatch):
    """A worker of xdist that runs these tests has a thread of its own, which no child here needs."""
    monkeypatch.setattr(reporting, "_is_alone", lambda: True)


@pytest.fixture
def helper(alone):
    helper = ReportHelper()
    helper.start()
    assert helper.works
    yield helper
    helper.close()


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def text_of(directory: RunDirectory) -> str:
    return directory.report.read_text(encoding="utf-8")


class Counted:
    """A helper that notes what it is asked."""

    works, ready, cost = True, True, 0.0

    def __init__(self) -> None:
        self.begun = 0

    def begin(self, *_: object) -> None:
        self.begun += 1


def test_it_is_written_every_few_seconds(directory):
    counted = Counted()
    live = LiveReport(counted, made_plan(directory.root), directory, 100.0)
    begun = []
    for tenth in range(100):
        live.show(100.0 + tenth / 10, ())
        begun.append(counted.begun)

    assert begun[round(10 * EVERY) - 1] == 0
    assert begun[round(10 * EVERY) + 1] == 1
    assert counted.begun == int(9.9 / EVERY)


def test_a_report_that_costs_much_is_written_seldom(directory):
    counted = Counted()
    counted.cost = 2.0
    live = LiveReport(counted, made_plan(directory.root), directory, 0.0)
    for second in range(60):
        live.show(float(second), ())

    assert counted.begun == 2
    assert live.due == pytest.approx(101, abs=2)


def test_a_helper_that_is_at_work_is_asked_later_and_keeps_nobody_awake(directory):
    counted = Counted()
    counted.ready = False
    live = LiveReport(counted, made_plan(directory.root), directory, 0.0)
    live.show(5.0, ())

    assert counted.begun == 0
    assert live.due > 5.0


def test_without_a_child_there_is_no_report_of_a_run_that_goes_on(directory):
    live = LiveReport(ReportHelper(), made_plan(directory.root), directory, 0.0)
    live.show(99.0, ())

    assert live.due == math.inf
    assert not directory.report.exists()


def test_nothing_is_forked_beside_a_thread_that_python_does_not_count():
    over, begun = threading.Event(), threading.Event()
    _thread.start_new_thread(lambda: (begun.set(), over.wait()), ())
    begun.wait()
    helper = ReportHelper()
    helper.start()
    over.set()

    assert not helper.works


def test_the_child_writes_without_being_waited_for_and_then_the_last_report(helper, directory):
    plan = made_plan(directory.root)
    helper.begin(plan, directory.journal, directory.report, ())
    until(lambda: helper.ready)
    going_on = text_of(directory)
    helper.begin(plan, directory.journal, directory.report, ())
    fault = helper.write(plan, directory.journal, directory.report, ("torn",))

    assert f'data-refresh="{REFRESH}"' in going_on
    assert fault is None
    assert "torn" in text_of(directory)
    assert "data-refresh=" not in text_of(directory).partition("<style>")[0]
    assert helper.cost > 0


def test_the_last_report_does_not_wait_for_one_of_the_run_that_went_on(alone, directory, monkeypatch):
    rendering = directory.root / "rendering"

    def slow(*asked: object, refresh: int = 0, **more: object) -> str:
        if refresh:
            rendering.touch()
            signal.pause()
        return really(*asked, refresh=refresh, **more)

    really = reporting.render_now
    monkeypatch.setattr(reporting, "render_now", slow)
    helper = ReportHelper()
    helper.start()
    plan = made_plan(directory.root)
    helper.begin(plan, directory.journal, directory.report, ())
    until(rendering.exists)
    fault = helper.write(plan, directory.journal, directory.report, ())
    by_the_child = helper.works
    helper.close()

    assert (fault, by_the_child) == (None, True)
    assert "<h1>p</h1>" in text_of(directory)


def test_a_child_that_was_killed_is_done_without(helper, directory):
    plan = made_plan(directory.root)
    os.kill(helper._pid, 9)
    helper.begin(plan, directory.journal, directory.report, ())

    assert helper.write(plan, directory.journal, directory.report, ()) is None
    assert "<h1>p</h1>" in text_of(directory)


class Plugin:
    @hookimpl
    def orchharness_report_section(self, view):
        return Section("Mine", (Text(f"{view.plan}: <b>{len(view.tasks)}</b>"),))


class Broken:
    @hookimpl
    def orchharness_report_section(self):
        raise ValueError("<no token>")


class Wrong:
    @hookimpl
    def orchharness_report_section(self):
        return "<b>HTML</b>"


def host_of(*plugins: object) -> PluginHost:
    return PluginHost.load(plugins, entry_points=False)


def test_a_section_that_fails_is_told_and_the_others_are_shown(directory):
    host = host_of(Broken(), Wrong(), Plugin())
    fault = ReportHelper().write(made_plan(directory.root), directory.journal, directory.report, (), host)
    text = text_of(directory)

    assert fault is None
    assert "orchharness_report_section of this plugin raised ValueError: &lt;no token&gt;" in text
    assert "orchharness_report_section of this plugin returned &#39;&lt;b&gt;HTML&lt;/b&gt;&#39;" in text
    assert "p: &lt;b&gt;1&lt;/b&gt;" in text


def test_the_child_has_the_plugins_and_one_that_came_later_is_asked_here(alone, directory):
    host = host_of(Plugin())
    helper = ReportHelper()
    helper.start(host)
    plan = made_plan(directory.root)
    helper.write(plan, directory.journal, directory.report, (), host)
    by_the_child = text_of(directory)
    cost = helper.cost
    host.register(Broken(), "late")
    helper.write(plan, directory.journal, directory.report, (), host)
    helper.close()

    assert "p: &lt;b&gt;1&lt;/b&gt;" in by_the_child
    assert cost > 0
    assert helper.cost == cost
    assert "no token" in text_of(directory)
