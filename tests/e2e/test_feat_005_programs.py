"""The programs of plans/feat_005, run as programs on scratch copies of skills."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLANS = Path(__file__).resolve().parents[2] / "plans"
HERE = PLANS / "feat_005"
SAMPLE = HERE / "skill"
WEIGHTS = {"completeness": 0.25, "accuracy": 0.25, "clarity": 0.20, "actionability": 0.15, "alignment": 0.15}
GOOD_BODY = """
# Reviewer

You read a diff and return a list of remarks, each with file, line and severity, the worst first.
Look at names, at tests and at what is missing, and say nothing about taste.

1. Read the diff.
2. Write the list.
"""
GOOD_AGENT = "---\nname: {}\ndescription: Reviews a diff. Use when code changes.\n{}---\n" + GOOD_BODY


def run(script, *arguments, cwd, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ORCH_")}
    return subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        cwd=cwd,
        env=kept | {k: str(v) for k, v in environment.items()},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Bench:
    """A workspace and the folders an engine would give."""

    def __init__(self, tmp, skill=None):
        self.tmp, self.workspace = tmp, tmp / "workspace"
        if skill:
            shutil.copytree(skill, self.workspace)
        self.workspace.mkdir(exist_ok=True)

    def write(self, name, text):
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def judge(self, lists, task="EN-027", skill=""):
        gate = self.tmp / "gate"
        shutil.rmtree(gate, ignore_errors=True)
        shutil.copytree(self.workspace, gate / "artifacts" / task)
        result = gate / "evaluation.json"
        done = run(
            "judge.py", "--skill", skill, f"G-X={lists}",
            cwd=gate, ORCH_GATE="G-X", ORCH_GATE_DIR=gate, ORCH_RESULT=result,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(result.read_text("utf-8"))

    def mend(self, job, task="EN-027", iteration=1, findings=(), **environment):
        aside = self.tmp / "act"
        aside.mkdir(exist_ok=True)
        environment |= {"ORCH_TASK": task, "ORCH_ITERATION": iteration, "ORCH_TASK_DIR": aside}
        if iteration > 1:
            file = aside / "findings.json"
            file.write_text(json.dumps({"gate": "G-X", "findings": list(findings)}))
            environment["ORCH_FINDINGS"] = file
        return run("mend.py", job, cwd=self.workspace, **environment)

    def refine(self, job, lists, threshold):
        """Judges and mends up to three times; the scores."""
        scores = []
        for iteration in (1, 2, 3):
            findings = self.judge(lists)["findings"] if iteration > 1 else []
            done = self.mend(job, iteration=iteration, findings=findings)
            assert done.returncode == 0, done.stderr
            scores.append(score(self.judge(lists)))
            if scores[-1] >= threshold:
                break
        return scores


def score(evaluation):
    return sum(w * evaluation["criteria"][c]["score"] for c, w in WEIGHTS.items())


def rules(evaluation):
    return {f["rule"] for f in evaluation["findings"]}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def sample(tmp_path):
    return Bench(tmp_path, SAMPLE)


@pytest.mark.parametrize(
    ("job", "lists", "threshold"),
    [
        ("agent-definitions", "A", 0.9),
        ("skill-definition", "S", 0.9),
        ("playbook", "P", 0.9),
        ("polish", "SPC", 0.95),
    ],
)
def test_the_first_iteration_on_the_sample_fails_and_mending_its_findings_passes(
    sample, job, lists, threshold
):
    scores = sample.refine(job, lists, threshold)

    assert scores[0] < threshold <= scores[-1]
    assert scores[-1] >= 0.94


def test_every_finding_names_rule_task_place_and_remedy(sample):
    findings = sample.judge("ASPC", task="EN-030")["findings"]

    assert len(findings) > 30
    for finding in findings:
        assert finding["severity"] in {"critical", "major", "minor"}
        assert finding["task"] == "EN-030"
        assert finding["what"]
        assert finding["fix"]
        path, _, line = finding["where"].partition(":")
        if line:
            assert 1 <= int(line) <= len((sample.workspace / path).read_text("utf-8").splitlines())


def test_the_judge_leaves_its_artifacts_as_they_are(sample):
    before = {p: p.read_bytes() for p in sample.workspace.rglob("*") if p.is_file()}
    sample.judge("ASPC")
    copies = sample.tmp / "gate" / "artifacts" / "EN-027"
    after = {p: p.read_bytes() for p in copies.rglob("*") if p.is_file()}

    assert {p.relative_to(sample.workspace): b for p, b in before.items()} == {
        p.relative_to(copies): b for p, b in after.items()
    }


def test_an_agent_rewrites_every_output_in_its_first_iteration_even_unchanged(bench):
    path = bench.write("agents/one.md", GOOD_AGENT.format("one", "model: haiku\n"))
    before, content = path.stat(), path.read_bytes()
    done = bench.mend("agent-definitions")
    after = path.stat()

    assert done.returncode == 0
    assert path.read_bytes() == content
    assert (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns)
    assert [p.name for p in (bench.workspace / "agents").iterdir()] == ["one.md"]


@pytest.mark.parametrize(
    "extra",
    [
        "tools: Read, Grep\nmodel: inherit\n",
        "tools:\n  - Read\n  - mcp__github__create_issue\n  - Bash(git:*)\nmodel: claude-sonnet-4-5\n",
        "tools: Bash(git add:*, git commit:*), Agent(worker, helper)\nmodel: claude-opus-4-1-20250805\n",
        "color: blue\nmaxTurns: 3\nversion: 2\ntags: [a]\nmetadata: {x: 1}\n",
        "model: us.anthropic.claude-sonnet-4-5-20250929-v1:0\ndisallowedTools: [Write]\n",
    ],
)
def test_unusual_but_valid_front_matter_gives_no_finding(bench, extra):
    bench.write("agents/one.md", GOOD_AGENT.format("one", extra))

    assert bench.judge("A")["findings"] == []


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        ("tools: {Read: true}\n", "A-08"),
        ("tools: Read, Serch\n", "A-08"),
        ("model: gpt-4o\n", "A-09"),
        ("model: Sonnet\n", "A-09"),
        ("allowed-tools: Read\n", "A-17"),
    ],
)
def test_wrong_front_matter_is_found_and_mended(bench, extra, rule):
    bench.write("agents/one.md", GOOD_AGENT.format("one", extra))
    found = bench.judge("A")
    bench.mend("agent-definitions", iteration=2, findings=found["findings"])

    assert rules(found) == {rule}
    assert bench.judge("A")["findings"] == []


def test_tools_are_never_mended_to_none_because_that_would_allow_all(bench):
    path = bench.write("agents/one.md", GOOD_AGENT.format("one", "tools: Frobnicate\n"))
    bench.mend("agent-definitions", iteration=2, findings=bench.judge("A")["findings"])

    assert "tools: Frobnicate" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"---\nname: one\ndescription: caf\xe9\n---\n", "not UTF-8: byte 0xe9"),
        (b"\x00\x01", "NUL"),
        (b"", "empty"),
        (b"---\nname: one\nname: two\n---\nx\n", "`name` twice"),
        (b"---\n- name: one\n---\nx\n", "a list"),
        (b"---\nname: one\ndescription: Use: it\n---\nx\n", "not valid YAML"),
        (b"---\nname: one\n\n# One\n", "not closed"),
        (b"---\ndate: 2024-13-45\n---\nx\n", "not valid YAML"),
        (b"x [a](b " * 300_000, "larger than"),
    ],
)
def test_a_definition_that_cannot_be_read_is_a_finding_and_no_traceback(bench, content, what):
    bench.write("agents/one.md", content)
    found = bench.judge("A")
    done = bench.mend("agent-definitions")

    assert any(what in f["what"] and f["severity"] == "critical" for f in found["findings"])
    assert score(found) < 0.7
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_nested_aliases_do_not_grow_in_a_finding_or_a_verdict(bench):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{other}: &{other} [{', '.join([f'*{one}'] * 9)}]\n"
    bench.write(
        "agents/one.md", f"---\n{bomb}name: *i\ndescription: *i\nmodel: *i\ntools: *i\n---\n{GOOD_BODY}"
    )
    found = bench.judge("A")
    done = bench.mend("agent-definitions", iteration=2, findings=found["findings"])

    assert {"A-03", "A-05", "A-08", "A-09"} <= rules(found)
    assert max(len(f["what"]) for f in found["findings"]) < 200
    assert done.returncode == 0
    assert json.loads(verdict(bench).read_text())["agents"][0]["model"] == "inherit"


def test_a_colon_in_a_description_is_quoted(bench):
    path = bench.write("agents/one.md", GOOD_AGENT.format("one", "").replace("a diff.", "a diff: all of it."))
    found = bench.judge("A")
    bench.mend("agent-definitions", iteration=2, findings=found["findings"])

    assert rules(found) == {"A-02"}
    assert bench.judge("A")["findings"] == []
    assert "Reviews a diff: all of it." in path.read_text("utf-8")


def test_line_ends_and_byte_order_mark_survive_mending(bench):
    text = GOOD_AGENT.format("one", "model: gpt-4o\n").replace("\n", "\r\n")
    path = bench.write("agents/one.md", b"\xef\xbb\xbf" + text.encode())
    found = bench.judge("A")
    bench.mend("agent-definitions", iteration=2, findings=found["findings"])

    assert rules(found) == {"A-09"}
    assert path.read_bytes() == b"\xef\xbb\xbf" + text.replace("gpt-4o", "inherit").encode()


LINKS = """---
name: linked
description: Follows links. Use when links are followed.
---

