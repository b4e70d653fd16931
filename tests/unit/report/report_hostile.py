"""A run in which every text that an agent, a critic, a plan or a plugin can choose is hostile."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from report_builder import Run, gate, plan_of, task

from orchharness.core.plan import Critic, Edge
from orchharness.core.section import Section, Table, Text, Verbatim
from orchharness.report import Places

HOSTILE = (
    "<script>window.ran=1;alert(1)</script><img src=x onerror=window.ran=2>\" onmouseover=window.ran=3 x='' "
    "</title></style></script></svg></pre></textarea><svg onload=window.ran=4><a href=javascript:window.ran=5>x</a>"
    "{{ 7*7 }}{% raw %}${7*7}<!--\x1b[31m\x1b]8;;javascript:alert(1)\x07&lt;\u202e javascript:window.ran=6"
)


def hostile_run() -> Run:
    h = HOSTILE
    critic = Critic(id="c", kind="command", criteria={h: Decimal(1)})
    tasks = [task("A", h, title=h, agent=h, kind=h, gate="G-A"), task("B", needs=("A",))]
    plan = plan_of(
        tasks,
        [gate("G-A", title=h, of=("A",), critics=("c",))],
        critics={"c": critic},
        title=h,
        description=h,
        warnings=(h,),
        protocol={h: h},
        edges=(Edge(id=h, source="A", targets=("B",), artifacts=(h,)),),
    )
    run = Run(plan)
    run.records[0] |= {"run": h, "digest": h, "header": {"engine": h, h: h, "format": h}}
    files = {h: [{"path": h, "sha256": h, "size": h, "how": h, "item": h}]}
    run.start(0, "A")
    run.end(
        1,
        "A",
        1,
        outcome=h,
        state=h,
        detail=h,
        exit=h,
        outputs=files,
        inputs=files,
        summary=h,
        usage={h: h},
        reason=h,
    )
    run.judge(1, "G-A", "c")
    finding = dict.fromkeys(("severity", "task", "where", "what", "fix"), h)
    run.judged(
        2,
        "G-A",
        "c",
        1,
        evaluation={"criteria": {h: {"score": h, "why": h}}, "findings": [finding]},
        artifacts=files,
        then=[("G-A", "failed", {"score": h, "reason": h, "warnings": [h]}), ("B", "skipped", {"reason": h})],
    )
    run.start(3, "B")
    run.event(3, "HookFailed", hook=h, plugin=h, error=h)
    run.event(3, "GateInputsChanged", gates=[h], paths=[h])
    run.event(3, "StopRequested", reason=h, cancel=False, interrupted=True)
    run.event(3, "DecisionTaken", item="G-A", question=h, number=1, option=h, by=h, note=h, decided=h)
    run.event(3, "HookFailed", hook=h, plugin=h, error=h, then=[("G-A", "waived", {"score": h, "reason": h})])
    run.judge(3, "G-A", "c", 2)
    again = {h: [{"path": h, "sha256": "2", "size": h, "how": h, "item": h}]}
    run.judged(4, "G-A", "c", 1, 2, evaluation={"criteria": h, "findings": [finding]}, artifacts=again)
    run.finish(4, h, h)
    return run


def hostile_places(folder: Path) -> Places:
    """A run's folder in which every file is hostile."""
    (folder / "plan.yaml").write_text(f"A: {HOSTILE}\nG-A: {HOSTILE}\n")
    (folder / "stored").write_text(f"{HOSTILE}\n{HOSTILE}\n")
    (folder / "stored2").write_text(f"x\n {HOSTILE}\n")
    for act in ("A.i1.a1", "G-A.c.i1.a1", "B.i1.a1"):
        inside = folder / act / "agent"
        inside.mkdir(parents=True)
        for name in ("prompt.md", "stdout.log", "stderr.log", "<img src=x onerror=ran=7>.log"):
            (folder / act / name).write_text(HOSTILE)
        (inside / "stdout.log").write_text(HOSTILE)
        (folder / act / "request.json").write_text(json.dumps({"spawn": {"argv": [HOSTILE, HOSTILE]}}))
    return Places(
        plan=folder / "plan.yaml",
        act=lambda name: folder / name,
        stored=lambda digest: folder / ("stored2" if digest == "2" else "stored"),
    )


def hostile_sections(_view: object) -> list[tuple[str, Section]]:
    """A section of a plugin that shows what an agent said."""
    h = HOSTILE
    return [(h, Section(h, (Text(h), Verbatim(h, h), Table((h,), ((h, {h: h}),)), h)))]
