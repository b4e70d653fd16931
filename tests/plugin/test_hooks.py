"""Hooks of orchharness in conftests and plugins of a pytest session."""

from __future__ import annotations

import pytest
from local_sessions import CHAIN, GATED, items, journal, plan, run, states

AGENT = """
from orchharness import Kind, LocalProcess, hookimpl

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="mine")]

@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, ["touch", "mine.ran"])

@hookimpl
def orchharness_poll(handle):
    return LocalProcess.poll(handle)

@hookimpl
def orchharness_cancel(handle):
    return LocalProcess.cancel(handle)
"""
CRITIC = """
from pathlib import Path
from orchharness import Evaluation, Kind, hookimpl

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="reader", role="critic")]

@hookimpl
def orchharness_critic(request):
    text = Path(request.artifacts["write.doc"][0]).read_text()
    return Evaluation(criteria={"clarity": {"score": 1.0 if "clear" in text else 0.0}})
"""
USES = "agents: {a: {kind: mine}}\ntasks: {t: {agent: a, prompt: x}}\n"
UPDATE = """
from orchharness import hookimpl

@hookimpl
def orchharness_update(event, run):
    with open("seen.txt", "a") as file:
        print(type(event).__name__, *sorted(f"{k}={v}" for k, v in run.counts.items()), file=file)
"""


def test_a_root_conftest_offers_an_agent_kind(pytester: pytest.Pytester):
    pytester.makeconftest(AGENT)
    plan(pytester, USES)

    run(pytester).assert_outcomes(passed=1)
    assert (pytester.path / "mine.ran").exists()
    assert journal(pytester)[0]["header"]["conftests"] == [str(pytester.path / "conftest.py")]


def test_a_root_conftest_offers_a_critic_kind(pytester: pytest.Pytester):
    pytester.makeconftest(CRITIC)
    plan(
        pytester,
        """
critics: {c: {kind: reader, criteria: {clarity: 1}}}
tasks: {write: {run: [sh, -c, "echo clear > d.txt"], outputs: {doc: d.txt}, gate: {id: G, critics: [c]}}}
""",
    )
    run(pytester).assert_outcomes(passed=2)
    assert states(pytester) == {"write": "passed", "G": "passed"}


def test_a_plugin_of_the_session_offers_a_kind(pytester: pytest.Pytester):
    pytester.makepyfile(my_plugin=AGENT)
    pytester.syspathinsert()
    plan(pytester, USES)

    run(pytester, "-p", "my_plugin").assert_outcomes(passed=1)


def test_an_object_that_a_conftest_registers_watches(pytester: pytest.Pytester):
    pytester.makeconftest(
        """
        from orchharness import hookimpl

        class Watch:
            @hookimpl
            def orchharness_update(self, event, run):
                open("seen.txt", "a").close()

        def pytest_configure(config):
            config.pluginmanager.register(Watch())
        """
    )
    plan(pytester, CHAIN)

    run(pytester).assert_outcomes(passed=4)
    assert (pytester.path / "seen.txt").exists()


def test_a_conftest_beside_the_plan_counts_where_its_folder_is_named(pytester: pytest.Pytester):
    folder = pytester.mkdir("plans")
    (folder / "conftest.py").write_text(AGENT)
    plan(pytester, USES, "plans/a")

    run(pytester, "plans").assert_outcomes(passed=1)


@pytest.mark.parametrize("first", ["deep/a", "above"])
def test_a_conftest_that_is_loaded_late_is_an_error_that_says_so(pytester: pytest.Pytester, first: str):
    folder = pytester.mkdir("deep")
    (folder / "conftest.py").write_text(AGENT)
    plan(pytester, CHAIN, first)

    result = run(pytester)

    if first == "above":  # the plan is read before the conftest is found
        (pytester.path / "deep" / "test_it.py").write_text("")
        result = run(pytester)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            f"{folder / 'conftest.py'} has orchharness hooks, but pytest loads it too late for them; "
            "move them to the conftest.py of the root folder, or name its folder on the command line"
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    assert not list(pytester.path.glob("*.ran"))


def test_a_late_conftest_without_hooks_is_no_matter(pytester: pytest.Pytester):
    folder = pytester.mkdir("deep")
    (folder / "conftest.py").write_text("import pytest\n")
    plan(pytester, CHAIN, "deep/a")

    run(pytester).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"conftest": AGENT, "one": AGENT}, "*agent kind 'mine' is offered by plugin * and by plugin *"),
        (
            {"conftest": AGENT.replace("@hookimpl\ndef orchharness_poll", "def poll")},
            "*offers agent kind 'mine' but does not implement orchharness_poll*",
        ),
        (
            {"conftest": AGENT.replace("return [Kind", "raise ValueError('no') or [Kind")},
            "*failed to say its kinds: ValueError: no",
        ),
        (
            {"conftest": AGENT.replace("@hookimpl\ndef orchharness_spawn", "def orchharness_spawn")},
            "*orchharness_spawn is not marked; write @orchharness.hookimpl above it",
        ),
        (
            {"conftest": AGENT + "\n@hookimpl\ndef orchharness_spwan(request): pass\n"},
            "*there is no hook 'orchharness_spwan'; the hooks are *",
        ),
    ],
    ids=["offered twice", "half", "raises", "unmarked", "misspelt"],
)
def test_plugins_that_break_the_rules_are_errors_without_a_traceback(
    pytester: pytest.Pytester, files: dict[str, str], message: str
):
    pytester.makepyfile(**files)
    pytester.syspathinsert()
    plan(pytester, USES)

    result = run(pytester, *(w for name in files if name != "conftest" for w in ("-p", name)))

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting a.plan.yaml*", message])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_spawn_that_raises_fails_its_task_only(pytester: pytest.Pytester):
    pytester.makeconftest(
        AGENT.replace("return LocalProcess.spawn(", "raise ConnectionError('no engine') or (")
    )
    plan(pytester, USES + "  \n".join(["", ""]) + "x-note: none\n")

    result = run(pytester)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ConnectionError: no engine"])


