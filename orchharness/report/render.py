"""From the view to one HTML file: no network, nothing beside it, and nothing runs in it but this package's script.

Jinja escapes whatever the view holds; only the style sheet and the script, files of this package, go in as they are,
and the page's policy names both by their hashes. Without scripts everything can be read. The compiled templates are kept in the user's cache folder where that is private, since compiling them costs more than the rest.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.plan import Plan
from orchharness.core.section import Section
from orchharness.record import record
from orchharness.report.material import Places, look
from orchharness.report.sections import section_views
from orchharness.report.view import ReportView, build

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment

_TEMPLATES = Path(__file__).with_name("templates")
ICONS = {
    "passed": "✓",
    "waived": "≈",
    "failed": "✕",
    "error": "!",
    "lost": "?",
    "cancelled": "⊘",
    "interrupted": "⊘",
    "paused": "‖",
    "skipped": "\u2013",
    "refining": "↻",
    "judging": "▸",
    "running": "▸",
    "ready": "·",
    "waiting": "·",
}


TITLES = {
    "timeline": "Timeline",
    "gates": "Gates",
    "graph": "Graph",
    "waivers": "Waivers",
    "blocked": "Not run",
    "tasks": "Tasks",
    "artifacts": "Artifacts",
    "troubles": "Retries",
    "warnings": "Warnings",
    "acts": "Acts",
}
_CHIPS = 24  # gates at a glance
_FINE = frozenset({"passed", "skipped", "waiting"})
Sections = Callable[[ReportView], Iterable[tuple[str, Section]]]


@record
class Extras:
    """What a report holds beside plan and records.

    `places` is where prompts, logs and artifacts are. `sections` gives those of plugins, each with its plugin's name.
    `refresh` is for a run that goes on: the page shows itself anew after so many seconds, and holds less.
    """

    places: Places = Places()
    sections: Sections | None = None
    refresh: int = 0


def render(view: ReportView, *, refresh: int = 0) -> str:
    """The report as HTML. With `refresh`, for a run that goes on, the page shows itself anew after so many seconds."""
    from markupsafe import Markup

    style, script = (_own(name) for name in ("report.css", "report.js"))
    few = len(view.gates) <= _CHIPS
    first = [gate for gate in view.gates if few or gate.state not in _FINE][:_CHIPS]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            style=Markup(style),  # noqa: S704  (our own file)
            script=Markup(script),  # noqa: S704  (our own file)
            policy=policy(style, script),
            icons=ICONS,
            titles=TITLES,
            refresh=refresh,
            first_gates=first or view.gates[:6],
        )
    )


def policy(style: str, script: str) -> str:
    """The page's Content-Security-Policy: this style sheet, this script, and nothing else at all."""
    parts = (
        "default-src 'none'",
        f"script-src {_hash(script)}",
        f"style-src {_hash(style)}",
        "img-src data:",
    )
    return "; ".join((*parts, "base-uri 'none'", "form-action 'none'"))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _own(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def write_report(
    plan: Plan,
    records: Sequence[Mapping[str, Any]],
    target: Path,
    *,
    now: float,
    warnings: Sequence[str] = (),
    more: Extras | None = None,
) -> None:
    """Writes the report of a run, readable by its owner only; an older one is replaced as a whole.

    Raises:
        OSError: the file cannot be written.
    """
    more = more or Extras()
    view = build(
        plan,
        records,
        now=now,
        warnings=warnings,
        look=lambda history: look(more.places, history, brief=bool(more.refresh)),
    )
    if more.sections is not None:
        view = replace(view, sections=section_views(more.sections(view)))
    text = render(view, refresh=0 if view.state != "running" else more.refresh)
    spare = target.with_name(f".{target.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(spare, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        spare.replace(target)
    except BaseException:
        spare.unlink(missing_ok=True)
        raise


def warm_up() -> None:
    """Load everything that rendering needs, ahead of the time when somebody waits for it."""
    for name in _environment().list_templates(extensions=["j2"]):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_bytecode_cache(),
    )


def _bytecode_cache() -> BytecodeCache | None:
    """None where there is no folder that only this user can write: what is in it is executed."""
    from jinja2 import FileSystemBytecodeCache

    class Cache(FileSystemBytecodeCache):
        """A cache that may be missing, broken or full."""

        def load_bytecode(self, bucket: Any) -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # noqa: BLE001  (a torn pickle raises anything; the next dump mends the file)
                bucket.reset()

        def dump_bytecode(self, bucket: Any) -> None:
            with suppress(OSError):
                super().dump_bytecode(bucket)

    folder = _cache_folder()
    return None if folder is None else Cache(str(folder))


def _cache_folder() -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "orchharness"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except (OSError, RuntimeError):
        return None
    is_private = found.st_uid == os.getuid() and not found.st_mode & 0o022 and folder.is_dir()
    return folder if is_private and not folder.is_symlink() else None
