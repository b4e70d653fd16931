"""Writes the parts of a PLAYBOOK for its three readers, from facts the skill itself gives."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import fixes
import judge
from findings import Finding
from textedit import Page, Skill, plain, sentences

TITLES = {
    "P-02": "L0: in plain words",
    "P-03": "L1: for who runs it",
    "P-04": "L2: for who designs and maintains it",
}
ORDER = list(TITLES)


def create(page: Page, skill: Skill) -> None:
    """Begins a PLAYBOOK where there is none."""
    page.problem = ""
    page.lines = [f"# Playbook: {called(skill)}"]


def outline(page: Page) -> None:
    """Makes sure that each reader has a heading, with a pointer where the text is to come."""
    parts = judge.reader_parts(page.doc)
    for rule in ORDER:
        if rule not in parts:
            add_part(page, rule, "See [SKILL.md](SKILL.md).")


def called(skill: Skill) -> str:
    """The skill's title, or its name."""
    names = judge.skill_names(skill.tree)
    return names[-1] if names else "this skill"


def add_part(page: Page, rule: str, text: str) -> None:
    """Adds a reader's part where the order wants it."""
    block = f"## {TITLES[rule]}\n\n{text}"
    later = [h for r, h in judge.reader_parts(page.doc).items() if ORDER.index(r) > ORDER.index(rule)]
    if later:
        page.insert(min(h.line for h in later) - 1, block)
    else:
        page.append(block)


def part(page: Page, finding: Finding, skill: Skill) -> None:
    """Adds a missing part, written out."""
    if finding.rule not in judge.reader_parts(page.doc):
        add_part(page, finding.rule, WRITERS[finding.rule](skill))


def thin(page: Page, finding: Finding, skill: Skill) -> None:
    """Writes out a part that says next to nothing; what stands there stays."""
    rule = str(finding.data.get("part", "P-03" if finding.rule == "P-07" else ""))
    heading = judge.reader_parts(page.doc).get(rule)
    if not heading:
        return
    text = WRITERS[rule](skill)
    if text.split("\n")[0] in page.lines:
        return
    # Before the part's first sub-heading, so that the text belongs to the part itself.
    span = judge.section(page.doc, heading)
    inner = [h.line - 1 for h in judge.headings(page.doc) if h.line - 1 in span]
    end = min(inner, default=span.stop)
    while end > span.start and not page.lines[end - 1].strip():
        end -= 1
    page.insert(end, text)


def _about(skill: Skill) -> str:
    says = skill.tree.document("SKILL.md").says("description")
    told = [s for s in sentences(plain(says)) if not s.lower().startswith("use ")]
    return " ".join(told[:2])


def in_plain_words(skill: Skill) -> str:
    """L0: what it does, how it is asked for, and what stays with the reader."""
    about = _about(skill)
    lines = [f"**{called(skill)}**" + (f": {about}" if about else " is a skill of an assistant.")]
    lines.append(
        "You ask for it in your own words; the assistant then follows the skill's instructions. "
        "It can be wrong, so look at the result before you use it or hand it on."
    )
    return "\n\n".join(lines)


def for_who_runs_it(skill: Skill) -> str:
    """L1: the commands there are, and where the instructions are."""
    lines = [
        "1. Read [SKILL.md](SKILL.md): it is what the assistant follows.",
        "2. See what each script takes before you run it; the commands below show it.",
        "3. Keep the input until the result has been looked at.",
    ]
    runnable = [name for name, facts in _scripts(skill) if facts.parser and not facts.error]
    if runnable:
        shown = "\n".join(f"python {name} --help" for name in runnable)
        lines += ["", "```bash", shown, "```"]
    if "RUNBOOK.md" in skill.tree.files:
        lines += ["", "When something fails, see [RUNBOOK.md](RUNBOOK.md)."]
    return "\n".join(lines)


