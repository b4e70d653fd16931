"""What people are asked, as files in the run's folder `decisions`, and the answers they put beside them.

Rules that hold here:
  * `NAME.question.json` is there exactly as long as the question is open; only the orchestrator writes it. Its name
    ends with a digest of what is asked and of the bytes it is about, so that no answer to another one has it: the
    journal's name of a question is given again when a resumed run asks anew what nobody's answer was taken for.
  * `NAME.json` is the answer, written by whoever decides: whole or not at all, and once. The orchestrator reads it
    and never changes it; what it cannot take is renamed, so that the question can be answered again.
  * An answer comes from outside: it is data, limited in size, and counts only for the question of its name.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness import private
from orchharness.core.events import ANSWER, DecisionTaken
from orchharness.core.plan import Then
from orchharness.errors import OrchError
from orchharness.record import record

if TYPE_CHECKING:
    from orchharness.core.asking import Question
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.core.records import TaskRecord
    from orchharness.run.directory import RunDirectory

_QUESTION, _REFUSED = ".question.json", ".refused.json"
_MOST = 256 * 1024  # bytes of an answer
_LONGEST_NAME = 200
_DIGITS = 16  # of a digest in a name
_OTHER = "it answers another question: what is asked, or the bytes it is about, changed since"
_LAST = 1e11  # seconds since the epoch: a time beyond it is none


@record
class Answer:
    """What a person said: an option, or the words in `note`. `at` is in seconds since the epoch."""

    option: str
    by: str
    note: str = ""
    at: float = 0.0


class Questions:
    """The open questions of one run, for its orchestrator."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, tuple[str, Question]] = {}  # its name in the journal -> its name here
        self._told = False

    def publish(self, run: Orchestrator) -> None:
        """Let people see what is asked now, and nothing else.

        Raises:
            OSError: the disk fails.
        """
        questions = run.questions
        if self._told and {q.name for q in questions} == self._open.keys():
            return
        now = {q.name: self._open.get(q.name) or (_name(run, q), q) for q in questions}
        if now:
            private.folders(self._folder)
        for name in _names(self._folder, _QUESTION) - {name for name, _ in now.values()}:
            (self._folder / f"{name}{_QUESTION}").unlink(missing_ok=True)
        for asked, (name, question) in now.items():
            if asked not in self._open:
                text = json.dumps({**_to_record(question), "name": name, "asked": time.time()}, indent=1)
                _put(self._folder / f"{name}{_QUESTION}", text, replace=True)
        self._open, self._told = now, True

    def answers(self, run: Orchestrator, now: float) -> Iterator[DecisionTaken | str]:
        """The answers that can be taken, and messages about those that cannot."""
        from orchharness.run.parts import origin

        given = _names(self._folder, ".json")
        for other in sorted(given):
            asked = self._open.get(other) or self._open.get(other.rpartition("-")[0])
            if asked is not None and other != asked[0]:
                yield self._refuse(other, _OTHER)
        for name, question in tuple(self._open.values()):  # in the order of asking
            if name not in given:
                continue
            if name != _name(run, question):  # other work replaced the bytes while the question was open
                del self._open[question.name]
                yield self._refuse(name, _OTHER)
                continue
            try:
                answer = read_answer(self._folder / f"{name}.json")
            except ValueError as error:
                yield self._refuse(name, str(error))
                continue
            gate = run.plan.gates.get(question.item)
            artifacts = run.artifacts_of(gate) if gate is not None else {}
            event = DecisionTaken(
                at=now,
                item=question.item,
                question=question.name,
                number=question.number,
                option=answer.option,
                by=answer.by,
                note=answer.note,
                decided=answer.at,
                artifacts={n: [origin(e) for e in entries] for n, entries in artifacts.items()},
            )
            objection = run.objection(event)
            if objection is None:
                yield event
            elif not objection.later:
                yield self._refuse(name, objection.text)

    def _refuse(self, name: str, why: str) -> str:
        path = self._folder / f"{name}.json"
        path.replace(self._folder / f"{name}{_REFUSED}")
        return f"the decision in {path} cannot be taken: {why}; decide again"


def answered(folder: Path, run: Orchestrator) -> dict[str, str]:
    """Item -> that its answer waits, for those that ask and have one."""
    return {
        q.item: "a person's answer waits for it"
        for q in run.questions
        if (folder / f"{_name(run, q)}.json").exists()
    }


