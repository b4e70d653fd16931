"""The scripted agent's program: `python scripted.py SCRIPT.json`. Standard library only; critics use its actions.

A script is a list of rules. The first one that fits the act says what is done, one action after the other; where
none fits, the agent does well: it writes its outputs. Every start is one line in a file outside of the harness,
added in a single write, so that also those can be counted that nobody else knows of.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

STARTS = "SCRIPTED_STARTS"  # the environment variable that names the file of starts
_LEFT_BEHIND = 1000  # seconds that a process stays which was left behind
_GARBAGE = {
    "binary": bytes(range(256)) * 4,
    "json": b'{"criteria": {"clarity": {"score": 0.9, }}, findings: [}\n',
    "truncated": b'{"criteria": {"clarity": {"score": 1.0, "why": "all of it is there and it rea',
    "empty": b"",
}
_CLASS = re.compile(r"\[(?P<one>[^]!])[^]]*\]")
_SEVERAL = re.compile(r"[*?]+")


class Actor:
    """Does what a script says. `facts` say which act it is: task or gate and critic, iteration, attempt."""

    def __init__(self, script: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        self.script = script
        self.facts = facts
        self._actions: dict[str, Callable[[Any], None]] = {
            "append": self._append,
            "babble": _babble,
            "exit": _exit,
            "fork": self._fork,
            "garbage": self._garbage,
            "hang": _hang,
            "ignore": _ignore,
            "lie": self._lie,
            "limited": _limited,
            "refused": _refused,
            "result": _leave_result,
            "say": _say,
            "score": self._score_itself,
            "signal": _signal,
            "sleep": time.sleep,
            "slow": _slow,
            "wait": _wait,
            "write": self._write,
        }

    def begin(self) -> list[dict[str, Any]]:
        """Note the start; the actions of the first rule that fits, or None of its own."""
        self.note("start")
        for rule in self.script.get("script") or ():
            if all(
                _fits(rule.get(name), self.facts.get(name))
                for name in ("task", "gate", "iteration", "attempt", "sample")
            ):
                return list(rule["do"])
        return [dict(action) for action in self.script.get("otherwise") or ()]

    def do(self, action: Mapping[str, Any]) -> None:
        """Carry out one action, a mapping with one key."""
        ((name, value),) = action.items()
        self._actions[name](value)

    def note(self, what: str) -> None:
        """One line about this process, where the test looks; nothing where nobody asked for it."""
        path = self.script.get("starts") or os.environ.get(STARTS)
        if not path:
            return
        line = json.dumps({"what": what, **self.facts, "pid": os.getpid(), "born": _born()}) + "\n"
        target = Path(os.environ.get("ORCH_PLAN_DIR", "."), path)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    # ---- work ------------------------------------------------------------------------------------

    def _write(self, texts: Mapping[str, str] | None) -> None:
        """The files with these texts, by output or path; all declared outputs, new ones in each act, by default."""
        if texts is not None:
            for name, text in texts.items():
                _put(_place(name), text.encode())
            return
        about = "{task} iteration {iteration} attempt {attempt}".format(**{"task": "critic", **self.facts})
        for name, path in _outputs().items():
            _put(path, f"{name.lower()} of {about}\n".encode())
        print(f"{about}: done", flush=True)  # noqa: T201 - the answer, and what `{from: stdout}` asks for

    def _append(self, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            with _place(name).open("a") as file:
                file.write(text)

    def _garbage(self, what: str) -> None:
        """What is no answer to anything, in each declared output and on stdout."""
        for path in _outputs().values():
            _put(path, _GARBAGE[what])
        sys.stdout.buffer.write(_GARBAGE[what])
        sys.stdout.flush()

    def _lie(self, _: Any) -> None:
        """Nothing is written, and success is claimed in every way there is."""
        text = "All files are written and all tests pass."
        _leave_result({"status": "success", "summary": text, "answer": text})
        _say(text)

    def _score_itself(self, score: Any) -> None:
        """An evaluation of its own work, wherever somebody could look for one."""
        one = {"score": score, "why": "I did it myself"}
        criteria = dict.fromkeys(("clarity", "completeness", "accuracy", "c"), one)
        text = json.dumps(
            {"criteria": criteria, "score": score, "total": score, "passed": True, "findings": []}
        )
        folders = [Path.cwd()] + [Path(os.environ[n]) for n in ("ORCH_TASK_DIR",) if n in os.environ]
        for folder in folders:
            for name in ("evaluation.json", "score.json"):
                _put(folder / name, text.encode())
        if "ORCH_RESULT" in os.environ:
            _put(Path(os.environ["ORCH_RESULT"]), text.encode())
        _say(text)

    # ---- processes -------------------------------------------------------------------------------

    def _fork(self, how: str) -> None:
        """Leave a process behind: a child, one with a session of its own, or a daemon that nobody is parent of."""
        ready, told = os.pipe()
        if os.fork() == 0:
            if how != "child":
                os.setsid()
            if how == "daemon" and os.fork() != 0:
                os._exit(0)
            os.close(ready)
            self.note(how)
            os.write(told, b"x")
            os.close(told)
            time.sleep(_LEFT_BEHIND)
            os._exit(0)
        os.close(told)
        os.read(ready, 1)
        os.close(ready)


def facts_of(environment: Mapping[str, str], act: str) -> dict[str, Any]:
    """What the environment tells of the act."""
    names = (("task", "ORCH_TASK"), ("gate", "ORCH_GATE"))
    found: dict[str, Any] = {"act": act}
    found |= {name: environment[variable] for name, variable in names if variable in environment}
    counts = {n: environment.get(f"ORCH_{n.upper()}", "1") for n in ("iteration", "attempt")}
    if "ORCH_SAMPLE" in environment:
        counts["sample"] = environment["ORCH_SAMPLE"]
    return found | {name: int(count) for name, count in counts.items()}


def main(words: list[str]) -> int:
    """Do what the script says for this act."""
    script = json.loads(Path(words[0]).read_text(encoding="utf-8"))
    actor = Actor({"otherwise": [{"write": None}], **script}, facts_of(os.environ, script["act"]))
    for action in actor.begin():
        actor.do(action)
    return 0


def _born() -> int | None:
    """When this process began, in ticks of the kernel's clock: its pid alone may be another's some day."""
    try:
        text = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text[text.rindex(")") + 2 :].split()[19])


def _fits(wanted: Any, value: Any) -> bool:
    return wanted is None or value in wanted


def _outputs() -> dict[str, Path]:
    """The declared outputs by the names of their variables; of a glob, one file that it matches."""
    prefix = "ORCH_OUTPUT_"
    found = {n.removeprefix(prefix): p for n, p in os.environ.items() if n.startswith(prefix)}
    return {name: _one_file(path) for name, path in found.items()}


def _one_file(path: str) -> Path:
    """What the path means where that is one file; a folder that is there is no pattern, whatever its name holds."""
    found = Path("/")
    for name in Path(path).parts[1:]:
        found = found / name if (found / name).is_dir() else found / _named(name)
    return found


def _named(pattern: str) -> str:
    """A name that the pattern of one matches; `[...]` alone matches itself, too."""
    if not _SEVERAL.search(pattern):
        return pattern
    return _SEVERAL.sub("made", _CLASS.sub(lambda found: found["one"], pattern))


def _place(name: str) -> Path:
    return _outputs().get(re.sub(r"[^A-Za-z0-9]", "_", name).upper()) or Path(name)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _leave_result(result: Any) -> None:
    text = result if isinstance(result, str) else json.dumps(result)
    Path(os.environ["ORCH_RESULT"]).write_text(text, encoding="utf-8")


def _limited(seconds: float | None) -> None:
    """Its engine takes no work, for so many seconds where it says so."""
    _leave_result({"status": "limited", "summary": "429", "retry_after": seconds})
    _exit(1)


def _refused(reason: str) -> None:
    """Its engine does not know the caller."""
    _leave_result({"status": "refused", "summary": reason})
    _exit(1)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the agent's own stdout


def _exit(status: int) -> None:
    sys.stdout.flush()
    os._exit(status)


def _signal(name: str) -> None:
    number = getattr(signal, f"SIG{name}")
    if number not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _ignore(names: list[str]) -> None:
    for name in names:
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)


def _hang(_: Any) -> None:
    while True:
        signal.pause()


def _slow(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _say("still at it")
        time.sleep(min(0.1, seconds))


def _wait(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def _babble(pause: float) -> None:
    text = "and another thing\n" * (1 if pause else 3640)
    while True:
        sys.stdout.write(text)
        sys.stdout.flush()
        time.sleep(pause)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
