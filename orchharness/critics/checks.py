"""Critic kind `checks`: the deterministic checks of a gate. All are looked at; each that fails is a finding.

A check that does not hold (also one that takes longer than its own `timeout`) fails the gate. A check that
cannot be made at all (no such command, no JSON Schema library) is an error of the judge.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchharness.core.acts import CriticRequest, Evaluation
from orchharness.critics.documents import check_file, check_json
from orchharness.critics.execute import Job, ending, environment, run, tail
from orchharness.critics.junit import Counts, count, verdict
from orchharness.errors import OrchError

_PYTEST = (
    *("-q", "--color=no", "--maxfail=0", "-p", "no:cacheprovider", "-p", "no:orchharness"),
    *("-o", "junit_family=xunit2", "-o", "junit_logging=no"),
)
_SCRUBBED = ("PYTEST_", "COV_")


def judge(request: CriticRequest) -> Evaluation:
    """Whether all checks hold.

    Raises:
        OrchError: some cannot be made; the message names all of these.
    """
    findings, faults = [], []
    for number, check in enumerate(request.checks, 1):
        name = str(check.get("name") or check["kind"])
        try:
            wrong = _CHECKS[check["kind"]](request, check, number)
        except OrchError as error:
            faults.append(f"check {name!r} cannot be made: {error}")
            continue
        print(f"{'FAILED' if wrong else 'ok'}: {name}")  # noqa: T201 - the act's own log
        if wrong:
            findings.append(_finding(request, check, name, wrong))
    if faults:
        raise OrchError("; ".join(faults))
    return Evaluation(passed=not findings, findings=tuple(findings))


def _finding(request: CriticRequest, check: Mapping[str, Any], name: str, wrong: str) -> dict[str, Any]:
    task = check.get("task") or next((key.rpartition(".")[0] for key in request.artifacts), None)
    finding = {"severity": "critical", "check": name, "what": f"{name}: {wrong}"}
    return {**finding, "task": task} if task else finding


def _run(request: CriticRequest, check: Mapping[str, Any], number: int) -> str:
    job = _job(request, check, number, check.get("argv") or ())
    status = run(job)
    if status == 0:
        return ""
    return _with_output(ending(status) if status is not None else _slow(job), job)


def _pytest(request: CriticRequest, check: Mapping[str, Any], number: int) -> str:
    options = check.get("options") or {}
    report = Path(request.folder, f"check-{number}.junit.xml")
    paths = [f"./{path}" if path.startswith("-") else path for path in options["paths"]]
    argv = (sys.executable, "-m", "pytest", *_PYTEST, f"--junitxml={report}", *paths)
    job = _job(request, check, number, argv)
    status = run(job)
    if status is None:
        return _with_output(_slow(job), job)
    counts = count(report) if report.is_file() else Counts()
    wrong = verdict(counts, status, options.get("min"))
    return _with_output(wrong, job) if wrong else ""


def _file(request: CriticRequest, check: Mapping[str, Any], number: int) -> str:
    del number
    return check_file(request.workspace, check.get("options") or {})


def _json(request: CriticRequest, check: Mapping[str, Any], number: int) -> str:
    del number
    return check_json(request.workspace, check.get("options") or {})


_CHECKS: dict[str, Callable[[CriticRequest, Mapping[str, Any], int], str]] = {
    "run": _run,
    "pytest": _pytest,
    "file": _file,
    "json": _json,
}


def _job(request: CriticRequest, check: Mapping[str, Any], number: int, argv: Any) -> Job:
    env = environment(request.env, check.get("env") or {})
    # A plan may be judged from within a test run, whose options are not for these tests.
    env = {name: value for name, value in env.items() if not name.startswith(_SCRUBBED)}
    return Job(
        argv=argv,
        shell=bool(check.get("shell")),
        cwd=check.get("cwd") or (request.workspace if check["kind"] == "pytest" else request.cwd),
        env=env,
        log=Path(request.folder, f"check-{number}.log"),
        apart=False,
        timeout=check.get("timeout"),
    )


def _slow(job: Job) -> str:
    return f"timed out after {job.timeout:g} s"


def _with_output(wrong: str, job: Job) -> str:
    return f"{wrong}\n{tail(job.log)}".rstrip()
