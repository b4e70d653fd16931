"""The parts of the view that say more than the journal: waiting, the bound, diffs, the graph, acts, the plan."""

import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from report_builder import T0, WEIGHTS, Run, evaluation, feat_005, gate, out, plan_of, sha, task

from orchharness.core.plan import Agent, Combine, Critic, Edge, OnExhausted
from orchharness.core.section import Section, Table, Text
from orchharness.report import build
from orchharness.report.changes import changes
from orchharness.report.graph import graph
from orchharness.report.history import Act, read
from orchharness.report.layout import Layout, Place, layout
from orchharness.report.material import ActText, Log, Material, Places, look
from orchharness.report.plantext import plan_text
from orchharness.report.sections import section_views


def view_of(run, now=1000.0, **more):
    return build(run.plan, run.records, now=T0 + now, **more)


def fact(view, name):
    return next(f for f in view.facts if f.name == name)


def ready(run, at, item):
    run.event(at, "HookFailed", then=[(item, "ready")])


def act(iteration, artifacts, *, gate_id="G"):
    return Act(
        name=f"{gate_id}.i{iteration}", item=gate_id, critic="c", iteration=iteration, attempt=1, sample=1,
        begun=0, over=1, start=0.0, end=1.0, outcome="success", result={"artifacts": artifacts},
    )  # fmt: skip


# ---- waiting and the bound ----


def test_an_act_has_waited_since_its_item_was_ready():
    run = Run(plan_of([task("A")]))
    ready(run, 0, "A")
    run.start(30, "A")
    run.end(40, "A", 10)
    run.finish(40, "passed")
    view = view_of(run)
    bar = view.timeline.lanes[0].bars[0]

    assert fact(view, "Waiting").value == "30.0 s"
    assert bar.wait is not None
    assert bar.wait[0] + bar.wait[1] == pytest.approx(bar.x)
    assert "waited 30.0 s before it" in bar.title


def test_waiting_of_very_many_at_once_is_told_and_not_drawn():
    names = [f"t{n}" for n in range(80)]
    run = Run(plan_of([task(name) for name in names], []))
    for name in names:
        ready(run, 0, name)
    for n, name in enumerate(names):
        run.start(n, name)
        run.end(n + 1, name, 1)
    run.finish(80, "passed")
    found = view_of(run).timeline

    (lane,) = found.lanes
    assert not any(bar.wait for bar in lane.bars)
    assert len({bar.y for bar in lane.bars}) < 5
    assert "waited 1 min 19 s before it" in lane.bars[-1].title
    assert any("waiting is not drawn" in note for note in found.notes)


def test_the_second_judgement_of_a_gate_did_not_wait_while_the_first_was_at_work():
    run = Run(plan_of([task("A", gate="G-A")], [gate("G-A", of=("A",), critics=("c", "d"))]))
    ready(run, 5, "G-A")
    run.judge(5, "G-A", "c")
    run.judged(25, "G-A", "c", 20)
    run.judge(25, "G-A", "d")
    run.judged(35, "G-A", "d", 10)

    assert [act.waited for act in read(run.plan, run.records, now=T0 + 50).acts] == [0.0, 0.0]


def test_waiting_for_a_person_is_drawn_as_such():
    run = Run(plan_of([task("A")], [gate("G-A", of=("A",), human=True)]))
    run.event(5, "HookFailed", then=[("G-A", "paused")])
    run.event(
        65, "DecisionTaken", item="G-A", option="pass", by="ada", then=[("G-A", "passed", {"iteration": 1})]
    )
    run.finish(65, "passed")
    bars = [bar for lane in view_of(run).timeline.lanes for bar in lane.bars]

    assert [(bar.kind, bar.title.split("\n")[0]) for bar in bars] == [
        ("pause", "G-A waits for a person"),
        ("verdict", "G-A: passed"),
    ]


def test_what_waits_for_a_person_now_is_named():
    run = Run(plan_of([task("A")], [gate("G-A", of=("A",), human=True)]))
    run.event(5, "HookFailed", then=[("G-A", "paused")])

    assert view_of(run).waiting == ("G-A",)


