"""What lies beside the journal: the plan's text, prompts and outputs of acts, and the bytes of artifacts.

Whoever wrote it is not trusted: files are opened as in `printed`, every read is bounded, and every text goes through
`clean` and is redacted, since the logs of an agent that still runs are not yet. What is not there is left out; nothing
here fails.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from orchharness.record import field, record
from orchharness.redact import Redactor
from orchharness.report.history import Act, History
from orchharness.report.printed import left_in, opened
from orchharness.report.text import clean, mapping

# Characters: of one text, of all of them, of one text where there are many.
TAIL, BUDGET, LEAST = 4000, 900_000, 300
_PLAN = 512 * 1024
_REQUEST = 2 << 20
_NAMES = {"stdout.log": "Output", "stderr.log": "Errors"}


@record
class Places:
    """Where a run keeps what is shown beside its journal."""

    plan: Path | None = None
    act: Callable[[str], Path] | None = None  # folder of an act
    stored: Callable[[str], Path] | None = None  # file of an artifact, by its digest
    hidden: tuple[str, ...] = ()  # values that are not shown, beside those that the journal's header names


@record
class Log:
    """The end of a text that an act left. `cut` is how many bytes are missing before it."""

    name: str
    text: str
    cut: int


@record
class ActText:
    """What an act was told, and what it printed."""

    prompt: str = ""
    command: str = ""
    logs: tuple[Log, ...] = ()


@record
class Material:
    """All of it.

    `read` gives the bytes of an artifact by its digest, up to a limit; None where they are not there. Without it nothing
    is compared.
    """

    plan: str = ""
    acts: Mapping[str, ActText] = field(default_factory=dict)
    read: Callable[[str, int], bytes | None] | None = None


def look(places: Places, history: History, *, brief: bool = False) -> Material:
    """Read it. Brief, for a run that goes on: without artifacts, and of acts only those that run, failed or are new."""
    acts = list(history.acts)
    if brief:
        running = [act for act in acts if act.over is None or not act.ok]
        acts = list({act.name: act for act in (*acts[-20:], *running[-40:])}.values())
    limit = max(LEAST, min(TAIL, BUDGET // max(1, 2 * len(acts))))
    redactor = _redactor(history, places.hidden)
    plan = redactor.text((_bytes(places.plan, _PLAN) or b"").decode(errors="replace")) if places.plan else ""
    return Material(
        plan=clean(plan, _PLAN),
        acts=dict(_acts(places.act, acts, limit, redactor)) if places.act else {},
        read=None if brief or places.stored is None else partial(_stored, places.stored, redactor),
    )


def _redactor(history: History, hidden: Iterable[str]) -> Redactor:
    """It knows these values, and those that the run hides, as far as they are in this environment."""
    names = history.header.get("hidden")
    known = names if isinstance(names, list | tuple) else ()
    return Redactor([*hidden, *(os.environ.get(name, "") for name in known if isinstance(name, str))])


def _acts(
    folder_of: Callable[[str], Path], acts: Sequence[Act], limit: int, redactor: Redactor
) -> Iterable[tuple[str, ActText]]:
    """Those that did not succeed first, then the newest ones, until all texts together are as long as they may be."""
    left = BUDGET
    for act in sorted(acts, key=lambda act: (act.ok, -act.begun)):
        text = _act_text(folder_of(os.path.basename(act.name)), limit, redactor)  # noqa: PTH119 - a name is no path
        left -= len(text.prompt) + len(text.command) + sum(len(log.text) for log in text.logs)
        if left < 0:
            return
        yield act.name, text


def _act_text(folder: Path, limit: int, redactor: Redactor) -> ActText:
    prompt, logs = b"", list[Log]()
    for place, names in left_in(folder):
        if not prompt and "prompt.md" in names:
            prompt = _bytes(place / "prompt.md", 4 * limit) or b""
        found = (
            _tail(place / name, folder, limit, redactor) for name in sorted(names) if name.endswith(".log")
        )
        logs += [log for log in found if log is not None]
    return ActText(
        prompt=clean(redactor.text(prompt.decode(errors="replace")), limit),
        command=clean(redactor.text(_command(_bytes(folder / "request.json", _REQUEST))), min(limit, 1000)),
        logs=tuple(logs[:6]),
    )


def _tail(path: Path, folder: Path, limit: int, redactor: Redactor) -> Log | None:
    data, size = _end(path, 4 * limit)
    if not data:
        return None
    text = clean(redactor.text(data.decode(errors="replace")), 8 * limit)
    if not text:
        return None
    cut = size - len(data) + max(0, len(text) - limit)
    own = path.parent == folder
    name = (
        _NAMES.get(path.name, path.name) if own else f"{path.parent.name}: {_NAMES.get(path.name, path.name)}"
    )
    return Log(name=clean(name, 80), text=text[-limit:], cut=cut)


def _command(request: bytes | None) -> str:
    """The words that were executed; what was in the environment is not shown."""
    try:
        spawn = mapping(json.loads(request or b"{}")).get("spawn")
    except (ValueError, RecursionError):
        return ""
    words: Any = mapping(spawn).get("argv")
    if not isinstance(words, list):
        return ""
    from shlex import join

    return join(str(word) for word in words) if not mapping(spawn).get("shell") else " ".join(map(str, words))


def _stored(place_of: Callable[[str], Path], redactor: Redactor, digest: str, most: int) -> bytes | None:
    """The artifact as it may be shown; None where it is longer."""
    try:
        data = _bytes(place_of(digest), most + 1)
    except Exception:  # noqa: BLE001 - a journal may name what is no digest
        return None
    if data is None or len(data) > most:
        return None
    return redactor.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _bytes(path: Path, most: int) -> bytes | None:
    with suppress(OSError, ValueError), opened(path) as fd:
        return os.pread(fd, most, 0)
    return None


def _end(path: Path, most: int) -> tuple[bytes, int]:
    """The last bytes of a file, and its size."""
    with suppress(OSError, ValueError), opened(path) as fd:
        size = os.fstat(fd).st_size
        return os.pread(fd, most, max(0, size - most)), size
    return b"", 0
