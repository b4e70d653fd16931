"""pytest's face of orchharness. Imported by every pytest session, so it imports nothing of its own weight.

A session without plan files pays for the option definitions and one file-name test per collected file.
Everything else is in the modules beside this one, imported when the first plan file is seen. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import os
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from orchharness.pytest_plugin.collector import PlanFile

DEFAULT_GLOBS = ["*.plan.yaml", "*.plan.yml"]
PAUSED_STATUS = 7  # 0 to 6 are pytest's
PLANS: pytest.StashKey[Any] = pytest.StashKey()  # the session's `Plans`, once there is a plan
RECORDINGS = "recordings"  # the folder beside a plan that holds what was recorded
LATE: pytest.StashKey[list[object]] = pytest.StashKey()  # plugins with our hooks that came after the start
RUNS: pytest.StashKey[str] = pytest.StashKey()  # where runs are kept, when an option says so
SCHEDULER: pytest.StashKey[Any] = pytest.StashKey()  # the xdist scheduler, in the controller


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values."""
    flag: dict[str, Any] = {"action": "store_true", "default": False}
    variable: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
    resume: dict[str, Any] = {"nargs": "?", "const": "", "metavar": "RUN"}
    record: dict[str, Any] = {"nargs": "?", "const": "models", "metavar": "all"}
    interrupt: dict[str, Any] = {"choices": ("cancel", "detach"), "default": "cancel"}
    live: dict[str, Any] = {"choices": ("auto", "off"), "default": "auto"}
    group = parser.getgroup("orchharness", "plans of multi-agent work")
    for name, kind, text in (
        ("--orch-var", variable, "give a plan's variable a value; a relative path means one from the current folder"),
        ("--orch-dir", {"metavar": "FOLDER"}, "where runs are kept (default: the user's state folder, linked as .orchharness)"),
        ("--orch-strict", flag, "treat a plan's warnings as errors"),
        ("--orch-skip-missing", flag, "skip plans whose agents need a client that is not installed, instead of failing them"),
        ("--orch-explain", flag, "say what the plans will do (what runs at once, how long, what is spawned), and run nothing"),
        ("--orch-resume", resume, "go on with the newest run of each plan, or with RUN: what passed is reused, agents are re-attached"),
        ("--orch-reuse", flag, "begin a new run that takes over what passed in the newest one, where nothing it depends on changed"),
        ("--orch-fresh", flag, "take over nothing, also not what chosen items (-k, --lf, node ids) need"),
        ("--orch-record", record, "run the plans, and record what model agents and judges answer beside them; all: every act"),
        ("--orch-replay", flag, "run the plans from what was recorded: no model, no network; what was not recorded fails"),
        ("--orch-on-interrupt", interrupt, "what Ctrl-C does to running agents: end them, or leave them to a later --orch-resume"),
        ("--orch-wait", flag, "wait for a person's answer (`orchharness decide`) instead of ending paused"),
        ("--orch-ask", flag, "ask at the terminal's prompt what a person must decide"),
        ("--orch-summary", {"metavar": "FILE"}, "write a summary of the plans in Markdown (in GitHub Actions the step's page has one without it)"),
        ("--orch-live", live, "show what runs below the output, on a terminal (auto), or never: then a line a minute at most"),
    ):  # fmt: skip
        group.addoption(name, help=text, **kind)
    parser.addini("orch_plan_files", "globs of file names that are plans", type="args", default=DEFAULT_GLOBS)
    parser.addini("orch_dir", "where runs are kept", default="")


def is_plan(config: pytest.Config, name: str) -> bool:
    """Whether a file of that name is a plan."""
    globs = config.getini("orch_plan_files")
    return any(
        name.endswith(g[1:]) if g[:2] == "*." and "*" not in g[1:] else fnmatch(name, g) for g in globs
    )


