"""What a mapping says of a task or a group: title, prompt, who does it, what it waits for, what it makes."""

from __future__ import annotations

import re
from typing import Final

from orchharness.importing import values, words
from orchharness.importing.criteria import read_criteria
from orchharness.importing.draft import Ref, Task, Thing
from orchharness.importing.gates import own_gates
from orchharness.importing.notes import Source, shown
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_TIMES: Final = (
    ("effort_hours", "h"), ("estimated_hours", "h"), ("estimate_hours", "h"), ("hours", "h"), ("duration_hours", "h"),
    ("estimated_minutes", "m"), ("duration_minutes", "m"), ("estimated_days", "d"), ("effort_days", "d"),
    ("estimate", None), ("estimated_duration", None), ("estimated_time", None), ("duration", None), ("effort", None),
)  # fmt: skip
_LIMITS: Final = (
    ("timeout", None),
    ("timeout_minutes", "m"),
    ("timeout-minutes", "m"),
    ("timeout_seconds", "s"),
)
_NOTHING: Final = frozenset({"none", "null", "n/a", "na", "-", "nil", "no", "nothing", "false"})
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][\w.]{0,80})\}", re.ASCII)


def fill_thing(source: Source, thing: Thing, body: Mapping) -> None:
    """Title, state and edges."""
    thing.title = values.line(source.value(body, *words.TITLES))
    thing.status = (values.text(body.value("status") or body.value("state")) or "").lower()
    for key in words.DEPENDENCIES:
        thing.refs += refs_of(source.value(body, key))
    for key in words.REVERSE:
        thing.blocks += refs_of(source.value(body, key))
    for key in words.PARENTS:
        thing.home += (
            refs_of(source.value(body, key), loose=True) if isinstance(body.value(key), Scalar) else []
        )


def refs_of(node: Node | None, *, loose: bool = False) -> list[Ref]:
    """The names in a dependency: words, lists of words, or of mappings with an id."""
    found = []
    for item in node.items if isinstance(node, Sequence) else [node]:
        named: Node | None = item
        if isinstance(item, Mapping):
            tried = (item.value(k) for k in ("id", "task", "task_id", "phase", "name", "on"))
            named = next((n for n in tried if isinstance(n, Scalar)), None)
        said = [word for word in values.words(named) if word.text.lower() not in _NOTHING]
        found += [Ref(word, loose=loose or " " in word.text) for word in said]
    return found


def mode_of(source: Source, body: Mapping) -> str | None:
    """`foreground`, `background`, `sequence`, `parallel`, or None."""
    said = (values.text(source.value(body, *words.MODES)) or "").lower()
    if said in {"foreground", "background"}:
        return said
    if said in {"sequential", "sequence", "serial", "chain"}:
        return "sequence"
    parallel = values.text(source.value(body, "parallel"))
    if said.startswith(("parallel", "concurrent", "fan_out", "fan-out")) or parallel == "true":
        return "parallel"
    return "sequence" if parallel == "false" else None


def fill_task(source: Source, task: Task, body: Mapping) -> None:
    """All that a task says."""
    fill_thing(source, task, body)
    task.rationale = values.text(source.value(body, *words.REASONS))
    for key in words.PROMPTS:
        said = values.text(source.value(body, key))
        if said and said != task.title and said not in task.said:
            task.said.append(said)
    _fill_lists(source, task, body)
    task.agent = _agent(values.text(source.value(body, *words.AGENTS)))
    role = values.text(source.value(body, "role"))
    if role and task.agent is None and re.fullmatch(r"[\w-]{2,40}", role):
        task.agent = role
    elif role:
        task.said.append(f"Role: {role}")
    mode = mode_of(source, body)
    task.mode = mode if mode in {"foreground", "background"} else None
    task.estimate = _time(source, body, _TIMES, "estimate")
    task.timeout = _time(source, body, _LIMITS, "time limit")
    _fill_artifacts(source, task, body)
    _check_criteria(source, task, body)
    task.gates += own_gates(source, task, body)


def _agent(said: str | None) -> str | None:
    """The agent's name; that of its file, where the file is named."""
    return re.sub(r"\.\w{1,5}$", "", said.rpartition("/")[2]) if said and "/" in said else said


def _fill_lists(source: Source, task: Task, body: Mapping) -> None:
    for key in (*words.LISTS, *(k for k in words.TASKS if k not in {"agents", "agent"})):
        if (
            key in body.entries
            and isinstance(body.value(key), Sequence | Scalar)
            and key not in words.OUTPUTS
        ):
            found = values.lines(source.value(body, key))
            if found:
                heading = key.replace("_", " ").capitalize()
                task.said.append(f"{heading}:\n" + "\n".join(f"- {row}" for row in found))


