"""The live view on a terminal: what the screen shows while plans run, and that nothing of it is left."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from terminals import Screened, pytest_words

WORK = 'echo "$1 begins"; touch $1.started; until [ -e $1.go ]; do sleep 0.02; done; echo "$1 is done"'
PLAN = """
plan: show
limits: {parallel: 2, budget: {usd: 20}}
tracks:
  docs:
    tasks:
      guide: {run: [sh, work.sh, guide], estimate: 10m}
      after: {run: ["true"], needs: [guide]}
  code:
    tasks:
      build: {run: [sh, work.sh, build], estimate: 2m}
      fails: {run: [sh, -c, "echo the reason; exit 3"], needs: [build]}
"""
CHAIN = """
plan: show
tasks:
  first: {run: ["true"]}
  build: {run: [sh, work.sh, build], needs: [first]}
  fails: {run: [sh, -c, "echo the reason; exit 3"], needs: [build]}
"""
Start = Callable[..., Screened]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "work.sh").write_text(WORK)
    plan(project, PLAN)
    return project


def plan(root: Path, text: str) -> None:
    (root / "show.plan.yaml").write_text(f"orchharness: 1\n{text}")


def go(root: Path, *names: str) -> None:
    for name in names:
        (root / f"{name}.go").touch()


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    found: list[Screened] = []

    def begin(*words: str, **how: Any) -> Screened:
        found.append(Screened(pytest_words("show.plan.yaml", *words), root, **how))
        return found[-1]

    yield begin
    go(root, "guide", "build", "one", "two")
    for one in found:
        one.close()


def told(screen: Screened) -> str:
    """Everything on the screen and above it, without what is different in every run."""
    text = re.sub(r"\s+", "", screen.text)  # where lines are cut depends on how long the times are
    text = re.sub(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}", "RUN", text)
    return re.sub(r"=+|[0-9]+\.[0-9]+s", "~", text)


def region(screen: Screened) -> list[str]:
    """The lines of the view."""
    lines = screen.lines
    begin = next((n for n, line in enumerate(lines) if line.startswith("── ")), len(lines))
    return [line for line in lines[begin:] if line]


def plain(start: Start, root: Path, *words: str, **how: Any) -> str:
    """What the same session says without the view."""
    one = start("--orch-live=off", *words, **how)
    one.end()
    for path in root.glob("*.started"):
        path.unlink()
    return told(one)


# ---- while it runs ---------------------------------------------------------------------------------


def test_the_view_shows_what_runs_what_it_said_and_what_waits(start: Start):
    screen = start()
    screen.until(lambda: screen.shows("guide begins") and screen.shows("build begins"))
    head, *rows = region(screen)

    assert re.match(r"── show \d+ s  2 of 2 agents  0/4 passed  \$0\.00 of \$20  at least 9 min left$", head)
    assert re.match(r"  docs  guide  \d+ s  guide begins$", rows[0])
    assert rows[1] == "        waits: after for guide (running)"
    assert re.match(r"  code  build  \d+ s  build begins$", rows[2])
    assert rows[3] == "        waits: fails for build (running)"
    assert len(rows) == 4
    assert b"\x1b[?25l" not in screen.bytes  # the cursor is never hidden, so it need not be shown again


@pytest.mark.parametrize("words", [(), ("-v",), ("-s",), ("-n2",), ("-x",), ("-p", "no:terminalprogress")])
def test_nothing_of_the_view_is_left_when_it_is_over(start: Start, root: Path, words: tuple[str, ...]):
    plan(root, CHAIN)
    screen = start(*words)
    screen.until(lambda: region(screen))
    go(root, "build")
    status = screen.end()
    without = plain(start, root, *words)

    assert status == 1
    assert told(screen) == without
    assert "thereason" in without or "exit3" in without


def test_the_view_comes_back_below_what_was_written(start: Start, root: Path):
    screen = start("-v")
    screen.until(lambda: screen.shows("guide begins") and screen.shows("build begins"))
    go(root, "guide")
    screen.until(
        lambda: screen.shows("::guide PASSED") and not screen.shows("guide begins") and region(screen)
    )
    lines = screen.lines
    begin = next(n for n, line in enumerate(lines) if line.startswith("── "))

    assert all("::" not in line for line in lines[begin:])
    assert any("::guide PASSED" in line for line in lines[:begin])


def test_a_full_screen_scrolls_under_the_view_and_loses_nothing(start: Start, root: Path):
    tasks = "\n".join(f"  t{n}: {{run: [sh, -c, 'sleep 0.{n % 10}']}}" for n in range(30))
    plan(root, f"plan: show\nlimits: {{parallel: 2}}\ntasks:\n  one: {{run: [sh, work.sh, one]}}\n{tasks}\n")
    screen = start("-v", rows=12)
    screen.until(lambda: screen.text.count("PASSED") == 30 and region(screen))
    shown = len(region(screen))
    go(root, "one")
    screen.end()

    assert 1 <= shown <= 6
    assert {f"::t{n} PASSED" in screen.text for n in range(30)} == {True}
    assert len([line for line in screen.all if "PASSED" in line]) == 31
    assert not any(line.startswith("── ") for line in screen.all)


# ---- what others print -----------------------------------------------------------------------------


def test_what_hooks_print_stands_above_the_view(start: Start, root: Path):
    (root / "conftest.py").write_text(
        "import sys, orchharness\n"
        "@orchharness.hookimpl\n"
        "def orchharness_update(event, run):\n"
        "    print('a hook prints', type(event).__name__)\n"
        "    print('to stderr', file=sys.stderr)\n"
    )
    go(root, "guide")
    screen = start("-s")
    screen.until(lambda: screen.shows("build begins"))
    go(root, "build")
    screen.end()
    without = plain(start, root, "-s")

    assert sorted(re.findall("ahookprints[A-Za-z]+?ed", told(screen))) == sorted(
        re.findall("ahookprints[A-Za-z]+?ed", without)
    )
    assert told(screen).count("tostderr") == without.count("tostderr") > 5
    assert "──show" not in told(screen)


def test_a_debugger_has_the_terminal_for_itself(start: Start, root: Path):
    (root / "conftest.py").write_text(
        "import orchharness, pathlib, pytest\n"
        "@orchharness.hookimpl\n"
        "def orchharness_update(event, run):\n"
        "    if pathlib.Path('debug').exists():\n"
        "        pathlib.Path('debug').unlink()\n"
        "        pytest.set_trace()\n"
    )
    screen = start()
    screen.until(lambda: screen.shows("build begins") and screen.shows("guide begins"))
    (root / "debug").touch()
    go(root, "guide")
    screen.until(lambda: screen.shows("(Pdb)"))
    end = time.monotonic() + 1
    while time.monotonic() < end:
        screen.read(0.1)
    meanwhile = region(screen)
    screen.type("c\n")
    screen.until(lambda: region(screen))
    go(root, "build")
    screen.end()

    assert meanwhile == []
    assert not any(line.startswith("── ") for line in screen.all)


HOSTILE = r"""
printf '\033[2J\033[H\033]0;title\007\033[31mred\033[?1049h\a wide 漢字漢字漢字漢字漢字 [bold]markup[/bold] \033[999B%s\n' end
"""


@pytest.mark.parametrize("columns", [40, 100])
def test_what_agents_print_cannot_do_anything_to_the_screen(start: Start, root: Path, columns: int):
    (root / "hostile.sh").write_text(f"{HOSTILE}\nuntil [ -e one.go ]; do sleep 0.02; done\n")
    long = "x" * 60
    plan(
        root, f"plan: show\ntasks:\n  one: {{run: [sh, hostile.sh]}}\n  {long}: {{run: [sh, work.sh, two]}}\n"
    )
    screen = start(columns=columns)
    screen.until(lambda: screen.shows("red wide") and screen.shows("two begins"[: columns // 20]))
    rows = region(screen)
    go(root, "one", "two")
    screen.end()

    assert b"\x1b[2J" not in screen.bytes
    assert b"title" not in screen.bytes
    assert b"1049" not in screen.bytes
    assert len(rows) <= 5
    assert any("…" in row for row in rows)
    assert "test session starts" in screen.text
    assert not any(line.startswith("── ") for line in screen.all)


# ---- the window ------------------------------------------------------------------------------------


def test_a_narrow_window_has_a_view_that_fits(start: Start):
    screen = start(columns=40, rows=16)
    screen.until(lambda: screen.shows("guide begins") and screen.shows("build begins"))
    rows = region(screen)

    assert [row[:6] for row in rows[:2]] == ["── sho", "    $0"]
    assert any("at least" in row for row in rows)
    assert all(len(row) <= 40 for row in rows)
    assert len(rows) <= 8


def test_a_window_of_three_lines_does_no_harm(start: Start, root: Path):
    screen = start(columns=60, rows=3)
    screen.until(lambda: (root / "build.started").exists())
    screen.until(lambda: region(screen))
    shown = len(region(screen))
    go(root, "guide", "build")
    screen.end()

    assert shown == 1
    assert not any(line.startswith("── ") for line in screen.all)


def test_a_window_that_changes_its_size_is_drawn_anew(start: Start, root: Path):
    def ends(row: str) -> bool:
        return "waits: fails for build" in row or row == "and 2 more lines"

    screen = start()
    screen.until(lambda: screen.shows("guide begins") and screen.shows("build begins"))
    for columns, rows in ((50, 20), (120, 30), (40, 10), (90, 24)):
        screen.resize(columns, rows)
        before = screen.writes
        screen.until(lambda before=before: screen.writes > before)
        screen.until(lambda: region(screen)[-1:] and ends(region(screen)[-1]))
    go(root, "guide", "build")
    screen.end()

    assert not any(line.startswith("── ") for line in screen.all)
    assert not any("waits:" in line for line in screen.all)


# ---- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("-n2",)])
def test_ctrl_c_takes_the_view_away_before_pytest_says_so(start: Start, words: tuple[str, ...]):
    screen = start(*words)
    screen.until(lambda: screen.shows("guide begins") and screen.shows("build begins"))
    screen.type("\x03")
    status = screen.end()

    assert status == 2
    assert "Ctrl-C: ending what runs: build, guide" in screen.text
    assert "plan show: interrupted" in screen.text
    assert not any(line.startswith("── ") for line in screen.all)
    assert not any("waits:" in line for line in screen.all)


def test_a_view_that_cannot_be_drawn_ends_itself_and_not_the_run(start: Start, root: Path):
    (root / "conftest.py").write_text(
        "import orchharness.live.drawing as d\n"
        "def broken(*args, **kw): raise ValueError('no picture')\n"
        "d.drawn = broken\n"
    )
    go(root, "guide")
    screen = start("--deselect", "show.plan.yaml::code::fails")
    screen.until(lambda: screen.shows("the live view ended: ValueError: no picture"))
    go(root, "build")

    assert screen.end() == 0


def test_a_terminal_that_goes_away_leaves_the_agents_running(start: Start, root: Path):
    screen = start()
    screen.until(lambda: region(screen))
    screen.process.send_signal(signal.SIGHUP)
    screen.end()

    assert "the terminal went away; agents go on" in screen.text
    assert not any(line.startswith("── ") for line in screen.all)


# ---- how often -------------------------------------------------------------------------------------


def test_the_view_is_drawn_no_more_often_than_four_times_a_second(start: Start, root: Path):
    (root / "chatty.sh").write_text(
        'while ! [ -e one.go ]; do n=$((n+1)); echo "line $n"; sleep 0.01; done\n'
    )
    plan(root, "plan: show\ntasks:\n  one: {run: [sh, chatty.sh]}\n")
    screen = start()
    screen.until(lambda: region(screen))
    begin, before = time.monotonic(), screen.bytes.count(b"\x1b[?7l")
    while time.monotonic() - begin < 3:
        screen.read(0.05)
    seconds, count = time.monotonic() - begin, screen.bytes.count(b"\x1b[?7l") - before

    assert 3 <= count <= 4 * seconds + 1


# ---- where there is none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("--orch-live=off",), {}),
        (("-q",), {}),
        ((), {"TERM": "dumb"}),
        ((), {"NO_COLOR": "1"}),
        ((), {"CI": "true"}),
    ],
)
def test_who_wants_plain_lines_gets_no_view(
    start: Start, root: Path, words: tuple[str, ...], env: dict[str, str]
):
    go(root, "guide")
    screen = start(*words, env=env)
    screen.until(lambda: (root / "build.started").exists())
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        screen.read(0.1)
    go(root, "build")
    screen.end()

    assert b"\x1b7" not in screen.bytes
    assert "── show" not in screen.text
