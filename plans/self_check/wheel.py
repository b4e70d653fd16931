"""The wheel is whole: built without a network, installed into an empty folder, and used from there for a plan.

Run in the root of the project; nothing is written there.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PLAN = """\
orchharness: 1
tasks:
  hello:
    run: [python, -c, "import orchharness; print(orchharness.__file__)"]
    outputs: {where: {from: stdout}}
"""
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "hello.plan.yaml")


def run(*words: str | Path, cwd: Path, **env: str) -> str:
    """What the command printed; its failure is this program's."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} ended with exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(root: Path, aside: Path) -> None:
    """Build, install, use."""
    site, work = aside / "site", aside / "work"
    work.mkdir()
    run("-m", "hatchling", "build", "-t", "wheel", "-d", aside, cwd=root)
    (wheel,) = aside.glob("*.whl")
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel, cwd=aside)
    for name in ("report/templates/report.html.j2", "report/templates/report.css", "py.typed"):
        if not (site / "orchharness" / name).is_file():
            sys.exit(f"{wheel.name} lacks orchharness/{name}")
    (work / "hello.plan.yaml").write_text(PLAN)
    state = aside / "state"
    said = run(*PYTEST, cwd=work, PYTHONPATH=str(site), XDG_STATE_HOME=str(state))
    answers = [path.read_text() for path in state.rglob("stdout.log")]
    if "1 passed" not in said or len(list(state.rglob("report.html"))) != 1:
        sys.exit(f"the installed wheel did not run the plan:\n{said}")
    if not answers or str(site) not in answers[0]:
        sys.exit(f"it was not the installed wheel that ran: {answers}")
    print(f"{wheel.name}: {wheel.stat().st_size} bytes, built, installed and used")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path.cwd(), Path(folder))
