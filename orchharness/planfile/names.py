"""What an id in the plan means: a task, a gate, a phase or a track."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from orchharness.core.plan import is_template
from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft, TrackDraft
from orchharness.planfile.matrix import Copies, beyond, joined
from orchharness.planfile.nodes import Node, Outside, Scalar, fragment_of, prefixes
from orchharness.planfile.problems import FieldError, Problems, listed

Draft = TaskDraft | GateDraft | PhaseDraft | TrackDraft
MAX_EDGES: Final = 1_000_000
_COPY: Final = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_PASSED: Final = "what is outside is handed over: write '{{ vars.NAME }}' here, and 'with' beside the include"
_NO_TEMPLATE: Final = ": ids are no templates"
_BY_MATRIX: Final = "; tasks that go together by a matrix stand in a track or phase with that matrix"


class Found(NamedTuple):
    """What a word names; `many`: all copies that a matrix makes, however many these are."""

    drafts: list[Draft]
    many: bool = False


class Names:
    """All ids of a plan. Where a track has the id of a task, gate or phase, `phase/track` names the track.

    An id on which a matrix stands names all its copies; for what is inside of a copy of a group, those inside of it.
    """

    def __init__(self, phases: Iterable[PhaseDraft], problems: Problems) -> None:
        self.phases = list(phases)
        self.tasks: dict[str, TaskDraft] = {}
        self.gates: dict[str, GateDraft] = {}
        self.groups: dict[str, PhaseDraft] = {}
        self.tracks: dict[str, list[TrackDraft]] = {}
        self._items = _Copied()
        self._copied_tracks = _Copied()
        self._edges = 0
        self._problems = problems
        self._all: list[str] | None = None  # every unknown id asks for them
        self._listed: str | None = None
        self.others: dict[str, str] = {}  # names that are no ids -> what they are
        for phase in self.phases:
            if not phase.implicit:
                self.groups[phase.id] = phase
            for track in phase.tracks:
                self.tracks.setdefault(track.id, []).append(track)
                self._copied_tracks.add(track)
            for item in phase.items():
                if isinstance(item, TaskDraft):
                    self.tasks[item.id] = item
                else:
                    self.gates[item.id] = item
                self._items.add(item)

    def look(self, word: Scalar, item: Draft | None = None, text: str | None = None) -> Found:
        """What the word (or the text in it) names, said by that item; it may be nothing, or tracks of several phases."""
        name = word.text if text is None else text
        every = (self._look(prefix + name, item) for prefix in prefixes(word))
        return next((found for found in every if found.drafts), Found([]))

    def _look(self, name: str, item: Draft | None) -> Found:
        one = self.tasks.get(name) or self.gates.get(name) or self.groups.get(name)
        if one is not None:
            return Found([one])
        part = _COPY.fullmatch(name)
        if part and part[1] in self.groups:
            return Found(_copy_of_phase(self.groups[part[1]], part[2]))
        tracks = self._tracks(name)
        if tracks:
            return Found([*tracks])
        inside = copies_of(item) if item is not None else ()
        copies = self._copies(name, inside)
        if copies or part is None:
            return Found(copies, many=bool(copies and beyond(copies_of(copies[0]), inside)))
        copies = self._copies(part[1], inside)
        return Found([draft for draft in copies if joined(beyond(copies_of(draft), inside)) == part[2]])

    def find(self, scalar: Scalar, item: Draft | None = None, text: str | None = None) -> Found:
        """What the word names, said by that item: one draft, or all copies.

        Raises:
            FieldError: nothing, or several tracks.
        """
        name = scalar.text if text is None else text
        found = self.look(scalar, item, text)
        phases = {draft.phase.id: draft.base for draft in found.drafts if isinstance(draft, TrackDraft)}
        if len(phases) > 1:
            ways = " or ".join(repr(f"{phase}/{name}") for phase in phases)
            raise FieldError(scalar, f"{name!r} is a track of several phases: write {ways}")
        if not found.drafts:
            raise FieldError(scalar, f"unknown id {name!r}{self._instead(scalar, item, name)}")
        if len(found.drafts) > 1:
            self.count_edges(len(found.drafts), scalar)
        return found

    def count_edges(self, edges: int, node: Node) -> None:
        """Keep a short file from standing for more edges than a machine can hold.

        Raises:
            FieldError: there are too many.
        """
        self._edges += edges
        if self._edges > MAX_EDGES:
            what = f"the copies of this plan make more than {MAX_EDGES} edges: let one gate or task stand between"
            raise FieldError(node, f"{what} the many that are needed and the many that need them")

    def _instead(self, word: Scalar, item: Draft | None, name: str) -> str:
        """What to write instead of a name that nothing has."""
        words = [part.strip() for part in name.split(",")]
        if len(words) > 1 and all(self.look(word, item, part).drafts for part in words):
            return f": write a list, [{', '.join(words)}]"
        owner, dot, output = name.rpartition(".")
        if dot and self.look(word, item, owner).drafts:
            return f": name the item alone, {owner!r}, or read the output {output!r} under 'inputs'"
        known = (self.others.get(prefix + name) for prefix in prefixes(word, lexical=True))
        other = next((what for what in known if what), None)
        if other is not None:
            return f": {name!r} is {other}, name the task that it works for"
        return self.hint(word, name) or self._problems.once(self._there_are())

    def _there_are(self) -> str:
        if self._listed is None:
            written = [known for known in self.all() if "[" not in known]  # copies would push them out
            self._listed = f" (there are: {listed(written)})"
        return self._listed

    def hint(self, word: Scalar, name: str) -> str:
        """What to say of a name that nothing has."""
        if is_template(name):
            return _NO_TEMPLATE + (_BY_MATRIX if "matrix" in name or "[" in name else ", write the id itself")
        fragment = fragment_of(word)
        if fragment is None or isinstance(word, Outside):
            return self._problems.guess(name, self.all())
        own = (
            known.removeprefix(fragment.prefix) for known in self.all() if known.startswith(fragment.prefix)
        )
        return f" in this fragment{self._problems.guess(name, own) or f'; {_PASSED}'}"

    def guess(self, name: str, known: Iterable[str]) -> str:
        """`; did you mean 'x'?` when a known name is near, else nothing."""
        return self._problems.guess(name, known)

    def all(self) -> list[str]:
        """Every id that can be named."""
        if self._all is not None:
            return self._all
        tracks = (
            name for name, found in self.tracks.items() if not all(track.phase.implicit for track in found)
        )
        copied = [*self._items.bases(), *self._copied_tracks.bases()]
        self._all = list(dict.fromkeys([*self.tasks, *self.gates, *self.groups, *tracks, *copied]))
        return self._all

    def _tracks(self, name: str) -> list[TrackDraft]:
        phase_id, slash, track_id = name.partition("/")
        tracks = self.tracks.get(track_id if slash else name, [])
        if slash:
            return [track for track in tracks if track.phase.id == phase_id]
        return [track for track in tracks if not (track.phase.implicit and track.id == track.phase.id)]

    def _copies(self, base: str, inside: Copies) -> list[Draft]:
        """The copies of what has that id in the file; tasks and gates before tracks."""
        phase_id, slash, track_id = base.partition("/")
        if not slash:
            return self._items.find(base, inside) or self._copied_tracks.find(base, inside)
        tracks = self._copied_tracks.find(track_id, inside)
        return [track for track in tracks if isinstance(track, TrackDraft) and track.phase.id == phase_id]


class _Copied:
    """Copies by the id in the file, and by the copy of a group that they are inside of."""

    def __init__(self) -> None:
        self._all: dict[str, list[Draft]] = {}
        self._inside: dict[tuple[str, int], list[Draft]] = {}

    def add(self, draft: TaskDraft | GateDraft | TrackDraft) -> None:
        if draft.copies:
            self._all.setdefault(draft.base, []).append(draft)
        for copy in draft.copies:
            self._inside.setdefault((draft.base, id(copy)), []).append(draft)

    def find(self, base: str, inside: Copies) -> list[Draft]:
        """Those in the innermost copy that they have in common with `inside`; all, when they have none."""
        shared = (self._inside.get((base, id(copy))) for copy in reversed(inside))
        return next((found for found in shared if found), self._all.get(base, []))

    def bases(self) -> list[str]:
        return list(self._all)


def copies_of(draft: Draft) -> Copies:
    """The copies that the draft is inside of."""
    return () if isinstance(draft, PhaseDraft) else draft.copies


def _copy_of_phase(phase: PhaseDraft, suffix: str) -> list[Draft]:
    """The tracks and gates of one copy of the phase."""
    inside: list[Draft] = [*phase.tracks, *phase.gates]
    return [
        draft
        for draft in inside
        if any(c.owner is phase.key and c.suffix == suffix for c in copies_of(draft))
    ]


def tasks_of(draft: Draft) -> list[TaskDraft]:
    """The tasks of a group; the task itself; none for a gate."""
    if isinstance(draft, TaskDraft):
        return [draft]
    if isinstance(draft, PhaseDraft):
        return [task for track in draft.tracks for task in track.tasks()]
    return draft.tasks() if isinstance(draft, TrackDraft) else []


def in_words(draft: Draft) -> str:
    """What it is and its id: `task 'lint'`."""
    if isinstance(draft, TaskDraft):
        return f"task {draft.id!r}"
    if isinstance(draft, GateDraft):
        return f"gate {draft.id!r}"
    return f"{'phase' if isinstance(draft, PhaseDraft) else 'track'} {draft.id!r}"
