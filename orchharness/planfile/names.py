"""What an id in the plan means: a task, a gate, a phase or a track."""

from __future__ import annotations

from collections.abc import Iterable

from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft, TrackDraft
from orchharness.planfile.nodes import Scalar
from orchharness.planfile.problems import FieldError, Problems, listed

Draft = TaskDraft | GateDraft | PhaseDraft | TrackDraft


class Names:
    """All ids of a plan. Where a track has the id of a task, gate or phase, `phase/track` names the track."""

    def __init__(self, phases: Iterable[PhaseDraft], problems: Problems) -> None:
        self.phases = list(phases)
        self.tasks: dict[str, TaskDraft] = {}
        self.gates: dict[str, GateDraft] = {}
        self.groups: dict[str, PhaseDraft] = {}
        self.tracks: dict[str, list[TrackDraft]] = {}
        self._problems = problems
        self._all: list[str] | None = None  # every unknown id asks for them
        self.others: dict[str, str] = {}  # names that are no ids -> what they are
        for phase in self.phases:
            if not phase.implicit:
                self.groups[phase.id] = phase
            for track in phase.tracks:
                self.tracks.setdefault(track.id, []).append(track)
            for item in phase.items():
                if isinstance(item, TaskDraft):
                    self.tasks[item.id] = item
                else:
                    self.gates[item.id] = item

    def get(self, text: str) -> Draft | list[TrackDraft] | None:
        """What has that id; several tracks when only the phase would tell which."""
        found = self.tasks.get(text) or self.gates.get(text) or self.groups.get(text)
        if found is not None:
            return found
        phase_id, slash, track_id = text.partition("/")
        tracks = self.tracks.get(track_id if slash else text, [])
        if slash:
            tracks = [track for track in tracks if track.phase.id == phase_id]
        else:
            tracks = [track for track in tracks if not (track.phase.implicit and track.id == track.phase.id)]
        return tracks[0] if len(tracks) == 1 else (tracks or None)

    def find(self, scalar: Scalar, text: str | None = None) -> Draft:
        """What the word names.

        Raises:
            FieldError: nothing, or several tracks.
        """
        name = scalar.text if text is None else text
        found = self.get(name)
        if isinstance(found, list):
            ways = " or ".join(repr(f"{track.phase.id}/{track.id}") for track in found)
            raise FieldError(scalar, f"{name!r} is a track of several phases: write {ways}")
        if found is None:
            raise FieldError(scalar, f"unknown id {name!r}{self._instead(name)}")
        return found

    def _instead(self, name: str) -> str:
        words = [word.strip() for word in name.split(",")]
        if len(words) > 1 and all(self.get(word) is not None for word in words):
            return f": write a list, [{', '.join(words)}]"
        item, dot, output = name.rpartition(".")
        if dot and self.get(item) is not None:
            return f": name the item alone, {item!r}, or read the output {output!r} under 'inputs'"
        if name in self.others:
            return f": {name!r} is {self.others[name]}, name the task that it works for"
        known = self.all()
        guess = self._problems.guess(name, known)
        return guess or self._problems.once(f" (there are: {listed(known)})")

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
        self._all = list(dict.fromkeys([*self.tasks, *self.gates, *self.groups, *tracks]))
        return self._all


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
