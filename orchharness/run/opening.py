"""How a run begins: in a folder of its own, with what an earlier one left, or in the folder of the one it goes on with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness import private
from orchharness.core import events as ev
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.past import Past, Started, item_of
from orchharness.core.plan import Workspace
from orchharness.core.resuming import Resumption, settle
from orchharness.core.status import OVER, SUCCESS, Transition
from orchharness.errors import OrchError
from orchharness.journal import Journal, JournalContent, RunLock
from orchharness.record import field, record
from orchharness.run import directory as places
from orchharness.run.adrift import attached, end_dropped
from orchharness.run.directory import RunDirectory
from orchharness.run.former import changed
from orchharness.run.frozen import FrozenInputs
from orchharness.run.hidden import learn
from orchharness.run.parts import Parts
from orchharness.run.past import (
    Earlier,
    find_run,
    first_record,
    live_acts,
    mark_open,
    read_earlier,
    read_run,
    refuse_beside_agents,
    told_of_older,
)
from orchharness.run.prepare import Preparer
from orchharness.run.questions import answered
from orchharness.run.surroundings import Surroundings, caller_trace, header_of, text_of
from orchharness.run.worktrees import HEADER, NOWHERE, Base, base_at, known_base, uncommitted
from orchharness.workspace.store import Store

if TYPE_CHECKING:
    from orchharness.core.plan import Plan

NO_REUSE = "it was chosen"


Kept = tuple[ev.ActEvent, tuple[Transition, ...]]


@record
class Beginning:
    """What a run begins with. `run` names an earlier one by its id, or the beginning of it; None: the newest.

    `resume`: go on in the folder of an earlier run. `reuse`: a new run that takes over what passed before.
    `pulled_in`: a new run that takes over only these items, which others need; None: every item.
    """

    resume: bool = False
    reuse: bool = False
    run: str | None = None
    pulled_in: frozenset[str] | None = None


FRESH = Beginning()


@record
class Opened:
    """A run that is ready to go on. `event` is its first record, `then` what that changed."""

    directory: RunDirectory
    journal: Journal
    prepare: Preparer
    frozen: FrozenInputs
    run: Orchestrator
    event: ev.RunStarted | ev.RunResumed
    then: tuple[Mapping[str, Any], ...] = ()
    dropped: tuple[str, ...] = ()  # acts of an earlier session whose end is not waited for
    kept: tuple[Kept, ...] = ()  # what earlier sessions did and counts; of another run it follows `event`
    open: tuple[Started, ...] = ()
    keys: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    warnings: tuple[str, ...] = ()


@record
class Opening:
    """Opens one run. `locks` takes what is held from here on, also when it cannot be opened."""

    plan: Plan
    selected: Sequence[str]
    where: Surroundings
    locks: list[RunLock]
    now: float
    hidden: tuple[str, ...] = ()  # the caller's variables whose values nothing that is kept may hold
    clients: Mapping[str, str] = field(default_factory=dict)  # agent -> version of what it works with

    # ---- a run of its own ----------------------------------------------------------------------

    def fresh(self, how: Beginning) -> Opened:
        """A new run.

        Raises:
            OrchError: it cannot be made, or agents of an unfinished run are at work.
            OSError: the disk fails.
        """
        plan, where = self.plan, self.where
        folder = places.plan_folder(where.home, plan.id, plan.path)
        unfinished = refuse_beside_agents(folder, where.host)
        # A replayed run is made anew in seconds; what agents did is not mixed into it.
        replays = where.tape is not None and bool(where.tape.source)
        wanted = (how.reuse or how.pulled_in) and not replays
        source = find_run(where.home, plan.id, plan.path, how.run) if wanted else None
        directory = places.create(where.home, plan.id, plan.path, self.now)
        self.locks.append(RunLock(directory.root / "lock").acquire())
        mark_open(directory)
        places.link(where.root, where.home)
        workspace, warnings = self._workspace(directory)
        base = self._base({})
        warnings += uncommitted(where.root, where.home, base)
        prepare, frozen = self._session(directory, directory.root, workspace, base)
        self._begin_tape(prepare.parts, directory.root)
        header = self._header(workspace, warnings) | _recorded(base) | caller_trace()
        if plan.copy is not None:
            from orchharness.workspace.copying import digest_of

            # What of the plan changed is told by item.
            top = os.path.realpath(plan.copy)
            told = [os.path.relpath(os.path.realpath(p), top) for p in (plan.path, *plan.fragments)]
            header |= {"copy": plan.copy, "copied": digest_of(workspace, told)}
        run, found = Orchestrator(plan, self.selected), None
        if source is not None:
            earlier = read_earlier(source)
            other = earlier.header.get("copied") != header.get("copied")
            found = self._reused(earlier, prepare.parts, frozen, how, other_copy=other)
            run, header["reused_from"] = found.run, source.run_id
        event = ev.RunStarted(
            at=self.now,
            run=directory.run_id,
            plan=plan.id,
            digest=plan.digest,
            selected=run.selected,
            header=header,
            went_on=found.went_on if found else {},
        )
        return Opened(
            directory=directory,
            journal=Journal.create(directory.journal),
            prepare=prepare,
            frozen=frozen,
            run=run,
            event=event,
            kept=tuple(self._adopted(found)) if found else (),
            reasons=_asked(found.reasons, how) if found else {},
            origin=f"reusing what passed in run {source.run_id}" if source else "",
            warnings=(*warnings, *unfinished),
        )

    def _reused(
        self, earlier: Earlier, parts: Parts, frozen: FrozenInputs, how: Beginning, *, other_copy: bool
    ) -> Resumption:
        """What the other run left that counts for this one: only what passed, and only where it is asked for."""
        from orchharness.run.resume import Comparison, rebuild

        source = replace(parts, directory=earlier.directory)
        compared = Comparison(earlier, parts, frozen, source=source)
        if how.pulled_in is not None:
            compared.redo |= {i: NO_REUSE for i in self.selected if i not in how.pulled_in}
        if other_copy:
            compared.redo |= dict.fromkeys(self.selected, "the folder that is copied changed")
        past = _only_over(earlier.past)
        while True:
            found = settle(self.plan, self.selected, past, redo=compared.redo, look=compared.look)
            begun = {item_of(e) for e, _ in found.kept}
            bad = {i: "it did not pass" for i in begun if found.run.status(i).state not in SUCCESS}
            if not bad:
                break
            compared.redo |= bad
        rebuild(found, parts, source)
        self._hand_on_branches(found, parts, source)
        return found

    def _hand_on_branches(self, found: Resumption, parts: Parts, source: Parts) -> None:
        """Commits of tasks that do not run again are on branches of this run, too."""
        done = dict.fromkeys(e.task for e, _ in found.kept if isinstance(e, ev.TaskFinished))
        tasks = [t for t in done if parts.plan.worker(t).workspace is Workspace.WORKTREE]
        if tasks:
            from orchharness.run.branches import hand_on

            hand_on(parts.base, source.directory.run_id, parts.directory.run_id, tasks)

    def _adopted(self, found: Resumption) -> Iterator[Kept]:
        """The other run's acts as records of this one: they cost it nothing."""
        for event, then in found.kept:
            at: ev.ActEvent = replace(event, at=self.now)
            if isinstance(at, ev.TaskFinished | ev.JudgementFinished):
                at = replace(at, started=self.now, seconds=0.0, usage={})
            elif isinstance(at, ev.TaskStarted | ev.JudgementStarted):
                at = replace(at, adopted=True)
            yield at, then

    # ---- going on with an earlier one ----------------------------------------------------------

    def resumed(self, directory: RunDirectory, *, named: bool) -> Opened:
        """The earlier run, going on. `named`: it was asked for by its id.

        Raises:
            OrchError: it cannot be gone on with; nothing was spawned.
            RunBusyError: another orchestrator drives it.
            OSError: the disk fails.
        """
        self.locks.append(RunLock(directory.root / "lock").acquire())
        if self.plan.copy is None:  # runs that have a folder of their own do not disturb each other
            refuse_beside_agents(directory.root.parent, self.where.host, but=directory.run_id)
        if first_record(directory) is None:
            read_run(directory)  # refuses what lost its records, before anything of it is cut off
        journal, content = Journal.reopen(directory.journal)
        try:
            return self._go_on(directory, journal, content, named=named)
        except BaseException:
            journal.close()
            raise

    def _go_on(
        self, directory: RunDirectory, journal: Journal, content: JournalContent, *, named: bool
    ) -> Opened:
        from orchharness.run.resume import Comparison

        earlier = read_earlier(directory, content.records)
        unknown = _former_values(self.plan, earlier)
        workspace = directory.workspace if self.plan.copy is not None else self.where.root
        self._refuse_elsewhere(earlier, workspace)
        self._refuse_beside_unchosen(earlier)
        mark_open(directory)
        places.link(self.where.root, self.where.home)
        number = _free_session(directory, earlier.past.times + 1)
        base = self._base(earlier.header)
        told = [] if HEADER in earlier.header else uncommitted(self.where.root, self.where.home, base)
        prepare, frozen = self._session(directory, directory.session(number), workspace, base)
        self._begin_tape(prepare.parts, directory.session(number))
        compared = Comparison(earlier, prepare.parts, frozen)
        found = settle(self.plan, self.selected, earlier.past, redo=compared.redo, look=compared.look)
        missing = {*self.selected} - {*earlier.past.selected}
        older = told_of_older(directory, missing) if missing and not named else ""
        warnings = [*told, *unknown, *compared.warnings, *([content.torn] if content.torn else [])]
        warnings += end_dropped(self.where.host, directory, earlier.past, found)
        header = self._header(workspace, warnings)
        kept = {n: earlier.header[n] for n in ("copy", "copied", "traceparent") if n in earlier.header}
        since = {"run": directory.run_id, "began": earlier.records[0]["at"], "ended": earlier.past.ended}
        event = ev.RunResumed(
            at=self.now,
            digest=self.plan.digest,
            selected=found.run.selected,
            dropped=found.dropped,
            again=found.again,
            moved=found.moved,
            went_on=found.went_on,
            header={**header, **kept, **since, **_recorded(base), "session": number},
        )
        return Opened(
            directory=directory,
            journal=journal,
            prepare=prepare,
            frozen=frozen,
            run=found.run,
            event=event,
            then=tuple(_differences(earlier, found)),
            kept=found.kept,
            open=found.open,
            dropped=tuple(_left_behind(earlier, found)),
            keys=tuple(earlier.past.keys.values()),
            reasons={
                **found.reasons,
                **answered(directory.decisions, found.run),
                **attached(self.where.host, directory, found, self.now),
            },
            origin=f"going on with run {directory.run_id}" + (f" ({older})" if older else ""),
            warnings=tuple(warnings),
        )

    def _begin_tape(self, parts: Parts, session: Path) -> None:
        if self.where.tape is not None:
            self.where.tape.begin(parts, session)

    def _refuse_elsewhere(self, earlier: Earlier, workspace: Path) -> None:
        if "replayed" in earlier.header:
            msg = (
                f"run {earlier.directory.run_id} was replayed from a recording: there is nothing to go on with, "
                "start a fresh run"
            )
            raise OrchError(msg)
        was, copied = earlier.header.get("workspace"), earlier.header.get("copy")
        if (was, copied) != (str(workspace), self.plan.copy):
            other = f"a copy of {copied}" if copied else was
            msg = (
                f"run {earlier.directory.run_id} works in {other}, the plan now in "
                f"{f'a copy of {self.plan.copy}' if self.plan.copy else workspace}: start a fresh run"
            )
            raise OrchError(msg)

    def _refuse_beside_unchosen(self, earlier: Earlier) -> None:
        """What is not chosen is not watched: its agents would be ended with the session, and their work lost."""
        unchosen = {*self.plan.tasks, *self.plan.gates} - {*self.selected}
        items = {e.act: item_of(e) for e in earlier.past.open if item_of(e) in unchosen}
        living = live_acts(earlier, self.where.host) if items else []
        left = sorted({items[one.act] for one in living if one.act in items})
        if left:
            msg = (
                f"agents of {', '.join(left)} are still at work, which {'was' if len(left) == 1 else 'were'} not "
                f"chosen: choose them too, or `orchharness cancel {earlier.directory.run_id}` ends them"
            )
            raise OrchError(msg)

    # ---- both ----------------------------------------------------------------------------------

    def _header(self, workspace: Path, warnings: Sequence[str]) -> dict[str, Any]:
        told = [*self.plan.warnings, *warnings]
        header = header_of(self.plan, self.where, workspace, told, self.hidden)
        return header | {"clients": dict(self.clients)} if self.clients else header

    def _workspace(self, directory: RunDirectory) -> tuple[Path, list[str]]:
        if self.plan.copy is None:
            return self.where.root, []
        from orchharness.workspace.copying import copy_workspace

        left_out = copy_workspace(Path(self.plan.copy), directory.workspace, skip=self.where.home)
        return directory.workspace, left_out

    def _base(self, header: Mapping[str, Any]) -> Base:
        """Where worktrees begin: at the commit of the run's beginning, also when it is gone on with later."""
        if not any(task.workspace is Workspace.WORKTREE for task in self.plan.tasks.values()):
            return NOWHERE
        return known_base(header) or base_at(self.where.root)

    def _session(
        self, directory: RunDirectory, session: Path, workspace: Path, base: Base
    ) -> tuple[Preparer, FrozenInputs]:
        """Freeze the plan and what judges, in the session's folder."""
        from orchharness.run.resume import keep

        plan, where = self.plan, self.where
        private.write(session / "plan.yaml", text_of(plan))
        frozen = FrozenInputs(plan, where, workspace, session / "definitions")
        keep(session, plan, frozen)
        parts = Parts(
            plan=plan,
            directory=directory,
            root=where.root,
            workspace=workspace,
            home=where.home,
            base=base,
            hidden=self.hidden,
        )
        store = Store(directory.store)
        return Preparer(parts=parts, store=store, frozen=frozen, plugins=where.plugins), frozen


