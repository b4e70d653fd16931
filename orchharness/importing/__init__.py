"""Plans out of what people already have: orchestration files, Task Master's tasks, GitHub Actions workflows.

Rules that hold here:
  * Text in, text and notes out: nothing is read or written but what the caller gives, and nothing is run.
  * Every key of the source is used, or named in the notes with its lines. Nothing is dropped in silence.
  * What cannot be decided (who waits for whom, what a score is made of) stops the import; what only a state says
    against itself is told.
  * The text is somebody else's: it becomes text in the plan, never a template, a path that leaves the workspace,
    or structure.
  * The plan loads, and its work cannot pass before a person said who does it.
"""

from __future__ import annotations

from orchharness.errors import Problem
from orchharness.importing.assembling import assemble
from orchharness.importing.dialects import IN_WORDS, PLAN, dialect_of
from orchharness.importing.notes import About, Note, Notes, Source
from orchharness.importing.reading import Document, UnreadableError, read_documents
from orchharness.record import record

__all__ = ["About", "Imported", "Note", "UnknownShapeError", "UnreadableError", "import_plan"]


@record
class Imported:
    """What came of a file. `plan` is None when there are contradictions."""

    dialect: str
    plan: str | None
    notes: tuple[Note, ...]
    tasks: int = 0
    gates: int = 0


class UnknownShapeError(UnreadableError):
    """The file can be read, but is none of the families that are known."""


def import_plan(data: bytes, shown: str, *, leave_unknown: bool = False) -> Imported:
    """The plan that a file stands for.

    Args:
        data: the bytes of the file.
        shown: its name, for messages.
        leave_unknown: leave out dependencies on what is not in the file, instead of calling them contradictions.

    Raises:
        UnreadableError: it cannot be read, or is of no known family; the message has the places.
    """
    documents = read_documents(data, shown)
    document, dialect, others = _choose(documents, shown)
    if document.problems:
        raise UnreadableError(list(document.problems))
    notes = Notes()
    for other in others:
        notes.left("another document or block of the file", other.tree)
    source = Source(tree=document.tree, notes=notes)
    made = assemble(source, dialect, shown, leave_unknown=leave_unknown)
    if made.tasks == 0 and not made.contradictory:
        message = f"read as {IN_WORDS[dialect]}, but there is no task in it"
        raise UnknownShapeError([_problem(shown, document, message)])
    return Imported(dialect=dialect, plan=made.text, notes=notes.all(), tasks=made.tasks, gates=made.gates)


def _choose(documents: list[Document], shown: str) -> tuple[Document, str, list[Document]]:
    known = [(document, dialect) for document in documents if (dialect := dialect_of(document.tree))]
    if not known:
        what = (
            "no shape that is known: expected phases, tracks, pipelines or tasks (an orchestration file), "
            "Task Master's tasks, or jobs with steps (GitHub Actions)"
        )
        raise UnknownShapeError([_problem(shown, documents[0], what)])
    if len(known) > 1:
        lines = " and ".join(str(document.line) for document, _ in known)
        what = f"several plans in one file (lines {lines}): save the one that is meant in a file of its own"
        raise UnknownShapeError([_problem(shown, known[1][0], what)])
    document, dialect = known[0]
    if dialect == PLAN:
        what = "this is a plan of orchharness already: run it with pytest"
        raise UnknownShapeError([_problem(shown, document, what)])
    return document, dialect, [other for other in documents if other is not document]


def _problem(shown: str, document: Document, message: str) -> Problem:
    from orchharness.errors import Location

    return Problem(Location(shown, document.tree.line, document.tree.column), message)
