"""How many agents of which kind, with which permissions; and the formats."""

from __future__ import annotations

import json

from orchharness.explain import explain, render


def counts(found) -> dict[str, tuple[int, int]]:
    return {f"{s.role} {s.name}".strip(): (s.first, s.most) for s in found.spawns}


def test_the_acts_of_feat_005(feat_005):
    """Ten tasks, one round of checks, five judgements; nine tasks and five gates of up to three iterations."""
    found = explain(feat_005)

    assert (found.first_acts, found.most_acts) == (10 + 1 + 5, 1 + 9 * 3 + 1 + 5 * 3)
    assert counts(found)["critic ps-critic"] == (5, 15)
    assert counts(found)["task model-inspector"] == (1, 1)


def test_an_agents_permissions_are_told_as_they_were_written(explained, read):
    text = """
        agents: {writer: {kind: model, model: huge, allow: [Bash, Write]}}
        tasks:
          a: {agent: writer, prompt: Write., outputs: {o: a.md}}
          b: {agent: writer, prompt: Write., outputs: {o: b.md}}
    """
    found = explained(text)

    assert counts(found) == {"task writer": (2, 2)}
    assert 'model: "huge", allow: ["Bash", "Write"]' in render(read(text), found)


def test_a_wider_gate_makes_the_own_gates_judge_again(explained):
    found = explained("""
        critics: {c: {run: "true", criteria: {q: 1}}}
        tracks:
          t:
            tasks:
              a: {run: "true", outputs: {o: a.md}, gate: {critics: [c], max_iterations: 2}}
            gate: {critics: [c], checks: [{run: "true"}], max_iterations: 3}
    """)

    assert counts(found) == {"task": (1, 6), "critic c": (2, 9), "checks": (1, 3)}


def test_critics_count_as_often_as_they_judge(explained):
    found = explained("""
        critics: {c: {run: "true", criteria: {q: 1}}}
        tasks:
          a:
            run: "true"
            outputs: {o: a.md}
            gate: {critics: [c], checks: [{run: "true"}], samples: 3, confirm_on_fail: 2, max_iterations: 2}
    """)

    assert counts(found) == {"task": (1, 2), "critic c": (3, 10), "checks": (1, 2)}


def test_menders_count_in_place_of_the_members_they_work_for(explained):
    found = explained("""
        agents: {fixer: {kind: command, run: [x]}, own: {kind: command, run: [x]}}
        critics: {c: {run: "true", criteria: {q: 1}}}
        tracks:
          t:
            tasks:
              a:
                run: "true"
                outputs: {o: a.md}
                gate: {critics: [c], refine: {agent: own}, max_iterations: 2}
              b: {run: "true", inputs: {a: a.o}, outputs: {o: b.md}}
            gate: {critics: [c], refine: {agent: fixer}, max_iterations: 4}
    """)

    assert counts(found) == {
        "task": (2, 1 + 4),
        "task own": (0, 4),
        "task fixer": (0, 3),
        "critic c": (2, 4 * 2 + 4),
    }


def test_an_agent_that_judges_is_told_with_its_options(explained):
    found = explained("""
        agents: {reader: {kind: model, allow: [Read]}}
        critics: {c: {agent: reader, prompt: Judge., criteria: {q: 1}}}
        tasks: {a: {run: "true", outputs: {o: a.md}, gate: {critics: [c], max_iterations: 1}}}
    """)
    (critic,) = (s for s in found.spawns if s.role == "critic")

    assert critic.kind == "agent reader (model)"
    assert critic.options["allow"] == ["Read"]


def test_json_holds_all_of_it(feat_005):
    told = json.loads(render(feat_005, explain(feat_005), "json"))

    assert told["useful_width"] == 2
    assert told["widths"][1] == {"agents": 2, "length": 126000.0, "speedup": 67 / 35}
    assert told["advice"][2]["counsel"] == "SEQUENTIAL"
    assert {h["kind"] for h in told["hazards"]} >= {"shared writes", "order only"}


def test_text_names_the_bound_before_the_agents(feat_005):
    told = render(feat_005, explain(feat_005))

    assert told.index("critical path: 35 h") < told.index("useful width: 2 agents")
    assert told.index("useful width") < told.index("WHAT WILL BE SPAWNED")


def test_markdown_has_the_diagram_and_no_markup_of_the_plans_own(read):
    plan = read('title: "a *b* <img>"\ntasks: {a: {run: "true"}}\n')
    told = render(plan, explain(plan), "markdown")

    assert told.startswith("# plan p: a \\*b\\* \\<img> (1 task, 0 gates)\n")
    assert "```mermaid\nflowchart LR\n" in told


def test_mermaid_tells_data_from_order_and_names_the_edge(feat_005):
    lines = render(feat_005, explain(feat_005), "mermaid").splitlines()
    node = {
        text.split('"')[1].split("<")[0]: text.split("[")[0].split("{")[0].strip()
        for text in lines
        if '"' in text
    }

    assert f"  {node['G-027']} -->|CP-2| {node['TASK-422']}" in lines
    assert f"  {node['G-027']} -.-> {node['EN-028']}" in lines
    assert f"  {node['TASK-419']} --> {node['G-PHASE0']}" in lines
    assert any(node["EN-030"] in text and text.endswith(" critical") for text in lines)


def test_a_long_list_is_cut_and_says_so(explained, read):
    text = "tasks:\n" + "".join(f'  t{n}: {{run: "true", needs: [t{n - 1}]}}\n' for n in range(1, 60))
    text = text.replace("tasks:\n", 'tasks:\n  t0: {run: "true"}\n')
    told = render(read(text), explained(text))

    assert "and 40 more, see --json" in told  # waves
    assert "and 51 more, see --json" in told  # needs that carry nothing


def test_people_are_not_spawned(explained):
    found = explained("tasks: {q: {ask: Which?}, a: {run: [cat], inputs: {q: q.answer}}}\n")

    assert (found.first_acts, found.most_acts) == (1, 1)
