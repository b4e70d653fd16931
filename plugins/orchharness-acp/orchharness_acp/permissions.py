"""What is answered when the agent asks whether it may use a tool. Pure but for looking where links lead.

*   The kind of a tool and the paths are what the agent says of itself: this steers an honest agent, it is no wall.
*   A path counts where it leads: a link in the working folder that points out of it is outside.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from orchharness.record import record

DEFAULTS = {"read": "workspace", "search": "workspace", "think": "allow", "edit": "workspace"}
_KINDS = ("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other")
_PATHS = (
    "path",
    "file_path",
    "filePath",
    "filepath",
    "abs_path",
    "absolute_path",
    "notebook_path",
    "filename",
)
_SHOWN = 160  # characters of a title


@record
class Answer:
    """`option` is the id to answer with; None: cancelled. `denied` says what was not allowed and how it would be."""

    option: str | None
    denied: str = ""


def rules_of(permissions: str | Mapping[str, str]) -> dict[str, str]:
    """Tool kind -> rule, for every kind there is."""
    if isinstance(permissions, str):
        return dict.fromkeys(_KINDS, permissions)
    return {kind: permissions.get(kind, DEFAULTS.get(kind, "deny")) for kind in _KINDS}


def answer(
    rules: Mapping[str, str], call: Mapping[str, Any], options: Sequence[Any], roots: Sequence[str]
) -> Answer:
    """The answer to a request.

    Args:
        rules: tool kind -> `allow`, `workspace` or `deny`.
        call: the tool call, as the agent describes it.
        options: what the agent offers to choose from.
        roots: folders whose contents may be touched under `workspace`; the first is where relative paths begin.
    """
    named = call.get("kind")
    kind = named if isinstance(named, str) and named in _KINDS else "other"
    what = f"{str(call.get('title') or call.get('toolCallId') or 'a tool')[:_SHOWN]!r} ({kind})"
    why = _against(rules[kind], call, roots)
    if not why:
        chosen = _choose(options, ("allow_once", "allow_always"))
        if chosen is not None:
            return Answer(option=chosen)
        return Answer(option=None, denied=f"{what}: the agent offers no way to allow it")
    return Answer(
        option=_choose(options, ("reject_once", "reject_always")),
        denied=f"{what}{why}; `permissions: {{{kind}: allow}}` in the agent's options would allow it",
    )


def _against(rule: str, call: Mapping[str, Any], roots: Sequence[str]) -> str:
    """Why not; empty where it may."""
    if rule == "allow":
        return ""
    if rule == "deny":
        return ": tools of this kind are not allowed"
    paths = _paths(call)
    if not paths:
        return ": it names no path"
    for path in paths:
        if not _is_inside(os.path.join(roots[0], path), roots):  # noqa: PTH118
            return f": {path[:_SHOWN]!r} is outside of the working folder"
    return ""


def _paths(call: Mapping[str, Any]) -> list[str]:
    found: list[Any] = []
    for part in ("locations", "content"):
        entries = call.get(part)
        found += [e.get("path") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    raw = call.get("rawInput")
    if isinstance(raw, dict):
        found += [raw.get(name) for name in _PATHS]
    return [path for path in found if isinstance(path, str) and path]


def _is_inside(path: str, roots: Sequence[str]) -> bool:
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return False
    return any(os.path.commonpath([real, root]) == root for root in map(os.path.realpath, roots))


def _choose(options: Sequence[Any], kinds: Sequence[str]) -> str | None:
    for kind in kinds:
        for option in options:
            if (
                isinstance(option, dict)
                and option.get("kind") == kind
                and isinstance(option.get("optionId"), str)
            ):
                chosen: str = option["optionId"]
                return chosen
    return None