def test_the_bound_is_the_critical_path_or_all_acts_spread_evenly():
    chain = Run(plan_of([task("A"), task("B", needs=("A",))], parallel=4))
    for at, name in ((0, "A"), (10, "B")):
        chain.start(at, name)
        chain.end(at + 10, name, 10)
    chain.finish(20, "passed")
    wide = Run(plan_of([task(name) for name in "ABCD"], parallel=2))
    for at, name in ((0, "A"), (0, "B"), (10, "C"), (10, "D")):
        wide.start(at, name)
    for at, name in ((10, "A"), (10, "B"), (20, "C"), (20, "D")):
        wide.end(at, name, 10)
    wide.finish(25, "passed")

    assert [(p.value, p.own) for p in view_of(chain).paces] == [
        ("20.0 s", False),
        ("20.0 s", True),
        ("20.0 s", False),
    ]
    assert [p.value for p in view_of(wide).paces] == ["40.0 s", "25.0 s", "20.0 s"]
    assert view_of(wide).paces[2].note == "all acts, 2 at once and never idle: 80% of this run"


# ---- money ----


def test_what_a_model_does_not_tell_is_unknown():
    agents = {"m": Agent(id="m", kind="claude", is_model=True)}
    run = Run(plan_of([task("A", agent="m"), task("B", agent="m")], agents=agents))
    run.start(0, "A")
    run.start(0, "B")
    run.end(5, "A", 5)
    nothing = fact(view_of(run), "Cost")
    run.end(6, "B", 6, usage={"usd": 0.5})
    some = fact(view_of(run), "Cost")

    assert (nothing.value, nothing.note) == ("unknown", "none of 1 act of models told it")
    assert (some.value, some.note) == (
        "$0.50",
        "as the agents reported it and 1 act of models that told no cost",
    )


# ---- what changed ----


def test_a_changed_artifact_is_shown_as_a_diff_newest_iteration_first():
    texts = {"1": b"one\ntwo\n", "2": b"one\nthree\n", "3": b"four\n"}
    acts = [act(n, {"A.doc": [{"path": "a.md", "sha256": str(n)}]}) for n in (1, 2, 3)]
    found, more = changes(acts, lambda digest, _: texts[digest])

    assert more == 0
    assert [(c.before, c.after, c.note) for c in found] == [
        (2, 3, "1 line added, 2 removed"),
        (1, 2, "1 line added, 1 removed"),
    ]
    assert [(line.kind, line.text) for line in found[1].lines] == [
        ("at", "@@ -1,2 +1,2 @@"),
        ("", " one"),
        ("del", "-two"),
        ("add", "+three"),
    ]


def test_a_file_that_came_or_went_is_named_without_a_diff():
    acts = [
        act(1, {"A.doc": [{"path": "a.md", "sha256": "1"}]}),
        act(2, {"A.doc": [{"path": "b.md", "sha256": "1"}]}),
    ]
    found, _ = changes(acts, lambda *_: b"")

    assert [(c.path, c.note, c.lines) for c in found] == [
        ("b.md", "new in this iteration", ()),
        ("a.md", "no longer there", ()),
    ]


@pytest.mark.parametrize("data", [None, b"\0", b"\xff\xfe", b"x\n" * 5000])
def test_what_is_no_short_text_is_not_compared(data):
    acts = [act(n, {"A.doc": [{"path": "a", "sha256": str(n)}]}) for n in (1, 2)]
    (found,), _ = changes(acts, lambda *_: data)

    assert found.note == "not compared: no text, too long, or not in the store"


def test_a_long_diff_is_cut_and_says_so():
    texts = {"1": b"", "2": b"".join(b"line %d\n" % n for n in range(400))}
    acts = [act(n, {"A.doc": [{"path": "a", "sha256": str(n)}]}) for n in (1, 2)]
    (found,), _ = changes(acts, lambda digest, _: texts[digest])

    assert (len(found.lines), found.more) == (120, 281)


def test_a_diff_keeps_indentation_and_loses_escape_sequences():
    texts = {"1": b"", "2": b"    deep \x1b[31mred\x1b[0m\n"}
    acts = [act(n, {"A.doc": [{"path": "a", "sha256": str(n)}]}) for n in (1, 2)]
    (found,), _ = changes(acts, lambda digest, _: texts[digest])

    assert found.lines[-1].text == "+    deep red"


# ---- judgements ----


