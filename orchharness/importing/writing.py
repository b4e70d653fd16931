"""A settled draft as a plan.

Nobody in such a file says which command does the work. So every agent and critic of the plan is a command that
fails and says what to write there: the plan loads, and none of its work can pass before a person has filled it in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orchharness.importing import values
from orchharness.importing.draft import Draft, Gate, Group, Task
from orchharness.importing.files import artifacts_of, name_outputs
from orchharness.importing.hanging import sort_gates
from orchharness.importing.ids import Ids, id_from
from orchharness.importing.needs import Needs
from orchharness.importing.notes import Source
from orchharness.importing.yamltext import Block, Comment, Raw, Value, render
from orchharness.record import field, record

AGENT: Final = "author"
CRITIC: Final = "critic"
PERSON: Final = "person"
_Map = dict[str, Value]
_AGENTS_SAY: Final = (
    "Nobody does this work yet. Say here who does: a command, or {kind: …} with an agent's plugin.\n"
    "Until then every task of the agent fails with this message."
)
_CRITICS_SAY: Final = "Nobody judges yet. Say here who does: {run: …}, or {agent: …, prompt: …}.\nUntil then the gates stay shut."


@record(frozen=False)
class Writer:
    """Writes one draft."""

    source: Source
    draft: Draft
    needs: Needs
    origin: str
    agents: dict[str, str] = field(default_factory=dict)  # what the file calls one -> id
    critics: dict[tuple[object, ...], str] = field(default_factory=dict)
    critic_bodies: dict[str, _Map] = field(default_factory=dict)
    agent_ids: Ids = field(default_factory=Ids)
    critic_ids: Ids = field(default_factory=Ids)
    loose: dict[int, list[Gate]] = field(default_factory=dict)  # phase -> gates that stand alone in it

    def text(self) -> str:
        """The plan file."""
        self.loose = sort_gates(self.draft)
        body = self._groups()
        plan: _Map = {
            Comment(
                "0"
            ): f"Imported from {self.origin}. A plan holds no state: what was done there is not here."
        }
        plan["orchharness"] = 1
        self._add_head(plan)
        self._add_people(plan)
        plan |= body
        edges = self._edges()
        if edges:
            plan["cross_pollination"] = edges
        return render(plan)

    def _add_head(self, plan: _Map) -> None:
        if self.draft.name:
            plan["plan"] = id_from(self.draft.name, "plan")
        if self.draft.title:
            plan["title"] = self.draft.title
        if self.draft.description:
            plan["description"] = _text(self.draft.description)
        limits: _Map = {}
        if self.draft.parallel:
            limits["parallel"] = self.draft.parallel
        if self.draft.counters:
            limits["resources"] = dict(self.draft.counters)
        if limits:
            plan["limits"] = limits

    def _add_people(self, plan: _Map) -> None:
        """The defaults of gates, the agents and the critics."""
        if self.critics and (self.draft.threshold is not None or self.draft.iterations or self.draft.asks):
            plan["defaults"] = {"gate": self._defaults()}
        if self.agents:
            plan[Comment("1")] = _AGENTS_SAY
            plan["agents"] = {
                id_: _placeholder(f"say under agents who {id_} is") for id_ in self.agents.values()
            }
        if self.critic_bodies:
            plan[Comment("2")] = _CRITICS_SAY
            plan["critics"] = dict(self.critic_bodies)

    def _defaults(self) -> _Map:
        gate: _Map = {}
        if self.draft.threshold is not None:
            gate["threshold"] = Raw(values.plain(self.draft.threshold))
        if self.draft.iterations:
            gate["max_iterations"] = self.draft.iterations
        if self.draft.asks:
            gate["on_exhausted"] = "ask"
        return gate

    def _groups(self) -> _Map:
        if self.draft.phases is None:
            return self._inside(self.draft.root, 0)
        return {
            "phases": {phase.id: self._phase(phase, place) for place, phase in enumerate(self.draft.phases)}
        }

    def _phase(self, phase: Group, place: int) -> _Map:
        return self._head(phase) | self._gate_of(phase) | self._inside(phase, place)

    def _inside(self, group: Group, place: int) -> _Map:
        body: _Map = {}
        if group.tasks:
            if group.sequence and group is not self.draft.root and not group.groups:
                body["sequence"] = True
            body["tasks"] = {task.id: self._task(task) for task in group.tasks}
        tracks = [leaf for child in group.groups for leaf in child.leaves()]
        if tracks:
            body["tracks"] = {track.id: self._track(track) for track in tracks}
        gates: _Map = {gate.id: self._gate(gate, alone=True) for gate in self.loose.get(place, [])}
        if gates:
            body["gates"] = gates
        return body

    def _track(self, track: Group) -> _Map:
        body = self._head(track)
        needs = self.needs.of_group(track)
        if needs:
            body["needs"] = list(needs)
        if track.sequence and len(track.tasks) > 1:
            body["sequence"] = True
        body |= self._gate_of(track)
        return body | {"tasks": {task.id: self._task(task) for task in track.tasks}}

    def _head(self, group: Group) -> _Map:
        body: _Map = {}
        if group.title and group.title != group.id:
            body["title"] = group.title
        if group.rationale:
            body["rationale"] = _text(group.rationale)
        if self._is_foreground(group):
            body["mode"] = "foreground"
        return body

    def _is_foreground(self, group: Group) -> bool:
        above: Group | None = group
        while above is not None:
            if above.mode is not None:
                return above.mode == "foreground"
            above = above.parent
        return False

    def _gate_of(self, thing: Task | Group) -> _Map:
        return {"gate": self._gate(thing.gates[0], alone=False)} if thing.gates else {}

    def _task(self, task: Task) -> _Map:
        body: _Map = {}
        if task.title and task.title != task.id:
            body["title"] = task.title
        if task.rationale:
            body["rationale"] = _text(task.rationale)
        needs = self.needs.of_task(task)
        if needs:
            body["needs"] = list(needs)
        body |= self._work(task)
        body |= self._files(task)
        if task.mode == "foreground":
            body["mode"] = "foreground"
        if task.timeout:
            body["timeout"] = Raw(task.timeout)
        if task.estimate:
            body["estimate"] = Raw(task.estimate)
        if task.allow_failure:
            body["allow_failure"] = True
        if task.tags:
            body["tags"] = list(task.tags)
        return body | self._gate_of(task)

    def _files(self, task: Task) -> _Map:
        body: _Map = {}
        if task.inputs:
            body["inputs"] = {name: self._input(source) for name, source in task.inputs.items()}
        if task.outputs:
            body["outputs"] = {name: path for path, name in name_outputs(task).items()}
        if task.env:
            body["env"] = {name: values.as_text(value) for name, value in task.env.items()}
        if task.counters:
            body["resources"] = dict.fromkeys(task.counters, 1)
        return body

    def _input(self, source: str) -> str:
        maker, _, output = source.partition(".")
        return f"{self.needs.ordering.things[int(maker)].id}.{output}"

    def _work(self, task: Task) -> _Map:
        if task.command is not None:
            *words, script = task.command
            return {"run": [*words, Block(values.as_text(script))]}
        name = task.agent or AGENT
        if name not in self.agents:
            self.agents[name] = self.agent_ids.take(id_from(name, "agent"))
        said = [*([task.title] if task.title else []), *task.said] or [task.name.removesuffix("-work")]
        return {"agent": self.agents[name], "prompt": Block(values.as_text("\n\n".join(said)) + "\n")}

    def _gate(self, gate: Gate, *, alone: bool) -> _Map:
        body: _Map = {}
        owner = gate.owner.id if gate.owner else None
        if not alone and gate.id != f"G-{owner}":
            body["id"] = gate.id
        if gate.title:
            body["title"] = gate.title
        if gate.rationale:
            body["rationale"] = _text(gate.rationale)
        if alone:
            things = gate.judged or gate.mean_of
            body["of"] = list(dict.fromkeys(name for thing in things for name in self._judged(thing)))
            needs = self.needs.of_gate(gate)
            if needs:
                body["needs"] = list(needs)
        averages = alone and not gate.judged
        if averages:
            body["aggregate"] = "mean"
        else:
            body["critics"] = list(dict.fromkeys(self._critic(gate, name) for name in self._who(gate)))
        if gate.threshold is not None:
            body["threshold"] = Raw(values.plain(gate.threshold))
        if gate.asks:
            body["on_exhausted"] = "ask"
        if gate.iterations and not averages:
            body["max_iterations"] = gate.iterations
        return body

    def _judged(self, thing: Task | Group | Gate) -> list[str]:
        """What a gate can judge: tasks, phases and tracks, no gates beside them."""
        if not isinstance(thing, Group) or thing in (self.draft.phases or []):
            return [thing.id]
        return [leaf.id for leaf in thing.leaves()]

    def _who(self, gate: Gate) -> list[str]:
        named = gate.critics or ([PERSON] if gate.person else [self.draft.critic or CRITIC])
        return [*named, PERSON] if gate.person and PERSON not in named else named

    def _critic(self, gate: Gate, name: str) -> str:
        criteria = gate.criteria or (self.draft.criteria if name != PERSON else {}) or {"quality": Decimal(1)}
        key = (name, tuple(sorted(criteria.items())))
        if key not in self.critics:
            id_ = self.critics[key] = self.critic_ids.take(id_from(name, "critic"))
            what = "a person has to approve" if name == PERSON else f"say under critics who {id_} is"
            body = _placeholder(what)
            if self.draft.critic_mode == "background":
                body["mode"] = "background"
            if self.draft.texts.get(name):
                body["description"] = _text(self.draft.texts[name])
            body["criteria"] = {
                criterion: Raw(values.plain(weight)) for criterion, weight in criteria.items()
            }
            self.critic_bodies[id_] = body
        return self.critics[key]

    def _edges(self) -> _Map:
        edges: _Map = {}
        for cross in self.draft.crosses:
            if cross.ends is None:
                continue
            body: _Map = {"from": cross.ends[0].id, "to": [target.id for target in cross.ends[1]]}
            artifacts = artifacts_of(self.source, cross)
            if artifacts:
                body["artifacts"] = list(artifacts)
            if cross.rationale:
                body["rationale"] = _text(cross.rationale)
            edges[cross.id] = body
        return edges


def _placeholder(what: str) -> _Map:
    return {"run": ["python", "-c", f"raise SystemExit('not filled in yet: {what}')"]}


def _text(text: str) -> str:
    return Block(text + "\n") if "\n" in text or len(text) > 80 else text