# Linked

One way to use it is to read what follows, which has a number of links of all kinds in it: some of them lead
to files, some to headings, and some are no links at all because they are code.

- [file](references/a%20b.md), [heading](references/a%20b.md#part-2), [here](#linked), ![image](assets/p.png)
- [site](https://example.com/x.md), [mail](mailto:a@example.com), [root](/docs/x.md), [out](../else/SKILL.md)
- [by name][n], [Short][], array[0](1), `[code](gone.md)`, [pattern]({path}/x.md), [note][^1]

```bash
echo "[code](gone.md)"
```

    <!-- [comment](gone.md) -->

[n]: references/a%20b.md "title"
[short]: <references/a b.md>
[unused]: gone.md
[^1]: gone.md
"""


def test_only_links_that_are_links_are_followed(bench):
    bench.write("SKILL.md", LINKS)
    bench.write("references/a b.md", "# A b\n\n## Part 2!\n\nText.\n")
    bench.write("assets/p.png", b"\x89PNG\x00")

    assert bench.judge("S")["findings"] == []


def test_a_dead_link_is_found_at_its_line_and_retargeted_or_made_text(bench):
    text = LINKS + "\n[gone](references/lost.md) and [case](references/A%20B.md)\n"
    path = bench.write("SKILL.md", text)
    bench.write("references/a b.md", "# A b\n\n## Part 2!\n\nText.\n")
    bench.write("assets/p.png", b"x")
    found = bench.judge("S")
    bench.mend("skill-definition", iteration=2, findings=found["findings"])

    assert {f["where"] for f in found["findings"]} == {f"SKILL.md:{len(text.splitlines())}"}
    assert bench.judge("S")["findings"] == []
    assert "\ngone and [case](references/a%20b.md)" in path.read_text("utf-8")


def test_the_folder_is_compared_only_where_it_is_a_name(bench):
    bench.write("SKILL.md", LINKS)

    assert "S-05" in rules(bench.judge("S", skill="/somewhere/other/"))
    assert "S-05" not in rules(bench.judge("S", skill="/somewhere/linked"))
    assert "S-05" not in rules(bench.judge("S", skill="feat_005/skill"))


def test_a_script_without_an_option_parser_is_never_run(bench):
    mark = bench.tmp / "ran"
    bench.write("scripts/wipe.py", f"open({str(mark)!r}, 'w').write('x')\n")
    bench.write("SKILL.md", LINKS.replace("echo", "python scripts/wipe.py --force") + "\n`scripts/wipe.py`\n")
    bench.judge("S")

    assert not mark.exists()


def test_examples_are_held_against_the_script_they_run(bench):
    shutil.copytree(SAMPLE / "scripts", bench.workspace / "scripts")
    example = "python scripts/minutes.py x.txt --outfile y.md\npython scripts/minute.py --json"
    path = bench.write("SKILL.md", LINKS.replace('echo "[code](gone.md)"', example))
    found = [f for f in bench.judge("S")["findings"] if f["rule"] == "S-20"]
    bench.mend("skill-definition", iteration=2, findings=found)

    assert len(found) == 2
    assert "scripts/minutes.py x.txt --output y.md\npython scripts/minutes.py --json" in path.read_text(
        "utf-8"
    )


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("agent-definitions", "agents/*.md matches nothing"),
        ("skill-definition", "there is no SKILL.md"),
        ("playbook", "there is no SKILL.md"),
        ("model-parameters", "no Python script"),
    ],
)
def test_a_task_that_cannot_do_its_work_says_so_in_one_line(bench, job, message):
    done = bench.mend(job)

    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_playbook_is_written_from_what_the_skill_says(bench):
    bench.write("SKILL.md", LINKS)
    scores = bench.refine("playbook", "P", 0.9)

    assert scores[-1] >= 0.9
    assert "Follows links." in (bench.workspace / "PLAYBOOK.md").read_text("utf-8")


@pytest.mark.parametrize("parser", ["click", ""])
def test_model_options_are_refused_to_a_script_without_argparse(bench, parser):
    source = f"import {parser}\n" if parser else "print('hi')\n"
    path = bench.write("scripts/tool.py", source)
    done = bench.mend("model-parameters", ORCH_OUTPUT_OPTIONS=bench.tmp / "options.json")

    assert done.returncode == 1
    assert "no script can take model options" in done.stderr
    assert path.read_text("utf-8") == source


def verdict(bench):
    target = bench.tmp / "verdict.json"
    done = bench.mend("validate-model-parameter", task="TASK-419", ORCH_OUTPUT_VERDICT=target)
    assert done.returncode == 0, done.stderr
    return target


def test_phase_0_passes_where_a_model_can_be_chosen_even_if_not_all_is_well(sample):
    done = run("check_model_param.py", verdict(sample), cwd=sample.tmp)

    assert done.returncode == 0
    assert "still to be mended: agents/action-finder.md" in done.stdout


def test_phase_0_passes_for_definitions_that_only_lack_front_matter(bench):
    bench.write("agents/grader.md", GOOD_BODY)
    done = run("check_model_param.py", verdict(bench), cwd=bench.tmp)

    assert done.returncode == 0
    assert "still to be mended: agents/grader.md" in done.stdout


def test_phase_0_fails_with_a_reason_where_nothing_could_get_a_model(bench):
    bench.write("SKILL.md", LINKS)
    done = run("check_model_param.py", verdict(bench), cwd=bench.tmp)

    assert done.returncode == 1
    assert "no agent definitions" in done.stderr


def test_phase_0_needs_a_verdict(tmp_path):
    done = run("check_model_param.py", tmp_path / "none.json", cwd=tmp_path)

    assert done.returncode == 2
    assert "cannot read the verdict" in done.stderr


TRACK_B = {
    "TASK-420": "model-parameters",
    "TASK-421": "model-documents",
    "TASK-422": "default-models",
    "TASK-423": "model-profiles",
    "TASK-424": "integration-tests",
}


def play_track_b(bench, iteration, findings):
    """Runs the five tasks in order and collects what each hands in; the gate's folder."""
    gate = bench.tmp / f"gate-b{iteration}"
    options = gate / "artifacts" / "TASK-420" / "run" / "TASK-420.json"
    results = gate / "artifacts" / "TASK-424" / "run" / "TASK-424.json"
    for task, job in TRACK_B.items():
        mine = [f for f in findings if f["task"] == task]
        done = bench.mend(
            job, task, iteration, mine,
            ORCH_OUTPUT_OPTIONS=options, ORCH_OUTPUT_RESULTS=results, ORCH_INPUT_OPTIONS=options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shutil.copytree(bench.workspace, gate / "artifacts" / task, dirs_exist_ok=True)
    result = gate / "evaluation.json"
    done = run("judge.py", "G-031=M", cwd=gate, ORCH_GATE="G-031", ORCH_GATE_DIR=gate, ORCH_RESULT=result)
    assert done.returncode == 0, done.stderr
    return json.loads(result.read_text("utf-8"))


def test_track_b_first_contradicts_itself_and_agrees_after_one_refinement(sample):
    sample.refine("agent-definitions", "A", 0.9)
    first = play_track_b(sample, 1, [])
    second = play_track_b(sample, 2, first["findings"])

    assert score(first) < 0.9
    assert {"M-04", "M-07", "M-09", "M-12"} <= rules(first)
    assert score(second) >= 0.95


def test_the_script_still_works_and_shows_the_models_chosen(sample):
    sample.mend("model-parameters", ORCH_OUTPUT_OPTIONS=sample.tmp / "options.json")
    script = sample.workspace / "scripts" / "minutes.py"
    asked = ["--model", "haiku", "--model-fact-checker", "opus", "--show-models"]
    shown = run(script, *asked, cwd=sample.tmp)
    wrong = run(script, "--model", "gpt", cwd=sample.tmp)
    real = run(script, sample.workspace / "assets" / "standup.txt", cwd=sample.tmp)

    models = json.loads(shown.stdout)
    assert models.pop("fact-checker") == "opus"
    assert set(models.values()) == {"haiku"}
    assert wrong.returncode == 2
    assert "unknown model 'gpt'" in wrong.stderr
    assert "| Ben |" in real.stdout


def test_the_judge_refuses_a_gate_it_has_no_checklist_for(tmp_path):
    (tmp_path / "artifacts").mkdir()
    done = run("judge.py", "G-027=A", cwd=tmp_path, ORCH_GATE="G-099", ORCH_GATE_DIR=tmp_path)

    assert done.returncode == 2
    assert "no checklist for gate 'G-099'" in done.stderr


def test_the_readme_lists_the_rules_as_they_are(tmp_path):
    done = run("judge.py", "--rules", cwd=tmp_path)

    assert done.stdout.strip() in (HERE / "README.md").read_text("utf-8")
