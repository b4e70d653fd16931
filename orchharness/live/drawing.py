"""Scenes as lines of a terminal, at most so wide and so many. The only module that knows rich.

Every text goes in as text, never as markup. A line is cut, never wrapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from orchharness.live.scene import Lane, Row, Scene, left_text, money, short_name, span

if TYPE_CHECKING:
    from rich.text import Text

NARROW = 60  # columns below which a row is its name, its time and what it said
_NAME, _TRACK, _NAME_NARROW = 30, 16, 18  # columns at most
_STYLES = {"refining": "yellow", "paused": "yellow", "ready": "dim", "judging": "magenta"}


def drawn(scenes: Iterable[Scene], width: int, height: int, *, color: bool) -> list[str]:
    """The lines, with escape sequences for colours where they are wanted; none where there is no room."""
    import io

    from rich.console import Console

    shown = list(scenes)
    if not shown or height < 1 or width < 1:
        return []
    share = max(1, height // len(shown))
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    lines: list[str] = []
    for scene in shown:
        for text in _fitted(_texts(scene, width), share):
            text.truncate(width, overflow="ellipsis")
            with console.capture() as capture:
                console.print(text, end="", no_wrap=True, crop=True)
            lines.append(capture.get())
    return lines[:height]


def _fitted(lines: Sequence[tuple[int, Text]], height: int) -> Iterator[Text]:
    """As many lines as there is room for: what is worth most, in its order. The last one says what is left out."""
    from rich.text import Text

    if len(lines) <= height:
        yield from (text for _, text in lines)
        return
    room = max(1, height - 1) if height > 1 else 1
    ranked = sorted(range(len(lines)), key=lambda n: (lines[n][0], n))[:room]
    yield from (lines[n][1] for n in sorted(ranked))
    left = len(lines) - room
    if height > 1:
        yield Text(f"and {left:,} more line{'s' if left > 1 else ''}", style="dim")


def _texts(scene: Scene, width: int) -> list[tuple[int, Text]]:
    """Each line and its rank: 0 is dropped last."""
    found = [(0, text) for text in _head(scene, width)]
    found += [(1, _note(note)) for note in scene.notes]
    names = [short_name(row) for row in scene.rows]
    columns = _Columns(scene, names, width)
    for lane in scene.lanes:
        found += _lane(lane, columns)
    return found


def _head(scene: Scene, width: int) -> Iterator[Text]:
    """How the run stands as a whole, on as many lines as it takes."""
    from rich.text import Text

    limit = f" of {scene.limit}" if scene.limit else ""
    trouble = f", {scene.troubled} failed" if scene.troubled else ""
    words = [
        f"{scene.agents}{limit} agents",
        f"{scene.passed}/{scene.items} passed{trouble}",
        money(scene),
        f"{scene.tokens:,} tokens" if scene.tokens else "",
        left_text(scene.left),
    ]
    text = Text("── ", style="dim")
    text.append(f"{scene.plan} {span(scene.seconds)}", style="not dim bold")
    for word in filter(None, words):
        if text.cell_len + 2 + len(word) > width:
            yield text
            text = Text("  ")
        text.append(f"  {word}", style="not dim")
    yield text


def _note(note: str) -> Text:
    from rich.text import Text

    return Text(f"  {note}", style="yellow")


class _Columns:
    """How wide the columns of one scene are."""

    def __init__(self, scene: Scene, names: Sequence[str], width: int) -> None:
        from rich.cells import cell_len

        self.narrow = width < NARROW
        most = _NAME_NARROW if self.narrow else _NAME
        tracks = [cell_len(lane.track) for lane in scene.lanes]
        self.track = 0 if self.narrow else min(_TRACK, max(tracks, default=0))
        self.name = min(most, max(map(cell_len, names), default=0))
        self.time = max((cell_len(span(row.seconds)) for row in scene.rows), default=0)
        self.score = 0 if self.narrow else max((cell_len(row.score) for row in scene.rows), default=0)


def _lane(lane: Lane, columns: _Columns) -> Iterator[tuple[int, Text]]:
    """Its rows, then a line about what waits; the track's name stands before the first of them."""
    label = lane.track
    for row in lane.rows:
        yield 2, _row(row, label, columns)
        label = ""
    if lane.waits:
        yield 3, _waiting(lane, label, columns)


def _row(row: Row, label: str, columns: _Columns) -> Text:
    style = _STYLES.get(row.state, "green")
    text = _labelled(label, columns)
    text.append_text(_cell(short_name(row), columns.name, style))
    text.append_text(_cell(span(row.seconds), columns.time, "", right=True))
    if columns.score:
        text.append_text(_cell(row.score, columns.score, ""))
    text.append(row.said or "no output yet", style="dim")
    return text


def _waiting(lane: Lane, label: str, columns: _Columns) -> Text:
    text = _labelled(label, columns)
    named = [f"{name} for {why}" if why else name for name, why in lane.waits]
    more = f" and {lane.waiting - len(named)} more" if lane.waiting > len(named) else ""
    text.append(f"waits: {', '.join(named)}{more}", style="dim")
    return text


def _labelled(label: str, columns: _Columns) -> Text:
    from rich.text import Text

    text = Text("  ", no_wrap=True)
    if columns.track:
        text.append_text(_cell(label, columns.track, "cyan"))
    return text


def _cell(content: str, width: int, style: str, *, right: bool = False) -> Text:
    """The content, as wide as the column, with two blanks after it."""
    from rich.text import Text

    text = Text(content, style=style)
    text.truncate(width, overflow="ellipsis")
    if right:
        text.pad_left(width - text.cell_len)
    else:
        text.pad_right(width - text.cell_len)
    text.append("  ")
    return text