def is_recording(path: str) -> bool:
    """Whether the folder holds recordings: what agents wrote may look like tests, conftests and plans."""
    if os.path.basename(os.path.dirname(path)) != RECORDINGS:  # noqa: PTH119, PTH120 - pathlib costs 5 ms
        return False
    return os.path.isfile(f"{path}/recording.json")  # noqa: PTH113


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is an xdist worker."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse malformed options.

    Raises:
        UsageError: an `--orch-var` is not NAME=VALUE.
    """
    for text in config.option.orch_var:
        if text.find("=") < 1:
            msg = f"--orch-var {text}: write NAME=VALUE"
            raise pytest.UsageError(msg)
    _check_beginning(config.option)
    if config.option.orch_ask:
        from orchharness.pytest_plugin.asking import check_terminal

        check_terminal(config)
    if config.option.orch_summary is not None or os.environ.keys() & {
        "GITHUB_ACTIONS",
        "GITHUB_STEP_SUMMARY",
    }:
        from orchharness.pytest_plugin.ci import register

        register(config, os.environ)
    if config.option.orch_explain and hasattr(config.option, "dist"):
        # No workers for nothing.
        config.option.dist, config.option.tx, config.option.numprocesses = "no", [], None
    config.stash[LATE] = []
    folder = config.option.orch_dir or config.getini("orch_dir")
    if folder:
        config.stash[RUNS] = os.path.normpath(config.rootpath / os.path.expanduser(folder))  # noqa: PTH111


def _check_beginning(option: Any) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: they do.
    """
    run = option.orch_resume
    if run and ("/" in run or "::" in run or os.path.exists(run)):  # noqa: PTH110 - pathlib costs 5 ms
        msg = f"--orch-resume {run}: {run!r} is no run; write the plans first, as in 'pytest {run} --orch-resume'"
        raise pytest.UsageError(msg)
    given = [
        ("--orch-resume", run is not None),
        ("--orch-reuse", option.orch_reuse),
        ("--orch-fresh", option.orch_fresh),
    ]
    names = [name for name, there in given if there]
    recorded = option.orch_record
    if recorded not in {None, "models", "all"}:
        msg = f"--orch-record {recorded}: write the plans first, as in 'pytest {recorded} --orch-record'; or --orch-record=all"
        raise pytest.UsageError(msg)
    if recorded and option.orch_replay:
        names = ["--orch-record", "--orch-replay"]
    elif option.orch_replay and names and names != ["--orch-fresh"]:
        names.append("--orch-replay")
    if len(names) > 1:
        msg = f"{' and '.join(names)} contradict each other: leave out all but one"
        raise pytest.UsageError(msg)


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Hooks in plugins that come late are told so, never ignored."""
    config = manager.get_plugin("pytestconfig")
    late = None if config is None else config.stash.get(LATE, None)
    if late is not None and any(name.startswith("orchharness_") for name in dir(plugin)):
        late.append(plugin)
        plans = config.stash.get(PLANS, None)  # type: ignore[union-attr]
        if plans is not None:
            plans.register_late(plugin)


# ---- collecting --------------------------------------------------------------------------------


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Runs that are kept inside the project, and recordings, hold what agents wrote: that is not the project's."""
    if collection_path.name == ".orchharness" or str(collection_path) == config.stash.get(RUNS, None):
        return True
    return True if is_recording(str(collection_path)) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PlanFile | None:
    """Plan files are collected as tracks of items."""
    if not is_plan(parent.config, file_path.name):
        return None
    from orchharness.pytest_plugin.collector import PlanFile

    file: PlanFile = PlanFile.from_parent(parent, path=file_path)
    return file


# Not in `pytest_collection_modifyitems`: `--lf` and `--sw` drop items after every implementation of it.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Pull in what the chosen items need; in a worker, add the item that is never run."""
    if PLANS not in session.config.stash or not any(hasattr(item, "plan_file") for item in session.items):
        return
    from orchharness.pytest_plugin.collector import exempt_from_timeout, settle

    settle(session, session.items)
    if is_worker(session.config):
        from orchharness.pytest_plugin.worker import park

        exempt_from_timeout(session.items)
        park(session, session.items)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say which items were pulled in, and which were left out."""
    plans = config.stash.get(PLANS, None)
    return [] if plans is None else list(plans.terminal.take_notes())


# ---- running -----------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Sessions with plan items are run by our loop; ordinary tests first, by the stock one."""
    config = session.config
    if config.option.orch_explain:
        from orchharness.pytest_plugin.explaining import explain_session

        return explain_session(session)
    if is_worker(config) or PLANS not in config.stash:
        return None
    if not any(hasattr(item, "plan_file") for item in session.items):
        return None
    from orchharness.pytest_plugin.loop import run_session

    return run_session(session)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Plan items are reported when they are decided, and executed in xdist workers."""
    run = getattr(item, "orch_protocol", None)
    return None if run is None else run() or None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give a paused run its exit status."""
    config = session.config
    plans = config.stash.get(PLANS, None)
    if plans is not None:
        plans.reports.hang_up()  # what renders reports ends beside the rest of the session
    if plans is not None and plans.paused and session.exitstatus in {0, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = PAUSED_STATUS


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What became of each plan, and where its report is, last."""
    plans = config.stash.get(PLANS, None)
    if plans is not None:
        plans.terminal.summary(terminalreporter)


# ---- xdist: these hooks exist only where it is installed ---------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n auto` means as many workers as the plans can use."""
    from orchharness.pytest_plugin.scan import useful_workers

    return useful_workers(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """What renders reports is forked here: beside workers it would copy the threads that read them, and their pipes."""
    from orchharness.pytest_plugin.scan import plan_texts

    if plan_texts(config):
        from orchharness.pytest_plugin.dispatch import plans_or_usage

        plans_or_usage(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Workers get the plans as they were read by the controller, and where to look for work."""
    from orchharness.pytest_plugin.scan import plan_texts

    texts = plan_texts(node.config)
    if texts:
        from orchharness.pytest_plugin.dispatch import brief_worker

        brief_worker(node, texts)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Sessions with plan files get our scheduler; all others the stock one, untouched."""
    from orchharness.pytest_plugin.scan import plan_texts

    if not plan_texts(config):
        return None
    from orchharness.pytest_plugin.scheduler import PlanScheduling

    config.stash[SCHEDULER] = scheduler = PlanScheduling(config, log)
    return scheduler