def test_several_judgements_of_a_critic_are_shown_with_their_spread():
    plan = plan_of(
        [task("A", gate="G-A")],
        [gate("G-A", of=("A",), critics=("c",), samples=2)],
        critics={"c": Critic(id="c", kind="command", criteria=WEIGHTS)},
    )
    run = Run(plan)
    for sample, scores in ((1, [1.0] * 5), (2, [0.5] * 5)):
        name = f"G-A.i1.c.s{sample}.a1"
        run.event(
            0,
            "JudgementStarted",
            gate="G-A",
            critic="c",
            iteration=1,
            attempt=1,
            act=name,
            key=name,
            sample=sample,
        )
        run.event(
            9, "JudgementFinished", gate="G-A", critic="c", act=name, outcome="success", started=T0, seconds=9.0,
            evaluation=evaluation(scores), then=[("G-A", "refining", {"score": "0.750", "iteration": 1})] if sample == 2 else (),
        )  # fmt: skip
    (found,) = view_of(run).gates

    assert [(s.iteration, s.critic, s.scores, s.spread) for s in found.samples] == [
        (1, "c", ("1.000", "0.500"), "0.500")
    ]
    top, bottom = found.chart.points[0].span
    assert top < found.chart.points[0].y < bottom


# ---- the graph ----


def in_a_row(count, edges):
    return Layout(nodes=tuple(Place(float(n), 0.0) for n in range(count)), bends=tuple(() for _ in edges))


def test_an_edge_that_others_imply_is_not_drawn_and_a_named_one_always_is():
    tasks = [task("A"), task("B", needs=("A",)), task("C", needs=("A", "B"))]
    run = Run(plan_of(tasks))
    plain = graph(run.plan, read(run.plan, run.records, now=T0), in_a_row)
    named = replace(run.plan, edges=(Edge(id="CP-1", source="A", targets=("C",)),))
    crossed = graph(named, read(named, run.records, now=T0), in_a_row)

    assert [link.title for link in plain.links] == ["A to B", "B to C"]
    assert [(link.title, link.cross) for link in crossed.links if link.cross] == [("CP-1: A to C", "CP-1")]
    assert dict(plain.edges) == {"B": "A", "C": "A, B"}


def test_what_a_task_with_a_gate_hands_on_leaves_the_gate():
    plan, records = feat_005()
    found = graph(plan, read(plan, records, now=T0 + 99999), layout)

    assert {link.title for link in found.links if link.cross} == {
        "CP-1: G-PHASE0 to EN-027",
        "CP-2: G-027 to TASK-422",
        "CP-3: TASK-420 to EN-028",
    }
    assert all(node.x >= 0 and node.x + node.width <= found.width for node in found.nodes)
    assert all(node.y >= 0 and node.y + node.height <= found.height for node in found.nodes)


def test_no_two_boxes_of_the_graph_overlap():
    plan, records = feat_005()
    nodes = graph(plan, read(plan, records, now=T0 + 99999), layout).nodes

    for n, a in enumerate(nodes):
        for b in nodes[n + 1 :]:
            apart = (
                a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            )
            assert apart, (a.id, b.id)


def test_without_the_library_the_graph_is_told_in_words():
    plan, records = feat_005()
    found = graph(plan, read(plan, records, now=T0 + 99999), lambda *_: None)

    assert found.missing
    assert found.nodes == ()
    assert dict(found.edges)["G-028"] == "EN-028"


def test_a_library_that_cannot_be_imported_is_done_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "igraph", None)

    assert layout(2, [(0, 1)]) is None


def test_the_graph_of_many_items_is_one_of_tracks():
    tasks = [task(f"A{n}", "one") for n in range(200)] + [task("B", "two", needs=("A7",))]
    run = Run(plan_of(tasks))
    found = graph(run.plan, read(run.plan, run.records, now=T0), in_a_row)

    assert [node.id for node in found.nodes] == ["build/one", "build/two"]
    assert [link.title for link in found.links] == ["build/one to build/two"]


# ---- waivers, plan, acts ----


def test_waivers_say_who_let_the_gate_through_and_why():
    gates = [
        gate("G-A", of=("A",), critics=("c",)),
        gate("G-B", of=("B",), critics=("c",), on_exhausted=OnExhausted.ACCEPT),
    ]
    run = Run(plan_of([task("A"), task("B")], gates))
    run.event(
        3, "DecisionTaken", item="G-A", option="pass", by="ada", note="good enough", decided=T0,
        then=[("G-A", "waived", {"score": "0.70", "iteration": 1})],
    )  # fmt: skip
    run.event(
        4, "HookFailed", then=[("G-B", "waived", {"score": "0.80", "iteration": 3, "reason": "0.80 < 0.90"})]
    )

    assert [(w.id, w.score, w.threshold, w.by, w.reason) for w in view_of(run).waivers] == [
        ("G-A", "0.70", "0.90", "ada", "good enough"),
        ("G-B", "0.80", "0.90", "the plan (on_exhausted: accept)", "0.80 < 0.90"),
    ]


