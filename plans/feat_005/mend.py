"""The agents of FEAT-005: programs that mend a skill (the current folder) as far as programs can.

The first time, an agent does what its task says. From the second time on it mends what the
findings name, and nothing else. It ends with 1 and one line on stderr when it cannot do its work.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fixes
import frontmatter
import judge
import models
import playbook
from findings import Finding, read_finding
from textedit import MendError, Page, Skill

# Findings about other files that are mended in SKILL.md.
IN_SKILL_MD = {"S-15", "S-21"}


def findings() -> list[Finding]:
    """What the gate found in this task's work; empty the first time."""
    path = os.environ.get("ORCH_FINDINGS")
    if not path:
        return []
    task = os.environ.get("ORCH_TASK")
    raw = json.loads(Path(path).read_text("utf-8")).get("findings", [])
    mine = [f for f in raw if not task or f.get("task") in {None, "", task}]
    return [read_finding(f) for f in mine]


def first_time() -> bool:
    """Whether this is the first iteration."""
    return os.environ.get("ORCH_ITERATION", "1") == "1"


def mend_pages(skill: Skill, names: Sequence[str], found: Sequence[Finding]) -> list[str]:
    """Mends files by their findings and writes all of them; the names of those that changed."""
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        moved = finding._replace(file="SKILL.md", line=1) if finding.rule in IN_SKILL_MD else finding
        by_file[moved.file].append(moved)
    changed = []
    for name in names:
        page = skill.page(name)
        fixes.mend(page, by_file[name], skill)
        if page.save():
            changed.append(name)
    return changed


def definitions(skill: Skill) -> list[str]:
    """All files of agents/*.md, so that every match of the output is written."""
    return sorted(f for f in skill.tree.files if re.fullmatch(r"agents/[^/]+\.md", f))


def require(skill: Skill, name: str) -> None:
    """Ends the task when a file it works on is not there."""
    if name not in skill.tree.files:
        raise MendError(f"there is no {name} in this folder, so it is no skill to work on")


# ---------------------------------------------------------------- the jobs


def validate_model_parameter(skill: Skill) -> str:
    """TASK-419: inspects which model each agent has and how it could be chosen."""
    facts = models.inspect(skill)
    models.write_json("ORCH_OUTPUT_VERDICT", facts)
    valid = sum(a["valid"] for a in facts["agents"])
    return f"{len(facts['agents'])} agents, {valid} with a valid model or none; possible: {facts['possible']}"


def agent_definitions(skill: Skill) -> str:
    """EN-027: names, descriptions and models of the agents."""
    if not skill.tree.agents():
        raise MendError("there are no agent definitions: agents/*.md matches nothing in this skill")
    if not first_time():
        changed = mend_pages(skill, definitions(skill), findings())
        return f"mended {len(changed)} definitions"
    wrong = {
        a["file"]
        for a in read_input("ORCH_INPUT_VERDICT").get("agents", [])
        if a["readable"] and not a["valid"]
    }
    changed = []
    for name in definitions(skill):
        page = skill.page(name)
        if name in skill.tree.agents() and not page.problem:
            complete_front_matter(page, skill)
            if name in wrong:
                for problem in judge.model_problems(page.doc):
                    page.set_key("model", problem.data["near"])
        if page.save():
            changed.append(name)
    return f"completed {len(changed)} definitions"


def complete_front_matter(page: Page, skill: Skill) -> None:
    """Adds what every definition must have: front matter, a name, a description."""
    nothing = Finding("", page.name, 1, {})
    frontmatter.front_matter(page, nothing, skill)
    meta = page.doc.meta
    if meta is not None and not meta.get("name"):
        frontmatter.name(page, nothing, skill)
    if meta is not None and not meta.get("description"):
        frontmatter.description(page, nothing, skill)


def read_input(variable: str) -> dict[str, Any]:
    """The JSON object of an input; empty when there is none."""
    return judge.read_json(Path(os.environ.get(variable, "").split("\n")[0] or os.devnull))


def skill_definition(skill: Skill) -> str:
    """EN-028: SKILL.md, with the script that TASK-420 handed on."""
    require(skill, "SKILL.md")
    if not first_time():
        return _summary(mend_pages(skill, ["SKILL.md"], findings()))
    page = skill.page("SKILL.md")
    if not page.problem:
        complete_front_matter(page, skill)
        facts = read_input("ORCH_INPUT_OPTIONS")
        script = str(facts.get("script", ""))
        if script and script.rpartition("/")[2] not in "\n".join(page.lines):
            page.append(f"## Running the script\n\n```bash\n{facts['command']} --help\n```")
    return _summary(["SKILL.md"] if page.save() else [])


def _summary(changed: Sequence[str]) -> str:
    return f"changed {', '.join(changed)}" if changed else "nothing to change"


def playbook_for_readers(skill: Skill) -> str:
    """EN-029: PLAYBOOK.md with a part for each of three readers."""
    require(skill, "SKILL.md")
    if not first_time():
        return _summary(mend_pages(skill, ["PLAYBOOK.md"], findings()))
    page = skill.page("PLAYBOOK.md")
    if not page.problem:
        if not "".join(page.lines).strip():
            playbook.create(page, skill)
        playbook.outline(page)
    return _summary(["PLAYBOOK.md"] if page.save() else [])


