"""A project whose agents count their own starts, and sessions over it that can be killed at any moment.

What the agents say of themselves goes to files outside the harness: `starts` has one line for each start and
`ends` one for each end with success. Every process of a case carries a variable of the case, so that whatever is
left behind is found, whoever started it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LIMIT = 25.0  # seconds a session may take; longer is a hang
MARK = "CHAOS_CASE"
LONG = os.environ.get("CHAOS") == "long"  # `make chaos`, not `make test`
_WORDS = ("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:timeout")

# Counts records and kills its own process after the one that is asked for: it is in the journal then, and nothing
# that follows from it was done.
CONFTEST = """
import os
import signal
import orchharness

left = int(os.environ.get("CHAOS_KILL_AFTER", "0"))


@orchharness.hookimpl
def orchharness_update(event, run):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""
# What it writes depends on its task, its iteration and its inputs alone, so a digest tells whether it read the right
# bytes. `fails`: the first attempt does.
AGENT = """
act=${ORCH_TASK_DIR##*/}
echo "$act" >>"$CHAOS_LOG/starts"
sleep "$1"
case "$3$ORCH_ATTEMPT" in fails1) exit 3;; esac
{ echo "$ORCH_TASK $ORCH_ITERATION"; IFS='
'; for copy in $ORCH_INPUT_TEXT; do cat "$copy"; done; } >"$2"
echo "$act" >>"$CHAOS_LOG/ends"
"""
JUDGE = """
act=${ORCH_TASK_DIR##*/}
echo "$act" >>"$CHAOS_LOG/starts"
cat "$ORCH_INPUT_TEXT" >/dev/null
score=1
[ "$ORCH_ITERATION" -gt 1 ] || score=0.4
echo '{"criteria": {"quality": {"score": '$score', "why": "x"}}, "findings": []}'
echo "$act" >>"$CHAOS_LOG/ends"
"""


class Project:
    """One project with one plan, and its state folder."""

    def __init__(self, folder: Path, plan: str, *, name: str = "p", pyc: Path | None = None) -> None:
        self.root, self.log, self.state = folder / "project", folder / "log", folder / "state"
        self.name, self.case = name, f"{folder}-{os.getpid()}"
        self._pyc = pyc or folder / "pyc"
        self._sessions: list[Session] = []
        for made in (self.root, self.log, self.state):
            made.mkdir(parents=True)
        self.plan_file = self.root / f"{name}.plan.yaml"
        self.plan_file.write_text(f"orchharness: 1\n{plan}")
        (self.root / "conftest.py").write_text(CONFTEST)
        (self.root / "agent.sh").write_text(AGENT)
        (self.root / "judge.sh").write_text(JUDGE)
        (self.root / "pytest.ini").write_text("[pytest]\n")

    @classmethod
    def on_disk(cls, folder: Path) -> Project:
        """The project that another process made in that folder; only to be looked at."""
        found = cls.__new__(cls)
        found.root, found.log, found.state = (folder / name for name in ("project", "log", "state"))
        (plan_file,) = found.root.glob("*.plan.yaml")
        found.name = plan_file.name.partition(".")[0]
        return found

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        env = {
            n: v
            for n, v in os.environ.items()
            if not n.startswith(("PYTEST_ADDOPTS", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "ORCH_", "CHAOS_"))
        }
        # Bytecode in a place of its own: a session without any takes three times as long.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env |= {"PYTHONPYCACHEPREFIX": str(self._pyc), "XDG_STATE_HOME": str(self.state)}
        # xdist makes a temporary folder, and pytest then removes at its end what earlier sessions of this user left:
        # after a whole test suite that can take longer than a session may.
        env["PYTEST_DEBUG_TEMPROOT"] = str(self.root.parent)
        return env | {"CHAOS_LOG": str(self.log), MARK: self.case, **more}

    @staticmethod
    def words(*more: str) -> list[str]:
        """The command line of a session."""
        return [sys.executable, *_WORDS, *more]

    def start(self, *words: str, **more: str) -> Session:
        """A session in a process and a process group of its own."""
        self._sessions.append(Session(self, words, more))
        return self._sessions[-1]

    def run(self, *words: str, **more: str) -> Session:
        """A session from its beginning to its end."""
        session = self.start(*words, **more)
        session.wait()
        return session

    @property
    def run_folder(self) -> Path:
        """The newest run."""
        (latest,) = self.state.glob(f"orchharness/*/{self.name}-*/latest")
        return latest.resolve()

    @property
    def journal(self) -> Path:
        return self.run_folder / "journal.jsonl"

    def records(self) -> int:
        """How many records the newest run has so far; 0 before there is one."""
        try:
            return self.journal.read_bytes().count(b"\n")
        except (OSError, ValueError):
            return 0

    def started(self) -> list[str]:
        return lines_of(self.log / "starts")

    def ended(self) -> list[str]:
        return lines_of(self.log / "ends")

    def left(self) -> list[int]:
        """The processes of this project that are alive, sessions included."""
        wanted = f"{MARK}={self.case}".encode()
        return [pid for pid in pids() if wanted in environ_of(pid).split(b"\0") and is_alive(pid)]

    def end_all(self) -> None:
        """Leave nothing behind, whatever the test has found."""
        while found := self.left():
            for pid in found:
                send(pid, signal.SIGKILL)
            time.sleep(0.01)
        for session in self._sessions:
            session.process.wait()


class Session:
    """A pytest session over the project."""

    def __init__(self, project: Project, words: Iterable[str], more: Mapping[str, str]) -> None:
        self.out = project.root.parent / f"session-{time.monotonic_ns()}.txt"
        self.project, self.words = project, tuple(words)
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                project.words(*self.words),
                cwd=project.root,
                env=project.environment(more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    @property
    def status(self) -> int:
        """The exit status; negative for a death by signal."""
        return self.wait()

    @property
    def text(self) -> str:
        return self.out.read_text(errors="replace")

    def wait(self, limit: float = LIMIT) -> int:
        """Raises:
        HangError: it does not end.
        """
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            said = self.text
            self.project.end_all()
            self.process.wait()
            msg = f"the session did not end in {limit:g} s: {' '.join(self.words)}\n{said}"
            raise HangError(msg) from None

    def workers(self) -> list[int]:
        """The xdist workers of the session."""
        return [p for p in children_of(self.pid) if b"sys.stdin.readline" in command_of(p)]


class HangError(AssertionError):
    """A session that did not end."""


# ---- processes -----------------------------------------------------------------------------------


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def environ_of(pid: int) -> bytes:
    return read(f"/proc/{pid}/environ")


def command_of(pid: int) -> bytes:
    return read(f"/proc/{pid}/cmdline")


def stat_of(pid: int) -> list[bytes]:
    """The fields after the name: state, parent, group, session, …"""
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def is_alive(pid: int) -> bool:
    fields = stat_of(pid)
    return bool(fields) and fields[0] not in b"ZX"


def children_of(pid: int) -> list[int]:
    return [p for p in pids() if (fields := stat_of(p)) and int(fields[1]) == pid]


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def until(holds: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Wait until it is so; that it never is, is a failure."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds:g} s: {what}"
        time.sleep(0.005)