def test_ids_in_the_plan_are_links_and_nothing_else_is():
    run = Run(plan_of([task("EN-027")], [gate("G-027", of=("EN-027",))]))
    found = plan_text(run.plan, "  EN-027: {gate: {id: G-027}}  # x\n# EN-027\nEN-0271: no")

    assert [[(p.text, p.link) for p in line] for line in found.lines] == [
        [("  ", ""), ("EN-027", "EN-027"), (": {gate: {id: ", ""), ("G-027", "G-027"), ("}}  # x", "")],
        [("# EN-027", "")],
        [("EN-0271: no", "")],
    ]


def test_acts_are_told_by_track_with_what_they_were_told_and_printed():
    run = Run(plan_of([task("A"), task("B", "other")]))
    run.start(0, "A")
    run.start(0, "B")
    run.end(5, "A", 5, outcome="exit", state="failed", detail="exit 1", usage={"usd": 0.25})
    told = ActText(prompt="Do it.", logs=(Log(name="Output", text="done", cut=10),))
    view = view_of(run, look=lambda _: Material(acts={"A.i1.a1": told}))
    main, other = view.acts

    assert (main.name, main.failed, other.failed) == ("build / main", 1, 0)
    (row,) = main.acts
    assert (row.outcome, row.took, row.spent, row.detail, row.prompt) == (
        "exit",
        "5.00 s",
        "$0.25",
        "exit 1",
        "Do it.",
    )
    assert row.told
    assert not other.acts[0].told


# ---- what lies beside the journal ----


def beside(tmp_path, run):
    return look(Places(act=lambda name: tmp_path / name), read(run.plan, run.records, now=T0))


def one_act():
    run = Run(plan_of([task("A")]))
    run.start(0, "A")
    run.end(5, "A", 5)
    return run


def test_the_end_of_a_long_log_is_kept_and_what_is_missing_counted(tmp_path):
    folder = tmp_path / "A.i1.a1"
    folder.mkdir()
    (folder / "stdout.log").write_text("x" * 50_000 + "the end")
    (log,) = beside(tmp_path, one_act()).acts["A.i1.a1"].logs

    assert (log.name, len(log.text), log.cut) == ("Output", 4000, 46_007)
    assert log.text.endswith("the end")


def test_what_a_run_hides_is_not_shown_of_prompts_logs_and_artifacts(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOY", "hunter2-hunter2")
    key = f"sk-ant-{'a1' * 20}"
    folder = tmp_path / "A.i1.a1"
    folder.mkdir()
    (folder / "prompt.md").write_text(f"Use {key}.")
    (folder / "stdout.log").write_text("the value is hunter2-hunter2\n")
    (tmp_path / "digest").write_text("# hunter2-hunter2\n")
    run = one_act()
    history = read(run.plan, run.records, now=T0)
    hiding = replace(history, header={**history.header, "hidden": ["DEPLOY"]})
    shown = look(Places(act=lambda name: tmp_path / name, stored=lambda name: tmp_path / name), hiding)
    told = shown.acts["A.i1.a1"]

    assert (told.prompt, told.logs[0].text) == ("Use [redacted].", "the value is [redacted]")
    assert shown.read is not None
    assert shown.read("digest", 100) == b"# [redacted]\n"


def test_what_a_run_hides_though_the_environment_does_not_have_it_is_not_shown(tmp_path):
    (tmp_path / "A.i1.a1").mkdir()
    (tmp_path / "A.i1.a1" / "stdout.log").write_text("the value is hunter2-hunter2\n")
    run = one_act()
    places = Places(act=lambda name: tmp_path / name, hidden=("hunter2-hunter2",))

    assert (
        look(places, read(run.plan, run.records, now=T0)).acts["A.i1.a1"].logs[0].text
        == "the value is [redacted]"
    )


def test_a_log_that_is_a_link_or_no_file_is_not_read(tmp_path):
    folder = tmp_path / "A.i1.a1"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "stdout.log").symlink_to(tmp_path / "secret")
    (folder / "prompt.md").symlink_to(tmp_path / "secret")
    (folder / "stderr.log").mkdir()

    assert beside(tmp_path, one_act()).acts["A.i1.a1"] == ActText()