def test_update_is_called_once_per_record_in_order(pytester: pytest.Pytester):
    pytester.makeconftest(UPDATE)
    plan(pytester, GATED)
    pytester.makepyfile(test_ordinary="def test_it(): pass")

    run(pytester).assert_outcomes(passed=5)
    seen = (pytester.path / "seen.txt").read_text().splitlines()

    assert [line.split()[0] for line in seen] == [r["event"] for r in journal(pytester)]
    assert seen[0] == "RunStarted ready=2 waiting=2"
    assert seen[-1] == "RunFinished passed=4"


def test_update_sees_the_record_before_a_dependent_is_spawned(pytester: pytest.Pytester):
    pytester.makeconftest(
        """
        import os, time
        from orchharness import hookimpl

        @hookimpl
        def orchharness_update(event, run):
            if type(event).__name__ == "TaskFinished":
                time.sleep(0.05)
                if event.task == "one":
                    assert not os.path.exists("two.ran")
                    open("checked.txt", "w").close()
        """
    )
    plan(pytester, CHAIN)

    run(pytester).assert_outcomes(passed=4)
    assert (pytester.path / "checked.txt").exists()


def test_an_update_that_raises_is_reported_and_stops_nothing(pytester: pytest.Pytester):
    pytester.makeconftest(
        """
        from orchharness import hookimpl

        @hookimpl
        def orchharness_update(event, run):
            if type(event).__name__ == "TaskStarted":
                raise ValueError(f"cannot watch {event.task}")
        """
    )
    plan(pytester, CHAIN)

    result = run(pytester)

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        ["warning: plugin *conftest.py': orchharness_update: ValueError: cannot watch one"]
    )
    failed = [r for r in journal(pytester) if r["event"] == "HookFailed"]
    assert [r["error"] for r in failed][:1] == ["ValueError: cannot watch one"]
    assert len(failed) == 4
    assert journal(pytester)[-1]["state"] == "passed"


@pytest.mark.parametrize("statement", ["pytest.skip('x')", "pytest.fail('x')", "assert 0"])
def test_what_tests_raise_is_only_an_error_of_the_hook(pytester: pytest.Pytester, statement: str):
    pytester.makeconftest(
        f"""
        import pytest
        from orchharness import hookimpl

        @hookimpl
        def orchharness_update(event, run):
            {statement}
        """
    )
    plan(pytester, CHAIN)

    run(pytester).assert_outcomes(passed=4)


def test_the_view_cannot_change_the_run(pytester: pytest.Pytester):
    pytester.makeconftest(
        """
        from orchharness import hookimpl

        CHANGES = {
            "state": lambda run: setattr(run, "state", "passed"),
            "counts": lambda run: run.counts.clear(),
            "plan": lambda run: setattr(run.plan, "tasks", {}),
            "tasks": lambda run: run.plan.tasks.clear(),
            "task": lambda run: setattr(run.plan.tasks["two"], "needs", ()),
            "status": lambda run: setattr(run.status("two"), "state", "passed"),
            "items": lambda run: [setattr(i, "state", "passed") for i in run.items()],
            "outputs": lambda run: run.status("write").outputs.clear(),
        }

        @hookimpl
        def orchharness_update(event, run):
            with open("seen.txt", "a") as file:
                try:
                    event.outputs["doc"][0]["path"] = "other"
                    print("changed the event", file=file)
                except (AttributeError, KeyError, TypeError):
                    pass
                for name, change in CHANGES.items():
                    before = (run.state, dict(run.counts), len(run.plan.tasks))
                    try:
                        change(run)
                    except Exception as error:
                        pass
                    if before != (run.state, dict(run.counts), len(run.plan.tasks)):
                        print("changed by", name, file=file)
        """
    )
    plan(
        pytester,
        """
tasks:
  write: {run: [sh, -c, "echo x > d.txt"], outputs: {doc: d.txt}}
  two: {run: ["true"], inputs: {doc: write.doc}}
""",
    )

    run(pytester).assert_outcomes(passed=2)
    assert (pytester.path / "seen.txt").read_text() == ""
    assert items(pytester)["write"]["outputs"]["doc"][0]["path"] == "d.txt"
