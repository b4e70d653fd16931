"""The words of the command line. A command is a function in a module of its own, imported when it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

_EPILOG = """\
RUN is the id of a run, or the beginning of it; `latest` is the newest one.
Runs are those of the project of the current folder. They are looked for where pytest would keep them.
"""


def parse(words: Sequence[str]) -> argparse.Namespace | None:
    """What the words ask; `command` is the function that does it. None: the help was all that was asked for."""
    parser = _parser()
    asked = parser.parse_args(words)
    if not hasattr(asked, "command"):
        parser.print_help()
        return None
    return asked


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orchharness",
        description="What plans would do, how their runs stand, and what can be done about them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for make in (
        _explain,
        _check,
        _simulate,
        _import,
        _schema,
        _runs,
        _status,
        _decide,
        _cancel,
        _logs,
        _report,
        _diff,
        _clean,
    ):
        make(commands)
    return parser


def _explain(commands: Any) -> None:
    parser = _about_plans(commands, "explain", "what a plan will do, before anything is spent")
    parser.add_argument("plan", metavar="PLAN", help="a plan file")
    shape = parser.add_mutually_exclusive_group()
    for name, help_ in (
        ("json", "as JSON"),
        ("markdown", "as Markdown"),
        ("mermaid", "as a Mermaid diagram"),
    ):
        shape.add_argument(f"--{name}", dest="shape", action="store_const", const=name, help=help_)


def _check(commands: Any) -> None:
    parser = _about_plans(commands, "check", "say what is wrong with plans, without running anything")
    parser.add_argument("plans", nargs="+", metavar="PLAN", help="plan files, or folders with some")
    parser.add_argument("--strict", action="store_true", help="treat warnings as errors")


def _simulate(commands: Any) -> None:
    from orchharness.cli.simulated import add_options

    parser = _about_plans(
        commands, "simulate", "play a plan on a virtual clock: nothing is run, nothing is spent"
    )
    parser.add_argument("plan", metavar="PLAN", help="a plan file")
    add_options(parser)


def _import(commands: Any) -> None:
    parser = _bare(
        commands, "import", "make a plan out of an orchestration file, Task Master's tasks or a workflow"
    )
    parser.set_defaults(command=_later("importing"))  # `import` is no name that a module can be imported by
    parser.add_argument(
        "file", metavar="FILE", help="YAML, JSON, or Markdown with a block of it; - is standard input"
    )
    parser.add_argument("-o", "--output", metavar="PLAN", help="write the plan there (default: print it)")
    parser.add_argument("--overwrite", action="store_true", help="let -o replace a file that is there")
    parser.add_argument(
        "--leave-out-unknown",
        action="store_true",
        help="leave out dependencies on what is not in the file, instead of stopping at them",
    )
    parser.add_argument("--json", action="store_true", help="the plan and the list as one JSON object")


def _schema(commands: Any) -> None:
    parser = _bare(commands, "schema", "print the JSON Schema of plans, for editors")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there")


def _runs(commands: Any) -> None:
    parser = _command(commands, "runs", "list the runs of this project, newest first")
    parser.add_argument("--all", action="store_true", help="the runs of all projects")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _status(commands: Any) -> None:
    parser = _command(commands, "status", "how a run stands now, also while it goes on")
    _run(parser)
    parser.add_argument(
        "--all", action="store_true", help="every item, also what passed long ago and what waits"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def _decide(commands: Any) -> None:
    parser = _command(commands, "decide", "answer what a run asks a person")
    parser.add_argument("run", metavar="RUN", help="id of the run, or the beginning of it")
    parser.add_argument("item", metavar="ITEM", help="the gate or task that asks")
    parser.add_argument(
        "choice", metavar="OPTION", help="what is chosen; of a task that asks: the answer, or - to read it"
    )
    parser.add_argument("--by", metavar="NAME", help="who decides (default: the user's name)")
    parser.add_argument("--note", metavar="TEXT", default="", help="why, or what is to be done")


def _cancel(commands: Any) -> None:
    parser = _command(commands, "cancel", "end a run with all its agents")
    _run(parser, "the one that is at work")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="TIME",
        help="how long its orchestrator is waited for (30s)",
    )


def _logs(commands: Any) -> None:
    parser = _command(commands, "logs", "what an agent or a critic printed")
    parser.add_argument("run", metavar="RUN", help="id of the run, or the beginning of it")
    parser.add_argument("item", metavar="TASK", help="id of a task or gate")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the act ends")
    parser.add_argument("--act", metavar="NAME", help="another act than the newest one")
    parser.add_argument("--stderr", action="store_true", help="what went to standard error")
    parser.add_argument("--raw", action="store_true", help="leave escape sequences in, also on a terminal")


def _report(commands: Any) -> None:
    parser = _command(commands, "report", "write the report of a run again")
    _run(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there, to be sent to somebody, say")


def _diff(commands: Any) -> None:
    parser = _command(commands, "diff", "what changed between two runs in verdicts, scores, time and money")
    parser.add_argument("before", metavar="RUN1", help="id of the earlier run, or the beginning of it")
    parser.add_argument("after", metavar="RUN2", help="id of the later run, or `latest`")
    parser.add_argument("--json", action="store_true", help="as JSON, with all items")


def _clean(commands: Any) -> None:
    parser = _command(commands, "clean", "remove runs that are over")
    parser.add_argument(
        "--keep",
        type=_count,
        default=1,
        metavar="N",
        help="how many of each plan's runs stay, the newest first (1)",
    )
    parser.add_argument(
        "--older-than", type=_seconds, metavar="TIME", help="only runs older than that: 7d, 12h"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be removed, and remove nothing"
    )


def _command(commands: Any, name: str, help_: str) -> argparse.ArgumentParser:
    parser = _bare(commands, name, help_)
    parser.add_argument("--orch-dir", metavar="FOLDER", help="where the runs are kept")
    return parser


def _about_plans(commands: Any, name: str, help_: str) -> argparse.ArgumentParser:
    parser = _bare(commands, name, help_)
    parser.add_argument(
        "--orch-var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give a plan's variable a value, as for pytest",
    )
    return parser


def _bare(commands: Any, name: str, help_: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", allow_abbrev=False
    )
    parser.set_defaults(command=_later(name))
    parser.add_argument("--root", metavar="DIR", help="root folder of the project")
    return parser


def _run(parser: argparse.ArgumentParser, default: str = "the newest one") -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help=f"id of the run, or the beginning of it (default: {default})"
    )


def _later(name: str) -> Callable[[argparse.Namespace], int]:
    def command(asked: argparse.Namespace) -> int:
        from importlib import import_module

        status: int = getattr(import_module(f"orchharness.cli.{name}"), name)(asked)
        return status

    return command


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that costs as much as a whole `runs`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"orchharness {version('orchharness')}\n")
        parser.exit()


def _count(text: str) -> int:
    if not text.isdecimal():
        msg = f"{text!r} is no number of runs: write 0, 1, 2 …"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _seconds(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    factor = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(unit)
    if factor is None or not number.isdecimal():
        msg = f"{text!r} is no time: write 30s, 15m, 12h or 7d"
        raise argparse.ArgumentTypeError(msg)
    return float(number) * factor