def polish(skill: Skill) -> str:
    """EN-030: the last hand on SKILL.md and PLAYBOOK.md."""
    names = ["SKILL.md", "PLAYBOOK.md"]
    for name in names:
        require(skill, name)
    if not first_time():
        return _summary(mend_pages(skill, names, findings()))
    changed = []
    for name in names:
        page = skill.page(name)
        tidy(page)
        if page.save():
            changed.append(name)
    return _summary(changed)


def tidy(page: Page) -> None:
    """Takes out stray blanks at line ends and blank lines in a row, outside of code."""
    doc = page.doc
    if doc.problem:
        return
    kept: list[str] = []
    for index, line in enumerate(page.lines):
        text = line
        if index not in doc.code and index >= doc.body_start:
            # Two blanks at the end of a line are a line break.
            text = line.rstrip() + ("  " if re.search(r"\S  $", line) else "")
            if not text and kept and not kept[-1]:
                continue
        kept.append(text)
    page.lines[:] = kept


def model_parameters(skill: Skill) -> str:
    """TASK-420: model options of the script."""
    facts = models.add_options(skill, findings())
    models.write_json("ORCH_OUTPUT_OPTIONS", facts)
    return f"{facts['script']} has {', '.join(facts['options'])}"


def model_documents(skill: Skill) -> str:
    """TASK-421: the options in SKILL.md."""
    require(skill, "SKILL.md")
    page = _editable(skill, "SKILL.md")
    found = findings()
    if first_time() or found:
        models.document(page, skill, found)
    return _summary(["SKILL.md"] if page.save() else [])


def _editable(skill: Skill, name: str) -> Page:
    page = skill.page(name)
    if page.problem:
        raise MendError(f"{name} {page.problem}")
    return page


def default_models(skill: Skill) -> str:
    """TASK-422: a default model in every definition, beginning with those EN-027 released."""
    copies = os.environ.get("ORCH_INPUT_DEFINITIONS", "").split("\n")
    released = {Path(c).name: Path(c) for c in copies if c}
    found = findings()
    changed = []
    for name in definitions(skill):
        page = skill.page(name)
        copy = released.get(Path(name).name)
        if first_time() and copy and copy.is_file():
            page.lines = list(Page(copy.parent, copy.name).lines)
        fixes.mend(page, [f for f in found if f.file == name], skill)
        if name in skill.tree.agents() and (page.doc.meta or {}).get("model") is None:
            page.set_key("model", "inherit")
        if page.save():
            changed.append(name)
    return _summary(changed)


def model_profiles(skill: Skill) -> str:
    """TASK-423: model profiles in RUNBOOK.md, how to switch between them, and how to go back."""
    require(skill, "SKILL.md")
    found = findings()
    book = _editable(skill, "RUNBOOK.md")
    if first_time() or any(f.rule in {"M-08", "M-09"} for f in found):
        models.runbook(book, found)
    if first_time() or any(f.rule == "M-11" for f in found):
        models.profiles(book, skill, found)
    return _summary([book.name] if book.save() else [])


def integration_tests(skill: Skill) -> str:
    """TASK-424: runs the script with its model options."""
    facts = read_input("ORCH_INPUT_OPTIONS")
    if not facts.get("script"):
        raise MendError("TASK-420 handed on no script to test")
    path = skill.root / str(facts["script"])
    judge.script_help.cache_clear()
    shown = judge.script_help(path) if path.is_file() else None
    # The options as they are now: the input may be that of an earlier iteration.
    options = models.model_options(shown.text) if shown and not shown.status else facts["options"]
    results = models.run_tests(skill, str(facts["script"]), options)
    models.write_json("ORCH_OUTPUT_RESULTS", results)
    return f"{results['passed']} passed, {results['failed']} failed"


JOBS: dict[str, Callable[[Skill], str]] = {
    "validate-model-parameter": validate_model_parameter,
    "agent-definitions": agent_definitions,
    "skill-definition": skill_definition,
    "playbook": playbook_for_readers,
    "polish": polish,
    "model-parameters": model_parameters,
    "model-documents": model_documents,
    "default-models": default_models,
    "model-profiles": model_profiles,
    "integration-tests": integration_tests,
}


def main(argv: Sequence[str]) -> int:
    """Does one job; 0, or 1 with a line on stderr, or 2 when there is no such job."""
    if len(argv) != 1 or argv[0] not in JOBS:
        print(f"mend: give one job of: {', '.join(JOBS)}", file=sys.stderr)
        return 2
    try:
        summary = JOBS[argv[0]](Skill(Path.cwd()))
    except (MendError, OSError, json.JSONDecodeError) as error:
        print(f"{os.environ.get('ORCH_TASK', argv[0])}: {error}", file=sys.stderr)
        return 1
    if result := os.environ.get("ORCH_RESULT"):
        Path(result).write_text(json.dumps({"summary": summary}) + "\n", "utf-8")
    print(summary)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
