"""From the view to one HTML file: no script, no network, nothing beside it.

Jinja escapes whatever the view holds; only the style sheet, a file of this package, goes in as it is. The compiled
templates are kept in the user's cache folder where that is private, since compiling them costs more than the rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.plan import Plan
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


def render(view: ReportView) -> str:
    """The report as HTML."""
    from markupsafe import Markup

    style = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704  (our own file)
    return _environment().get_template("report.html.j2").render(view=view, style=style, icons=ICONS)


def write_report(
    plan: Plan,
    records: Sequence[Mapping[str, Any]],
    target: Path,
    *,
    now: float,
    warnings: Sequence[str] = (),
) -> None:
    """Writes the report of a run, readable by its owner only; an older one is replaced as a whole.

    Raises:
        OSError: the file cannot be written.
    """
    text = render(build(plan, records, now=now, warnings=warnings))
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