def for_who_maintains_it(skill: Skill) -> str:
    """L2: the parts, what they may touch, and what they depend on."""
    rows = ["| part | what it does | may use |", "|---|---|---|"]
    for name, doc in judge.agent_names(skill.tree).items():
        meta = doc.meta or {}
        says = sentences(plain(doc.says("description")))
        rows.append(f"| `{name}` | {_cell(says[0]) if says else ''} | {_tools(meta.get('tools'))} |")
    for name, facts in _scripts(skill):
        needs = ", ".join(sorted(facts.needs)) or "the standard library"
        rows.append(f"| `{name}` | {_cell(facts.says)} | {needs} |")
    text = (
        "Instructions, agents and scripts are kept apart: SKILL.md says what is done in which order, "
        "agents do what needs judgement, scripts do what must come out the same every time. "
        "An agent without a list of tools may use every tool of the session."
    )
    return text + ("\n\n" + "\n".join(rows) if len(rows) > 2 else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _tools(value: object) -> str:
    if isinstance(value, str):
        return value
    listed = isinstance(value, list) and all(isinstance(v, str) for v in value)
    return ", ".join(value) if isinstance(value, list) and listed else "every tool"


class ScriptFacts(NamedTuple):
    """What a script's text tells of it."""

    says: str
    needs: frozenset[str]
    parser: str
    error: str


def _scripts(skill: Skill) -> Iterator[tuple[str, ScriptFacts]]:
    """The Python scripts, what they say of themselves, and what they import from elsewhere."""
    tree = skill.tree
    names = sorted(f for f in tree.files if re.fullmatch(r"scripts/[^/_][^/]*\.py", f))
    own = {n.rpartition("/")[2][:-3] for n in names}
    for name in names:
        source = judge.source_facts(tree.root / name)
        if source.error:
            yield name, ScriptFacts("", frozenset(), "", source.error)
            continue
        parsed = ast.parse((tree.root / name).read_bytes())
        says = (ast.get_docstring(parsed) or "").split("\n")[0]
        needs: set[str] = set()
        for node in ast.walk(parsed):
            if isinstance(node, ast.Import):
                needs |= {a.name.partition(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                needs.add(node.module.partition(".")[0])
        outside = frozenset(needs - own - sys.stdlib_module_names)
        yield name, ScriptFacts(says, outside, source.parser, "")


WRITERS: dict[str, Callable[[Skill], str]] = {
    "P-02": in_plain_words,
    "P-03": for_who_runs_it,
    "P-04": for_who_maintains_it,
}


def order(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Puts the three parts in their order, in the places they take now."""
    parts = judge.reader_parts(page.doc)
    spans = {r: judge.section(page.doc, h) for r, h in parts.items()}
    if len({parts[r].level for r in parts}) > 1:
        return
    texts = [page.lines[parts[r].line - 1 : spans[r].stop] for r in ORDER if r in parts]
    places = sorted((h.line - 1, spans[r].stop) for r, h in parts.items())
    for (start, stop), text in reversed(list(zip(places, texts, strict=True))):
        page.lines[start:stop] = text


def move_code(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Moves the code of the plain part to the end of the L1 part."""
    parts = judge.reader_parts(page.doc)
    doc = page.doc
    if "P-02" not in parts or "P-03" not in parts:
        return
    fenced = [i for i in judge.section(doc, parts["P-02"]) if i in doc.code]
    moved = [page.lines[i] for i in fenced]
    for index in reversed(fenced):
        del page.lines[index]
    heading = judge.reader_parts(page.doc)["P-03"]
    page.insert(judge.section(page.doc, heading).stop, "\n".join(moved))


def named(page: Page, _finding: Finding, skill: Skill) -> None:
    """Says in the first lines which skill this is about."""
    first = next(iter(judge.headings(page.doc)), None)
    page.insert(first.line if first else 0, f"This is about the skill **{called(skill)}**.")


fixes.FIXES.update(
    {
        **dict.fromkeys(TITLES, part),
        **dict.fromkeys(["P-07", "P-08"], thin),
        "P-05": order,
        "P-06": move_code,
        "P-14": named,
    }
)
