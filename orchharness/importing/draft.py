"""The work of a foreign file before it is a plan: groups, tasks, gates and points that are waited for.

Whatever the dialect, its reader fills these; what comes after does not know which dialect it was.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

from orchharness.planfile.nodes import Node, Scalar
from orchharness.record import record

Any: TypeAlias = "Task | Group | Gate | Point"


@record(kw_only=False)
class Ref:
    """A name that somebody waits for, where it stands. `loose`: what it means may be no id at all."""

    word: Scalar
    loose: bool = False


@record(kw_only=False)
class Wait:
    """What is waited for, and where the file says so (None: it follows from an order)."""

    target: Any
    place: Node | None = None


@record(frozen=False)
class Thing:
    """What all of them have. `name` is what the file calls it, `id` what the plan does."""

    name: str
    place: Node
    id: str = ""
    title: str | None = None
    rationale: str | None = None
    aliases: list[str] = field(default_factory=list)
    refs: list[Ref] = field(default_factory=list)
    blocks: list[Ref] = field(default_factory=list)
    home: list[Ref] = field(default_factory=list)  # what it says it is part of
    parent: Group | None = None
    status: str = ""
    kind: str = ""
    waits: dict[int, Wait] = field(default_factory=dict)  # by the identity of what is waited for


@record(frozen=False)
class Task(Thing):
    """A piece of work; with `command` it runs that, else its agent does it."""

    said: list[str] = field(default_factory=list)  # paragraphs of the prompt
    agent: str | None = None
    command: list[str] | None = None
    outputs: dict[str, Node] = field(default_factory=dict)  # path -> where it stands
    reads: list[Scalar] = field(default_factory=list)
    estimate: str | None = None
    timeout: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    allow_failure: bool = False
    mode: str | None = None
    tags: list[str] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)  # name -> TASK.output
    from_words: bool = False
    local: bool = False  # its name is none that others would use: no id was given


@record(frozen=False)
class Group(Thing):
    """Tasks and groups. `ordered`: each group waits for the one before it; `sequence`: each task does."""

    mode: str | None = None
    ordered: bool = False
    sequence: bool = False
    first: bool = False  # comes before all that is not `first`
    groups: list[Group] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    members: list[Ref] = field(default_factory=list)  # named here, perhaps described elsewhere

    def leaves(self) -> list[Group]:
        """The groups below it, or itself, that hold tasks of their own."""
        found = [leaf for group in self.groups for leaf in group.leaves()]
        return [self, *found] if self.tasks else found

    def all_tasks(self) -> list[Task]:
        """Every task in it and below."""
        return [task for leaf in self.leaves() for task in leaf.tasks]


@record(frozen=False)
class Gate(Thing):
    """A verdict. `of` names what it judges; `owner` is what it hangs on."""

    threshold: Decimal | None = None
    iterations: int | None = None
    critics: list[str] = field(default_factory=list)
    criteria: dict[str, Decimal] = field(default_factory=dict)
    of: list[Ref] = field(default_factory=list)
    owner: Task | Group | None = None
    judged: list[Task | Group] = field(default_factory=list)
    mean_of: list[Gate] = field(default_factory=list)
    final: bool = False
    person: bool = False
    asks: bool = False  # a person is asked when no iteration is left
    score: Decimal | None = None


@record(frozen=False)
class Point(Thing):
    """Something that is waited for and does nothing: a barrier, or a group of a queue with its members."""

    members: list[Ref] = field(default_factory=list)
    sequence: bool = False
    resolved: list[Task | Group] = field(default_factory=list)


@record(frozen=False)
class Cross:
    """A named edge."""

    name: str
    place: Node
    source: list[Ref]
    target: list[Ref]
    paths: list[Scalar] = field(default_factory=list)
    rationale: str | None = None
    id: str = ""
    ends: tuple[Any, list[Any]] | None = None  # what it begins at, what it goes to


@record(frozen=False)
class Draft:
    """All of it. `critics` are named by gates; `agents` by tasks."""

    root: Group
    name: str = ""
    title: str | None = None
    description: str | None = None
    gates: list[Gate] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    crosses: list[Cross] = field(default_factory=list)
    phases: list[Group] | None = None  # None: everything is one phase
    threshold: Decimal | None = None
    iterations: int | None = None
    parallel: int | None = None
    asks: bool = False
    criteria: dict[str, Decimal] = field(default_factory=dict)
    critic: str | None = None
    critic_mode: str | None = None
    counters: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # critic -> what the file says of it
