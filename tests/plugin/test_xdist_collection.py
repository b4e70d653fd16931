"""Which items a session with workers has: chosen, pulled in, mixed with ordinary tests, or refused."""

from __future__ import annotations

import pytest
from xdist_sessions import cases, lines_of, plan, session

CHAIN = "tasks: {a: {run: ['true']}, b: {run: ['false'], needs: [a]}, c: {run: ['true']}}"


@pytest.mark.parametrize("chosen", [("a.plan.yaml::tasks::b",), ("-k", "tasks and b")])
def test_what_a_chosen_item_needs_is_pulled_in_and_said(
    pytester: pytest.Pytester, chosen: tuple[str, ...]
) -> None:
    plan(pytester, CHAIN, "p")
    (pytester.path / "p.plan.yaml").rename(pytester.path / "a.plan.yaml")

    result = session(pytester, "-n1", *chosen)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["a.plan.yaml: 1 chosen, pulled in what they need: a"])


def test_last_failed_runs_the_failed_item_and_what_it_needs(pytester: pytest.Pytester) -> None:
    plan(pytester, CHAIN)
    pytester.runpytest_subprocess("-n1", timeout=28).assert_outcomes(passed=2, failed=1)

    result = pytester.runpytest_subprocess("-n1", "--lf", timeout=28)

    result.assert_outcomes(passed=1, failed=1)


def test_nothing_is_run_when_it_is_only_collected(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: [touch, started]}}")

    result = session(pytester, "--collect-only", "-q", "-n2")

    result.stdout.fnmatch_lines(["a.plan.yaml::tasks::a"])
    assert result.ret == 0
    assert not (pytester.path / "started").exists()


def test_ordinary_tests_run_first_file_by_file_with_their_fixtures(pytester: pytest.Pytester) -> None:
    log = pytester.path / "log"
    source = f"""
import pytest
def say(what): open({str(log)!r}, "a").write(what + "\\n")
@pytest.fixture(scope="module", autouse=True)
def module():
    say("up NAME"); yield; say("down NAME")
def test_a(): say("test NAME")
class TestB:
    def test_b(self): say("test NAME")
    def test_c(self): say("test NAME")
"""
    (pytester.path / "conftest.py").write_text(
        f"""
import pytest
def say(what): open({str(log)!r}, "a").write(what + "\\n")
@pytest.fixture(scope="session", autouse=True)
def whole():
    say("begin"); yield; say("end")
"""
    )
    for name in ("one", "two"):
        (pytester.path / f"test_{name}.py").write_text(source.replace("NAME", name))
    plan(pytester, f"tasks: {{a: {{run: [sh, -c, 'echo act >> {log}']}}, b: {{run: ['true']}}}}")

    result = session(pytester, "-n1", "--junitxml=junit.xml")

    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["1 worker [[]8 items[]]", "*[[]100%[]]*"])
    assert len(cases(pytester.path / "junit.xml")) == 8
    one, two = (["up NAME", *["test NAME"] * 3, "down NAME"] for _ in "12")
    expected = [line.replace("NAME", n) for n, block in (("one", one), ("two", two)) for line in block]
    assert lines_of(log) == ["begin", *expected, "act", "end"]