def test_escape_sequences_of_a_log_are_gone(tmp_path):
    folder = tmp_path / "A.i1.a1"
    folder.mkdir()
    (folder / "stdout.log").write_text("\x1b[31mred\x1b[0m \x1b]0;title\x07plain")
    (log,) = beside(tmp_path, one_act()).acts["A.i1.a1"].logs

    assert log.text == "red plain"


def test_the_name_of_an_act_leads_nowhere_else(tmp_path):
    run = Run(plan_of([task("A")]))
    run.event(0, "TaskStarted", task="A", iteration=1, attempt=1, act="../../secret", key="k")
    asked = []

    def folder(name):
        asked.append(name)
        return tmp_path / name

    look(Places(act=folder), read(run.plan, run.records, now=T0))

    assert asked == ["secret"]


def test_what_was_executed_is_shown_and_the_environment_is_not(tmp_path):
    folder = tmp_path / "A.i1.a1"
    folder.mkdir()
    (folder / "request.json").write_text(
        '{"spawn": {"argv": ["sh", "-c", "echo $X"], "env": {"X": "hidden"}}}'
    )
    text = beside(tmp_path, one_act()).acts["A.i1.a1"]

    assert text.command == "sh -c 'echo $X'"
    assert "hidden" not in str(text)


def test_all_texts_together_are_bounded_and_failures_come_first(tmp_path):
    run = Run(plan_of([task(f"T{n}") for n in range(400)]))
    for n in range(400):
        folder = tmp_path / f"T{n}.i1.a1"
        folder.mkdir()
        for name in ("prompt.md", "stdout.log", "stderr.log"):
            (folder / name).write_text("x" * 9000)
        run.start(n, f"T{n}")
        run.end(n + 1, f"T{n}", 1, outcome="success" if n else "exit", state="passed" if n else "failed")
    found = beside(tmp_path, run).acts
    total = sum(len(t.prompt) + sum(len(log.text) for log in t.logs) for t in found.values())

    assert total <= 900_000
    assert "T0.i1.a1" in found
    assert "T399.i1.a1" in found


# ---- sections of plugins ----


def test_sections_are_bounded_and_cleaned():
    (found,) = section_views(
        [("p", Section("\x1b[1mTitle", (Table(("a",), tuple((n,) for n in range(900))), Text("x" * 99_999))))]
    )
    table, text = found.parts

    assert (found.title, len(table.rows), table.more) == ("Title", 500, 400)
    assert text.text.endswith("characters more)")


def test_a_part_that_is_none_is_shown_as_text():
    (found,) = section_views([("p", Section("T", ({"a": 1},)))])

    assert (found.parts[0].kind, found.parts[0].text) == ("text", '{"a": 1}')


def test_gates_over_gates_and_groups_have_a_place_in_the_graph():
    tasks = [task("A", gate="G-A"), task("B", "other", needs=("track:build/main",))]
    gates = [
        gate("G-A", of=("A",), needs=("A",), owner="A"),
        gate("G-ALL", of_gates=("G-A",), needs=("G-A",), aggregate=Combine.MEAN, threshold=Decimal("0.9")),
    ]
    run = Run(plan_of(tasks, gates, groups={"track:build/main": ("A", "G-A", "G-ALL")}))
    found = graph(run.plan, read(run.plan, run.records, now=T0), in_a_row)

    assert {link.title for link in found.links} == {
        "A to G-A",
        "G-A to G-ALL",
        "G-ALL to build/main",
        "build/main to B",
    }


def test_what_an_artifact_went_to_is_by_its_bytes():
    run = Run(plan_of([task("A"), task("B", needs=("A",))]))
    run.start(0, "A")
    run.end(1, "A", 1, outputs=out("doc", "a.md", "1", "created"))
    run.start(1, "B")
    run.end(2, "B", 1, inputs={"doc": [{"path": "a.md", "sha256": sha("other"), "item": "A"}]})

    assert view_of(run).artifacts[0].consumers == ()


def test_the_report_of_a_run_that_goes_on_compares_nothing_and_reads_the_newest_acts_only(tmp_path):
    plan, records = feat_005(until=3400)
    asked = []

    def folder(name):
        asked.append(name)
        return tmp_path / name

    places = Places(act=folder, stored=lambda digest: tmp_path / digest)
    history = read(plan, records, now=T0 + 3500)
    brief = look(places, history, brief=True)

    assert brief.read is None
    assert len(asked) == len(set(asked)) <= 20
    assert look(places, history).read is not None