def read_answer(path: Path) -> Answer:
    """The answer in the file.

    Raises:
        ValueError: it is none.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST + 1)
    except OSError as error:
        raise ValueError(str(error)) from None
    if len(raw) > _MOST:
        msg = f"it has more than {_MOST} bytes"
        raise ValueError(msg)
    try:
        value = json.loads(raw.decode())
    except RecursionError:
        value = None
    if not isinstance(value, dict):
        msg = "it is no JSON object"
        raise ValueError(msg)  # noqa: TRY004 - one error for every way of being wrong
    option, by, note, at = (value.get(k) for k in ("option", "by", "note", "at"))
    if not (isinstance(option, str) and isinstance(by, str) and by.strip() and isinstance(note or "", str)):
        msg = "it needs the texts `option` and `by`, and may have a text `note`"
        raise ValueError(msg)
    when = float(at) if isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at <= _LAST else 0.0
    return Answer(
        option=_sound(option),
        by=_sound(by.strip()[:_LONGEST_NAME]),
        note=_sound(note or ""),
        at=when,  # NaN and what is beyond all times are none
    )


def _sound(text: str) -> str:
    """The text without what no file could hold."""
    return text.encode("utf-8", "replace").decode()


# ---- for whoever decides -------------------------------------------------------------------------


def open_questions(directory: RunDirectory) -> list[Mapping[str, Any]]:
    """What the run asks now, and nobody has answered yet; as `Question`, in the order of asking."""
    folder = directory.decisions
    found: list[Mapping[str, Any]] = []
    for name in _names(folder, _QUESTION) - _names(folder, ".json"):
        with suppress(OSError, ValueError):
            value = json.loads((folder / f"{name}{_QUESTION}").read_bytes())
            if isinstance(value, dict) and value.get("name") == name:
                found.append(value)
    return sorted(found, key=lambda q: (q.get("asked", 0), q["name"]))


def decide(directory: RunDirectory, item: str, choice: str, *, by: str, note: str) -> Mapping[str, Any]:
    """Answer what the item asks: with an option, or with words. Says which question was answered.

    Raises:
        OrchError: it asks nothing, has no such option, or was answered already.
        OSError: the disk fails.
    """
    asked = open_questions(directory)
    question = next((q for q in asked if q["item"] == item), None)
    if question is None:
        raise OrchError(_nothing_asked(directory, item, asked))
    options = {o["id"]: o for o in question["options"]}
    if options and choice not in options:
        msg = f"{item} has no option {choice!r}: write one of {', '.join(options)}"
        raise OrchError(msg)
    if options and options[choice].get("why") and not note.strip():
        msg = f"{choice!r} lets {item} through in spite of its judges: say why, with --note TEXT"
        raise OrchError(msg)
    if not by.strip():
        msg = "who decides? write --by NAME"
        raise OrchError(msg)
    value = (
        {"option": choice, "by": by, "note": note}
        if options
        else {"option": ANSWER, "by": by, "note": choice}
    )
    text = json.dumps({"question": question["name"], "item": item, **value, "at": time.time()}, indent=1)
    try:
        _put(directory.decisions / f"{question['name']}.json", text)
    except FileExistsError:
        msg = f"{item} was answered by somebody else a moment ago"
        raise OrchError(msg) from None
    return question


def _nothing_asked(directory: RunDirectory, item: str, asked: Sequence[Mapping[str, Any]]) -> str:
    waiting = _names(directory.decisions, _QUESTION) & _names(directory.decisions, ".json")
    if any(name.rpartition(".q")[0] == item for name in waiting):
        return f"{item} was answered already, and the run has not taken the answer yet: resume it"
    others = ", ".join(str(q["item"]) for q in asked)
    return f"{item!r} asks nothing now" + (f"; what asks: {others}" if others else "")


def _name(run: Orchestrator, question: Question) -> str:
    """The question's name among the files: with a digest of what is asked, and of the bytes it is about."""
    from orchharness.run.parts import origin

    asked = {n: value for n, value in _to_record(question).items() if n != "reason"}
    read = {
        task.id: {n: [origin(e) for e in entries] for n, entries in task.outputs.items()}
        for task in _subject(run, question.item)
    }
    own = run.tasks.get(question.item)
    lost = own.act if own is not None and own.task.ask is None else None
    about = json.dumps([asked, read, lost], sort_keys=True)
    return f"{question.name}-{sha256(about.encode()).hexdigest()[:_DIGITS]}"


def _subject(run: Orchestrator, item: str) -> Iterator[TaskRecord]:
    """The tasks whose outputs are asked about: the members of a gate; where there are none, what the item needs."""
    plan = run.plan
    todo, seen = [item], set[str]()
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        gate = plan.gates.get(node)
        if gate is not None:
            todo += (*gate.of, *gate.of_gates) or gate.needs
        elif node in plan.groups:
            todo += plan.groups[node]
        elif node == item:
            todo += plan.tasks[node].needs
        elif node in run.tasks:
            yield run.tasks[node]


def _to_record(question: Question) -> dict[str, Any]:
    """The question as JSON. An option with `why` lets through what its judges did not: it needs a note."""
    waives = question.score is not None or question.judged
    return {
        "name": question.name,
        "item": question.item,
        "number": question.number,
        "text": question.text,
        "reason": question.reason,
        "score": question.score,
        "threshold": question.threshold,
        "options": [
            {"id": o.id, "label": o.label, "then": str(o.then)}
            | ({"skip": list(o.skip)} if o.skip else {})
            | ({"why": True} if waives and o.then in {Then.PASS, Then.SKIP} else {})
            for o in question.options
        ],
    }


def _names(folder: Path, ending: str) -> set[str]:
    """The names of the files with that ending; of answers, without the other files beside them."""
    try:
        entries = os.listdir(folder)  # noqa: PTH208 - names are enough
    except OSError:
        return set()
    others: Collection[str] = (_QUESTION, _REFUSED) if ending == ".json" else ()
    return {
        e.removesuffix(ending)
        for e in entries
        if e.endswith(ending) and not e.startswith(".") and not any(e.endswith(o) for o in others)
    }


def _put(path: Path, text: str, *, replace: bool = False) -> None:
    """Write the file whole or not at all; without `replace` never over another one."""
    spare = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private.write(spare, text)
        if replace:
            spare.replace(path)
        else:
            os.link(spare, path)
    finally:
        spare.unlink(missing_ok=True)