@pytest.mark.parametrize("mode", ["-n0", "-n1"])
def test_a_fixture_of_the_session_that_fails_at_its_end_is_an_error_as_ever(
    pytester: pytest.Pytester, mode: str
) -> None:
    (pytester.path / "conftest.py").write_text(
        """
import pytest
@pytest.fixture(scope="session", autouse=True)
def whole():
    yield
    raise RuntimeError("not torn down")
"""
    )
    pytester.makepyfile(test_o="def test_a(): pass\ndef test_b(): pass")
    plan(pytester, "tasks: {a: {run: ['true']}}")

    result = session(pytester, mode)

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["ERROR test_o.py::test_b - RuntimeError: not torn down"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("arguments", [("-n2",), ("-n1", "broken.plan.yaml")])
def test_a_broken_plan_is_told_once_and_nothing_is_run(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    plan(pytester, "tasks: {a: {run: [touch, started]}}", "good")
    plan(pytester, "tasks: {a: {needs: [nobody], run: ['true']}}", "broken")

    result = session(pytester, *arguments)

    result.assert_outcomes(errors=1)
    assert sum("_ ERROR collecting broken.plan.yaml _" in line for line in result.outlines) == 1
    result.stdout.fnmatch_lines(["*broken.plan.yaml:2:*nobody*", "*Interrupted: 1 error during collection*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not (pytester.path / "started").exists()


def test_sound_plans_are_run_beside_a_broken_one_if_asked(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: ['true']}}", "good")
    plan(pytester, "tasks: [", "broken")

    result = session(pytester, "-n1", "--continue-on-collection-errors")

    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("how", ["each", "loadgroup"])
def test_a_distribution_that_plans_cannot_have_is_refused(pytester: pytest.Pytester, how: str) -> None:
    plan(pytester, "tasks: {a: {run: [touch, started]}}")

    result = session(pytester, "-n1", "--dist", how)

    result.stderr.fnmatch_lines(
        [f"ERROR: plans cannot be run with --dist {how}: write --dist load, or leave --dist out"]
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (pytester.path / "started").exists()


@pytest.mark.parametrize("how", ["loadfile", "worksteal"])
def test_a_distribution_that_is_kept_is_accepted(pytester: pytest.Pytester, how: str) -> None:
    pytester.makepyfile(test_o="def test_a(): pass\ndef test_b(): pass")
    plan(pytester, "tasks: {a: {run: ['true']}}")

    session(pytester, "-n1", "--dist", how).assert_outcomes(passed=3)


def test_another_plugins_scheduler_fails_plan_items_with_a_message(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(
        """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScheduling
    return LoadScheduling(config, log)
"""
    )
    plan(pytester, "tasks: {a: {run: [touch, started]}, b: {run: ['true']}}")

    result = session(pytester, "-n1")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*plan items run under orchharness's own loop or scheduler*"])
    assert not (pytester.path / "started").exists()


def test_a_session_without_plans_keeps_its_scheduler(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_o="def test_a(): pass\ndef test_b(): assert 0")

    result = session(pytester, "-n1", "-v", "--dist", "loadfile")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["scheduling tests via LoadFileScheduling"])


def test_plans_of_which_nothing_is_chosen_leave_the_session_to_other_schedulers(
    pytester: pytest.Pytester,
) -> None:
    (pytester.path / "conftest.py").write_text(
        """
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScheduling
    class Mine(LoadScheduling): pass
    return Mine(config, log)
def pytest_terminal_summary(terminalreporter, config):
    sched = config.pluginmanager.get_plugin("dsession").sched
    terminalreporter.write_line("stock: " + type(sched._stock).__name__)
"""
    )
    pytester.makepyfile(test_o="def test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pass")
    plan(pytester, "tasks: {x: {run: [touch, started]}}")

    result = session(pytester, "-n1", "-k", "test_a or test_b")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["stock: Mine"])
    assert not (pytester.path / "started").exists()


def test_workers_that_collect_different_items_are_refused_by_name(pytester: pytest.Pytester) -> None:
    (pytester.path / "test_o.py").write_text("import os\nexec(f'def test_{os.getpid()}(): pass')")
    plan(pytester, "tasks: {a: {run: [touch, started]}}")

    result = session(pytester, "-n2")

    result.stderr.fnmatch_lines(
        ["ERROR: worker gw* collected * where the first worker collected *No plan was started"]
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (pytester.path / "started").exists()


def test_without_xdist_installed_plans_run(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: ['true']}}")

    session(pytester, "-p", "no:xdist").assert_outcomes(passed=1)


HOOKS = """
import orchharness

@orchharness.hookimpl
def orchharness_agent_kinds():
    return [orchharness.Kind(name="mine"), orchharness.Kind(name="strict", role="critic")]

@orchharness.hookimpl
def orchharness_spawn(request):
    return orchharness.LocalProcess.spawn(request, ["sh", "-c", "echo x > x.txt"])

@orchharness.hookimpl
def orchharness_poll(handle): return orchharness.LocalProcess.poll(handle)

@orchharness.hookimpl
def orchharness_cancel(handle): return orchharness.LocalProcess.cancel(handle)

@orchharness.hookimpl
def orchharness_critic(request):
    return orchharness.Evaluation(criteria={"q": {"score": 1.0, "why": "x"}}, findings=())
"""
USES_HOOKS = """
agents: {me: {kind: mine}}
critics: {judge: {kind: strict, criteria: {q: 1}}}
tasks: {a: {agent: me, outputs: {o: x.txt}, gate: {critics: [judge]}}}
"""


def test_agents_and_critics_of_the_root_conftest_work_in_workers(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(HOOKS)
    plan(pytester, USES_HOOKS)

    session(pytester, "-n1").assert_outcomes(passed=2)


def test_hooks_in_a_conftest_that_only_workers_load_are_an_error(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("sub")
    (folder / "conftest.py").write_text(HOOKS)
    plan(pytester, USES_HOOKS).rename(folder / "a.plan.yaml")

    result = session(pytester, "-n2")

    result.stdout.fnmatch_lines([f"*{folder}/conftest.py has orchharness hooks*too late*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize("workers", ["1", "auto"])
def test_a_plugin_that_breaks_the_rules_is_a_message(pytester: pytest.Pytester, workers: str) -> None:
    (pytester.path / "conftest.py").write_text("def orchharness_agent_kinds(): return []")
    plan(pytester, "tasks: {a: {run: ['true']}}")

    result = session(pytester, "-n", workers)

    result.stderr.fnmatch_lines(["ERROR: plugin *: orchharness_agent_kinds is not marked*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("argument", ["linked", "../outside/a.plan.yaml", "."])
def test_a_plan_is_found_behind_links_and_outside_the_root(pytester: pytest.Pytester, argument: str) -> None:
    outside = pytester.mkdir("outside")
    root = pytester.mkdir("root")
    (root / "pytest.ini").write_text("[pytest]")
    (root / "linked").symlink_to(outside)
    plan(pytester, "tasks: {a: {run: [touch, started]}}").rename(outside / "a.plan.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        result = session(pytester, "-n1", "-cpytest.ini", argument)

    result.assert_outcomes(passed=1)
    assert (root / "started").exists()
