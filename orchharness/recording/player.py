"""The process of a replayed act: `python player.py SCRIPT.json`. Standard library only.

Writes the recorded files where the agent had written them, leaves its result, and ends as it had ended. It starts
nothing and asks nobody. What is not as the script says ends it with 70 and one line.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

_BROKEN = 70


class PlayError(Exception):
    """The act cannot be replayed; printed as one line."""


def main(words: list[str]) -> int:
    """Replay the act; the exit status."""
    if len(words) != 1:
        print("usage: player.py SCRIPT.json", file=sys.stderr)  # noqa: T201
        return 2
    with open(words[0], encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs 5 ms
        script = json.load(file)
    try:
        for entry in script["files"]:
            _put(entry)
        for entry in script["deleted"]:
            _delete(entry)
    except (PlayError, OSError) as error:
        print(f"replay: {error}", file=sys.stderr)  # noqa: T201 - this is the act's own stderr
        return _BROKEN
    for name, text in script["leaves"].items():
        _write(name, text.encode("utf-8", "surrogateescape"))
    if script["prints"]:
        with open(script["prints"]["source"], "rb") as file:  # noqa: PTH123
            sys.stdout.buffer.write(file.read())
    sys.stderr.write(script["says"])
    return int(script["exit"])


def _put(entry: Mapping[str, Any]) -> None:
    with open(entry["source"], "rb") as file:  # noqa: PTH123
        data = file.read()
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        msg = f"{entry['source']} is not what was recorded"
        raise PlayError(msg)
    target = _allowed(entry)
    os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    _write(target, data)
    if entry["executable"]:
        os.chmod(target, os.stat(target).st_mode | 0o111)  # noqa: PTH101, PTH116, S103 - as it was


def _delete(entry: Mapping[str, Any]) -> None:
    target = _allowed(entry)
    if os.path.isfile(target):  # noqa: PTH113
        os.unlink(target)  # noqa: PTH108


def _allowed(entry: Mapping[str, Any]) -> str:
    """The real path of what is written; a link that was put there must not lead out of the workspace."""
    real, root = os.path.realpath(str(entry["target"])), os.path.realpath(str(entry["inside"]))
    if not real.startswith(root.rstrip("/") + "/"):
        msg = f"{entry['target']} leads out of {root}"
        raise PlayError(msg)
    return real


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
