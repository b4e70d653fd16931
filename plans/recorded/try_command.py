"""Runs the command that the guide shows, in a scratch folder: what was recorded is tried for real."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

guide = Path(sys.argv[1]).read_text(encoding="utf-8")
(command,) = [line.strip() for line in guide.splitlines() if line.startswith("    python ")]
program, source, _ = shlex.split(command)[1:]
with tempfile.TemporaryDirectory() as name:
    scratch = Path(name)
    (scratch / source).mkdir()
    (scratch / source / "a.txt").write_text("a note\n", encoding="utf-8")
    words = [sys.executable, Path(program).absolute(), source, "copy"]
    subprocess.run(words, cwd=scratch, check=True)
    if (scratch / "copy/a.txt").read_text(encoding="utf-8") != "a note\n":
        sys.exit("the copy is not what was copied")
print(f"{command}: works")
