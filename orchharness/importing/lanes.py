"""The `execution` block: lanes with a mode and members, or only modes of what is described elsewhere."""

from __future__ import annotations

from orchharness.importing import values
from orchharness.importing.draft import Draft, Group, Ref
from orchharness.importing.notes import Source
from orchharness.planfile.nodes import Mapping

_MODES = frozenset({"foreground", "background"})


def is_lanes(execution: Mapping) -> bool:
    """Whether its members are lanes."""
    return any(
        isinstance(value, Mapping) and (values.text(value.value("mode")) or "").lower() in _MODES
        for _, value in execution.entries.values()
    )


def read_lanes(source: Source, draft: Draft, execution: Mapping) -> None:
    """Foreground lanes are phases; background lanes that follow one another are tracks of one phase."""
    outer = Group(name="execution", place=execution, kind="phases", parent=draft.root, ordered=True)
    side: Group | None = None
    for name, (key, body) in execution.entries.items():
        if not isinstance(body, Mapping) or "mode" not in body.entries:
            continue
        source.key(execution, name)
        mode = (values.text(source.value(body, "mode")) or "").lower()
        rationale = values.text(source.value(body, "rationale"))
        members = [
            Ref(word) for key_ in ("tasks", "agents") for word in values.words(source.value(body, key_))
        ]
        if not members:
            draft.critic, draft.critic_mode = draft.critic or name.replace("_", "-"), mode
            draft.texts.setdefault(draft.critic, rationale or "")
            continue
        lane = Group(name=name, place=key, kind="phase", parent=outer, mode=mode, rationale=rationale)
        lane.members = members
        if mode == "foreground":
            side = None
            outer.groups.append(lane)
            continue
        if side is None:
            side = Group(name="side-by-side", place=key, kind="phase", parent=outer)
            outer.groups.append(side)
        lane.kind, lane.parent = "track", side
        side.groups.append(lane)
    draft.root.groups.append(outer)


def read_modes(source: Source, draft: Draft, execution: Mapping) -> None:
    """`phase_0_mode: foreground` sets the mode of what is named so."""
    groups = {group.name.lower(): group for group in _all(draft.root)}
    for name, (_, value) in execution.entries.items():
        stem = name.removesuffix("_mode").lower()
        mode = (values.text(value) or "").lower()
        if stem == name.lower() or mode not in _MODES:
            continue
        if stem in groups:
            source.key(execution, name)
            groups[stem].mode = mode
            why = values.text(source.value(execution, f"{stem}_rationale"))
            groups[stem].rationale = "\n".join(text for text in (groups[stem].rationale, why) if text)
        elif "critic" in stem:
            source.key(execution, name)
            draft.critic_mode = mode
        elif mode == "background":
            source.key(execution, name)  # what every task of a plan is


def _all(group: Group) -> list[Group]:
    return [group, *(inner for child in group.groups for inner in _all(child))]