def _former_values(plan: Plan, earlier: Earlier) -> list[str]:
    """Learn the values that its acts were given; a warning for each that is another one now and is not known."""
    headers = [header for r in earlier.records if isinstance(header := r.get("header"), dict)]
    marks = {name: mark for header in headers for name, mark in header.get("hidden_marks", {}).items()}
    learn(plan, marks, [event.key for event in earlier.past.open])
    if earlier.past.ended:  # it left nothing that was not redacted
        return []
    return [
        f"{name!r} has another value than when the run was left, and that one is not known: "
        "what its acts printed of it cannot be redacted"
        for name in changed(marks)
    ]


def _recorded(base: Base) -> dict[str, Any]:
    return {} if base.fault else {HEADER: base.to_record()}


def _only_over(past: Past) -> Past:
    """Without the acts that have no end: another run cannot have them."""
    running = {e.act for e in past.open}
    return replace(
        past,
        acts=tuple(e for e in past.acts if e.act not in running),
        ended=True,
        taken=frozenset(),
        history=(),
    )


def _free_session(directory: RunDirectory, number: int) -> int:
    """The number of the first session folder that can be made: one that died before its record left one."""
    while True:
        try:
            directory.session(number).mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return number


def _differences(earlier: Earlier, found: Resumption) -> Iterator[dict[str, Any]]:
    """Items that do not stand any more where the journal left them, as transitions.

    A gate may stand where it stood for another reason: another threshold is applied to what its critics said.
    """
    was: dict[str, Mapping[str, Any]] = {}
    for entry in earlier.records:
        for then in entry.get("then", ()):
            was[then["item"]] = then
    for item in found.run.selected:
        before, now = was.get(item, {}), found.run.status(item)
        over = now.state in OVER
        state, same = before.get("state", "waiting"), before.get("reason", "") == now.reason
        if state != now.state or (over and item in found.run.gates and not same):
            reason = (now.reason if over else "") or found.reasons.get(item, "")
            yield Transition(
                item=item, was=state, state=now.state, reason=reason, iteration=now.iteration, score=now.score
            ).to_record()


def _left_behind(earlier: Earlier, found: Resumption) -> Iterator[str]:
    """Acts whose folders an orchestrator may have left as they were: the last one that ended, and what is dropped."""
    going_on = {event.act for event in found.open}
    yield from (event.act for event in earlier.past.open if event.act not in going_on)
    ended = (
        r["act"] for r in reversed(earlier.records) if str(r.get("event")).endswith("Finished") and "act" in r
    )
    yield from (act for act in [next(ended, None)] if act is not None)


def _asked(reasons: Mapping[str, str], how: Beginning) -> dict[str, str]:
    """The reasons that tell something: what was chosen runs, that is why it was chosen."""
    return {i: why for i, why in reasons.items() if how.pulled_in is None or i in how.pulled_in}
