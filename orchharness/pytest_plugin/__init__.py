"""pytest's face of orchharness. Imported by every pytest session, so it imports nothing of its own weight.

A session without plan files pays for the option definitions and one file-name test per collected file.
Everything else is in the modules beside this one, imported when the first plan file is seen.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from orchharness.pytest_plugin.collector import PlanFile

DEFAULT_GLOBS = ["*.plan.yaml", "*.plan.yml"]
PAUSED_STATUS = 7  # 0 to 6 are pytest's
PLANS: pytest.StashKey[Any] = pytest.StashKey()  # the session's `Plans`, once there is a plan
SCHEDULER: pytest.StashKey[Any] = pytest.StashKey()  # the xdist scheduler, in the controller


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values."""
    group = parser.getgroup("orchharness", "plans of multi-agent work")
    group.addoption(
        "--orch-var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give a plan's variable a value; a relative path means one from the current folder",
    )
    group.addoption(
        "--orch-dir",
        metavar="FOLDER",
        help="where runs are kept (default: the user's state folder, linked as .orchharness)",
    )
    group.addoption(
        "--orch-strict", action="store_true", default=False, help="treat a plan's warnings as errors"
    )
    parser.addini("orch_plan_files", "globs of file names that are plans", type="args", default=DEFAULT_GLOBS)
    parser.addini("orch_dir", "where runs are kept", default="")


def is_plan(config: pytest.Config, name: str) -> bool:
    """Whether a file of that name is a plan."""
    globs = config.getini("orch_plan_files")
    return any(
        name.endswith(g[1:]) if g[:2] == "*." and "*" not in g[1:] else fnmatch(name, g) for g in globs
    )


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is an xdist worker."""
    return hasattr(config, "workerinput")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PlanFile | None:
    """Plan files are collected as tracks of items."""
    if not is_plan(parent.config, file_path.name):
        return None
    from orchharness.pytest_plugin.collector import PlanFile

    file: PlanFile = PlanFile.from_parent(parent, path=file_path)
    return file


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Hooks in conftests and installed plugins reach orchharness; late ones are told so, never ignored."""
    config = getattr(manager, "_orch_config", None)
    plans = config.stash.get(PLANS, None) if config is not None else None
    if plans is not None:
        plans.register_late(plugin)


def pytest_configure(config: pytest.Config) -> None:
    """Let late plugins find the session; workers leave Ctrl-C to the orchestrator."""
    config.pluginmanager._orch_config = config  # type: ignore[attr-defined]  # noqa: SLF001
    if is_worker(config) and config.workerinput.get("orch_plans"):  # type: ignore[attr-defined]
        from orchharness.pytest_plugin.worker import ignore_interrupts

        ignore_interrupts()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Pull in what the chosen items need; in a worker, add the item that is never run."""
    if not any(hasattr(item, "plan_file") for item in items):
        return
    from orchharness.pytest_plugin.collector import pull_in

    pull_in(session, items)
    if is_worker(session.config):
        from orchharness.pytest_plugin.worker import park

        park(session, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Sessions with plan items are run by our loop; ordinary tests first, by the stock one."""
    if is_worker(session.config) or not any(hasattr(item, "plan_file") for item in session.items):
        return None
    from orchharness.pytest_plugin.loop import run_session

    return run_session(session)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Plan items are reported when they are decided, and executed in xdist workers."""
    run = getattr(item, "orch_protocol", None)
    return None if run is None else bool(run())


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what an interrupt left open, and give a paused run its exit status."""
    config = session.config
    scheduler = config.stash.get(SCHEDULER, None)
    if scheduler is not None:
        scheduler.session_over()
    plans = config.stash.get(PLANS, None)
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
def pytest_configure_node(node: Any) -> None:
    """Workers get the plans as they were read by the controller, and where to look for work."""
    from orchharness.pytest_plugin.scan import plan_texts

    texts = plan_texts(node.config)
    if texts:
        from orchharness.pytest_plugin.scheduler import brief_worker

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


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """A paused run ends with its own exit status, also where pytest computes it from the session."""
    status = yield
    plans = config.stash.get(PLANS, None)
    if plans is not None and plans.paused and status == 0:
        return PAUSED_STATUS
    return status