def _time(source: Source, body: Mapping, keys: tuple[tuple[str, str | None], ...], what: str) -> str | None:
    found: str | None = None
    for key, unit in keys:
        node = source.value(body, key)
        if not isinstance(node, Scalar):
            continue
        read = values.duration(node, unit or (_hours(source) if key == "effort" else None))
        if read is None and node.text.strip() not in {"0", "0.0"}:
            source.notes.left(
                f"{key} {shown(node.text)}: no {what} with a unit (write {key}_hours, or 2h)", node
            )
        found = found or read
    return found


def _hours(source: Source) -> str | None:
    """Bare efforts are hours where the file counts hours elsewhere."""
    if source.counts_hours is None:
        source.counts_hours = _counts_hours(source.tree)
    return "h" if source.counts_hours else None


def _counts_hours(tree: Node) -> bool:
    hours = {"effort_hours", "estimated_hours", "total_effort_hours"}
    return any(hours & node.entries.keys() for node in values.mappings_in(tree))


def _fill_artifacts(source: Source, task: Task, body: Mapping) -> None:
    folder = values.text(body.value("output_path"))
    folder = folder if folder and folder.endswith("/") and "output_artifact" in body.entries else None
    for key in words.OUTPUTS:
        node = source.value(body, key)
        if node is None or (folder is not None and key == "output_path"):
            continue
        unsafe = []
        for word in paths_in(source, node):
            said = filled(source, word.text.strip())
            kept = values.path(folder + said if folder and "/" not in said else said)
            if kept is None:
                unsafe.append(word)
            else:
                task.outputs.setdefault(kept, word)
        _tell_unsafe(source, task, key, unsafe)
    for key in words.INPUTS:
        task.reads += paths_in(source, source.value(body, key))


def _tell_unsafe(source: Source, task: Task, key: str, found: list[Scalar]) -> None:
    """What a task makes but is no path is told to its agent, not lost."""
    said = [" ".join(values.cleaned(word.text).split()) for word in found]
    if said:
        task.said.append(f"{key.replace('_', ' ').capitalize()}:\n" + "\n".join(f"- {row}" for row in said))
        source.notes.left(f"{key}: not a plain path below the workspace, so it stands in the prompt", *found)


def paths_in(source: Source, node: Node | None) -> list[Scalar]:
    """The texts that can be paths: of a word, a list, or of mappings with `path`."""
    found: list[Scalar] = []
    pending = [node]
    while pending:
        item = pending.pop(0)
        if isinstance(item, Scalar) and item.value is not None and item.text.strip():
            found.append(item)
        elif isinstance(item, Sequence):
            pending += item.items
        elif isinstance(item, Mapping):
            path = source.value(item, "path", "artifact_path", "file")
            inner = [name for name, (_, value) in item.entries.items() if isinstance(value, Mapping)]
            pending += [path] if path is not None else [source.value(item, name) for name in inner]
    return found


def filled(source: Source, text: str) -> str:
    """The text with `{base}` and `{workflow.id}` replaced by what the file says there, where it does."""
    for _ in range(4):
        replaced = _PLACEHOLDER.sub(lambda match: _looked_up(source, match), text)
        if replaced == text or len(replaced) > 1_000:
            break
        text = replaced
    return text


def _looked_up(source: Source, match: re.Match[str]) -> str:
    names = match.group(1).split(".")
    tree = source.tree
    for start in (tree, tree.value("paths") if isinstance(tree, Mapping) else None):
        node: Node | None = start
        for name in names:
            node = node.value(name) if isinstance(node, Mapping) else None
        if isinstance(node, Scalar) and node.value is not None and len(node.text) <= 400:
            if isinstance(tree, Mapping) and start is not tree:
                source.value(source.value(tree, "paths"), names[0])
            return node.text
    return match.group()


def _check_criteria(source: Source, task: Task, body: Mapping) -> None:
    node = source.value(body, "evaluation_criteria", "scoring_dimensions")
    weights = read_criteria(source, node, task.name)
    rows = [f"- {name} {values.plain(weight)}" for name, weight in weights.items()] or [
        f"- {row}" for row in values.lines(node)
    ]
    if rows:
        task.said.append("Criteria:\n" + "\n".join(rows))
