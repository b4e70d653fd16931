"""ps-critic of FEAT-005: scores the files of a skill against written checklists.

Rules that hold here:

* One file, the standard library and PyYAML: the engine runs a frozen copy of it, alone.
* It looks at the gate's artifacts (`ORCH_GATE_DIR`) and at nothing else.
* A rule is a question about one file (or about the whole skill). A criterion's score is the share
  of the questions asked that were answered well, weighted by severity. Nothing else enters.
* A question that cannot be answered from the artifacts is not asked: a wrong finding costs its
  reader more than a missing one.
* Every finding names the rule, the file and the line, and what to write instead.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import json
import os
import posixpath
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.parse
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CRITERIA = ("completeness", "accuracy", "clarity", "actionability", "alignment")
WEIGHTS = {"critical": 4, "major": 2, "minor": 1}
# Larger Markdown is not read: no assistant could load it, and a judge must not hang on it.
MAX_BYTES = 2 * 1024 * 1024
MAX_LINES = 500
MAX_DESCRIPTION = 1024
PROBLEMS_SHOWN = 20
HELP_TIMEOUT = 10


class Rule(NamedTuple):
    """What a rule counts towards, how much, and what it asks."""

    criterion: str
    severity: str
    asks: str


RULES = {
    "A-01": Rule("accuracy", "critical", "the file is readable UTF-8 text"),
    "A-02": Rule("completeness", "critical", "YAML front matter, a mapping, opens the file"),
    "A-03": Rule("completeness", "critical", "`name`: lowercase letters, digits, hyphens"),
    "A-04": Rule("alignment", "minor", "`name` is the file's name"),
    "A-05": Rule("completeness", "critical", "`description` is there"),
    "A-06": Rule("clarity", "major", "the description is neither a word nor a page"),
    "A-07": Rule("clarity", "major", "the description says when to use the agent"),
    "A-08": Rule("accuracy", "major", "`tools` is text or a list of known tools"),
    "A-09": Rule("accuracy", "major", "`model`, where given, is one"),
    "A-10": Rule("clarity", "minor", "one top heading at most, no level skipped"),
    "A-11": Rule("accuracy", "major", "links lead somewhere"),
    "A-12": Rule("clarity", "minor", "no placeholder text"),
    "A-13": Rule("accuracy", "major", "code fences are closed"),
    "A-14": Rule("completeness", "major", "the body is neither nearly empty nor over 500 lines"),
    "A-15": Rule("actionability", "major", "the body has steps or an example"),
    "A-16": Rule("actionability", "minor", "the body says what the agent gives back"),
    "A-17": Rule("alignment", "minor", "front matter keys are spelled as the reader expects"),
    "A-18": Rule("alignment", "major", "no two agents share a name"),
    "A-19": Rule("accuracy", "major", "commands name scripts and options that exist"),
    "S-01": Rule("accuracy", "critical", "SKILL.md is readable UTF-8 text"),
    "S-02": Rule("completeness", "critical", "YAML front matter, a mapping, opens the file"),
    "S-03": Rule("completeness", "critical", "`name`: 1 to 64 of lowercase, digits, hyphens"),
    "S-04": Rule("alignment", "minor", "`name` uses no reserved word"),
    "S-05": Rule("alignment", "major", "`name` is the folder's name"),
    "S-06": Rule("completeness", "critical", "`description` is there"),
    "S-07": Rule("clarity", "major", "the description has 20 to 1024 characters"),
    "S-08": Rule("clarity", "major", "the description says when to use the skill"),
    "S-09": Rule("accuracy", "minor", "no XML tags in the description"),
    "S-10": Rule("alignment", "minor", "optional keys have the right type and spelling"),
    "S-11": Rule("clarity", "minor", "one top heading at most, no level skipped"),
    "S-12": Rule("completeness", "major", "the body has 40 words or more"),
    "S-13": Rule("clarity", "major", "the body has 500 lines at most"),
    "S-14": Rule("accuracy", "major", "links lead somewhere"),
    "S-15": Rule("alignment", "minor", "references are one level deep"),
    "S-16": Rule("accuracy", "major", "code fences are closed"),
    "S-17": Rule("clarity", "minor", "no placeholder text"),
    "S-18": Rule("actionability", "major", "the body has steps"),
    "S-19": Rule("actionability", "minor", "the body has an example"),
    "S-20": Rule("actionability", "major", "commands name scripts and options that exist"),
    "S-21": Rule("completeness", "minor", "every script and reference is mentioned somewhere"),
    "P-01": Rule("accuracy", "critical", "PLAYBOOK.md is readable UTF-8 text"),
    "P-02": Rule("completeness", "critical", "a part in plain words (L0)"),
    "P-03": Rule("completeness", "critical", "a part for who runs it (L1)"),
    "P-04": Rule("completeness", "critical", "a part for who designs and maintains it (L2)"),
    "P-05": Rule("clarity", "minor", "the three parts stand in that order"),
    "P-06": Rule("clarity", "major", "the plain part has no code"),
    "P-07": Rule("actionability", "major", "the L1 part has a command or steps"),
    "P-08": Rule("completeness", "major", "each part has 25 words or more"),
    "P-09": Rule("clarity", "minor", "one top heading at most, no level skipped"),
    "P-10": Rule("accuracy", "major", "links lead somewhere"),
    "P-11": Rule("accuracy", "major", "code fences are closed"),
    "P-12": Rule("clarity", "minor", "no placeholder text"),
    "P-13": Rule("actionability", "major", "commands name scripts and options that exist"),
    "P-14": Rule("alignment", "major", "it names the skill it is about"),
    "P-15": Rule("alignment", "minor", "who names some of the agents names all"),
    "C-01": Rule("accuracy", "major", "paths given in `code` exist"),
    "C-02": Rule("completeness", "major", "SKILL.md names every agent"),
    "C-03": Rule("alignment", "major", "SKILL.md, PLAYBOOK.md and RUNBOOK.md name each other"),
    "C-04": Rule("accuracy", "major", "model tables agree with the agent definitions"),
    "C-05": Rule("clarity", "major", "no section stands twice"),
    "M-01": Rule("completeness", "critical", "the script has --model and answers --help"),
    "M-02": Rule("completeness", "major", "the script has a model option for each agent"),
    "M-03": Rule("accuracy", "critical", "the script rejects an unknown model"),
    "M-04": Rule("accuracy", "major", "the script accepts full model ids and inherit"),
    "M-05": Rule("clarity", "major", "help says which model is the default"),
    "M-06": Rule("alignment", "major", "the option list handed on is the script's"),
    "M-07": Rule("completeness", "major", "SKILL.md documents every model option"),
    "M-08": Rule("accuracy", "major", "no document names a model option that does not exist"),
    "M-09": Rule("completeness", "major", "RUNBOOK.md says how to switch models, and back"),
    "M-10": Rule("completeness", "major", "every agent definition has a valid default model"),
    "M-11": Rule("accuracy", "major", "model tables agree with the agent definitions"),
    "M-12": Rule("actionability", "critical", "the integration tests ran, and all passed"),
    "M-13": Rule("alignment", "major", "the tests ran on the very script that is judged"),
    "M-14": Rule("actionability", "minor", "SKILL.md shows a command that chooses a model"),
    "M-15": Rule("clarity", "minor", "SKILL.md says which choice wins"),
}

# ---------------------------------------------------------------- reading Markdown

FENCE = re.compile(r"^\s*(?:>\s*)*(?:(?:[-*+]|\d+[.)])\s+)?(`{3,}|~{3,})(.*)$")
ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
INLINE_LINK = re.compile(
    r"\[(?:[^\[\]\\]|\\.|\[[^\[\]]*\](?:\([^()\s]*\))?)*\]"
    r"\(\s*(<[^<>]*>|[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)"
    r"""(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)"""
)
LINK_DEFINITION = re.compile(
    r"""^ {0,3}\[([^\]^][^\]]*)\]:\s*(<[^<>]*>|\S+)(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*$"""
)
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+\S")


class Heading(NamedTuple):
    """A heading: its level (1 to 6), its text, its line (from 1)."""

    level: int
    text: str
    line: int


class Link(NamedTuple):
    """Where a link leads, and the line it stands on."""

    target: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A Markdown file as its readers see it: front matter, prose, code.

    `prose` has as many lines as `lines`; what is no prose (front matter, fenced code, inline code,
    comments) is blanked out in it, so that a line's number is the same in both.
    """

    path: str
    lines: tuple[str, ...] = ()
    problem: str = ""
    problem_line: int = 1
    meta: Mapping[str, Any] | None = None
    meta_lines: Mapping[str, int] = field(default_factory=dict)
    meta_problem: str = ""
    meta_problem_line: int = 1
    body_start: int = 0
    prose: tuple[str, ...] = ()
    code: Mapping[int, str] = field(default_factory=dict)
    open_fence: int = 0

    def at(self, line: int) -> str:
        """Where a finding points: the file and the line, counted from 1."""
        return f"{self.path}:{line}"

    def meta_at(self, key: str) -> str:
        """Where a front matter key stands, or where the front matter begins without it."""
        return self.at(self.meta_lines.get(key, 1))

    def says(self, key: str) -> str:
        """The text of a front matter key; empty where there is none, or where it is no text."""
        value = (self.meta or {}).get(key)
        return value if isinstance(value, str) else ""

    @property
    def body(self) -> str:
        """What follows the front matter."""
        return "\n".join(self.lines[self.body_start :])


def read_document(path: Path, name: str) -> Document:
    """The document at `path`, called `name` in findings; never raises for its content."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return Document(path=name, problem=f"is larger than {MAX_BYTES // 2**20} MiB")
        raw = path.read_bytes()
    except OSError as error:
        return Document(path=name, problem=f"cannot be read: {error.strerror}")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Document(path=name, problem="is UTF-16, not UTF-8")
    if b"\x00" in raw:
        return Document(path=name, problem="is not text: it holds NUL bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8: byte 0x{raw[error.start]:02x}"
        return Document(path=name, problem=what, problem_line=line)
    if not text.strip():
        return Document(path=name, problem="is empty")
    return parse_document(text, name)


def parse_document(text: str, name: str) -> Document:
    """The document that `text` is."""
    lines = tuple(re.split(r"\r\n|\n|\r", text))
    meta = _front_matter(lines)
    code, open_fence = _fenced(lines, meta.end)
    return Document(
        path=name,
        lines=lines,
        meta=meta.values,
        meta_lines=meta.lines,
        meta_problem=meta.problem,
        meta_problem_line=meta.problem_line,
        body_start=meta.end,
        prose=_prose(lines, meta.end, code),
        code=code,
        open_fence=open_fence,
    )


class _Meta(NamedTuple):
    values: Mapping[str, Any] | None
    lines: Mapping[str, int]
    problem: str
    problem_line: int
    end: int


def _front_matter(lines: Sequence[str]) -> _Meta:
    """The front matter, and the index of the first line after it."""
    if lines[0].rstrip() != "---":
        return _Meta(None, {}, "there is no front matter: line 1 is not `---`", 1, 0)
    ends = (i for i, line in enumerate(lines[1:], 1) if line.rstrip() in {"---", "..."})
    end = next(ends, 0)
    if not end:
        return _Meta(None, {}, "the front matter is not closed: no second `---`", 1, 0)
    source = "\n".join(lines[1:end])
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        values = yaml.safe_load(source)
    except yaml.YAMLError as error:
        line, what = _yaml_fault(error)
        return _Meta(None, {}, f"the front matter is not valid YAML: {what}", line, end + 1)
    except (ValueError, RecursionError) as error:
        return _Meta(None, {}, f"the front matter is not valid YAML: {error}", 1, end + 1)
    if not isinstance(node, yaml.MappingNode) or not isinstance(values, dict):
        kind = {"NoneType": "empty", "list": "a list", "str": "plain text"}
        what = kind.get(type(values).__name__, "a single value")
        return _Meta(None, {}, f"the front matter is {what}, not `key: value` lines", 1, end + 1)
    places: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 2
        if key.value in places:
            what = f"the front matter has the key `{key.value}` twice"
            return _Meta(None, {}, what, line, end + 1)
        places[str(key.value)] = line
    return _Meta({str(k): v for k, v in values.items()}, places, "", 1, end + 1)


def _yaml_fault(error: yaml.YAMLError) -> tuple[int, str]:
    """The line of the file (the front matter starts on line 2) and the parser's words."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return (mark.line + 2 if mark else 1), str(problem)


def _fenced(lines: Sequence[str], start: int) -> tuple[dict[int, str], int]:
    """Indices of fenced lines with the fence's language, and the line of a fence left open."""
    code: dict[int, str] = {}
    fence, language, opened = "", "", 0
    for index in range(start, len(lines)):
        found = FENCE.match(lines[index])
        if not fence:
            if found and not (found[1][0] == "`" and "`" in found[2]):
                fence, opened = found[1], index + 1
                language = (found[2].split() or [""])[0].strip("{}.").lower()
                code[index] = "```"
            continue
        code[index] = language
        if found and found[1].startswith(fence) and not found[2].strip():
            code[index] = "```"
            fence = ""
    return code, opened if fence else 0


def _prose(lines: Sequence[str], start: int, code: Mapping[int, str]) -> tuple[str, ...]:
    """The lines with everything blanked out that is not prose."""
    prose = ["" if i < start or i in code else line for i, line in enumerate(lines)]
    inside = False
    for index, line in enumerate(prose):
        kept = CODE_SPAN.sub(lambda m: " " * len(m[0]), line)
        kept, inside = _without_comments(kept, inside=inside)
        prose[index] = kept
    return tuple(prose)


def _without_comments(line: str, *, inside: bool) -> tuple[str, bool]:
    """The line without HTML comments, and whether one is still open at its end."""
    kept = ""
    while line:
        mark = "-->" if inside else "<!--"
        before, found, line = line.partition(mark)
        kept += " " * len(before + found) if inside else before
        if found:
            inside = not inside
    return kept, inside


def headings(doc: Document) -> list[Heading]:
    """All headings in order, both kinds (`# a`, and underlined)."""
    found: list[Heading] = []
    for index in range(doc.body_start, len(doc.lines)):
        if index in doc.code or not doc.prose[index].strip():
            continue
        line = doc.lines[index]
        if atx := ATX.match(line):
            found.append(Heading(len(atx[1]), (atx[2] or "").strip(), index + 1))
        elif re.fullmatch(r" {0,3}(=+|-{3,})\s*", line) and index > doc.body_start:
            above = doc.prose[index - 1].strip()
            if above and not re.match(r"[#>|\-*+=]|\d+[.)]", above):
                level = 1 if line.strip()[0] == "=" else 2
                found.append(Heading(level, doc.lines[index - 1].strip(), index))
    return found


def section(doc: Document, heading: Heading) -> range:
    """Indices of the lines under a heading, up to the next of its level or above."""
    for other in headings(doc):
        if other.line > heading.line and other.level <= heading.level:
            return range(heading.line, other.line - 1)
    return range(heading.line, len(doc.lines))


def words(text: str) -> int:
    """How many words; a run of Chinese, Japanese or Korean counts two characters as one."""
    dense = len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", text))
    return len(re.findall(r"[^\W_][\w'\u2019-]*", text)) + dense // 2


def links(doc: Document) -> list[Link]:
    """Targets of inline links and images, and of link definitions that are used."""
    found = []
    text = "\n".join(doc.prose)
    for number, line in enumerate(doc.prose, 1):
        if "](" in line:
            found += [Link(m[1].strip("<>"), number) for m in INLINE_LINK.finditer(line)]
            # An image inside a link: the outer match hides it.
            found += [Link(t, number) for t in re.findall(r"\[!\[[^\]]*\]\(([^()\s]+)\)", line)]
        elif definition := LINK_DEFINITION.match(line):
            used = re.compile(r"\[" + re.escape(definition[1]) + r"\](?!:)", re.IGNORECASE)
            if used.search(text):
                found.append(Link(definition[2].strip("<>"), number))
    return found


# ---------------------------------------------------------------- the skill's tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of one task's artifacts, by their path in the skill."""

    root: Path
    files: frozenset[str]

    def document(self, name: str) -> Document:
        """The Markdown file called `name`."""
        if name not in self.files:
            return Document(path=name, problem="does not exist")
        return read_document(self.root / name, name)

    def has(self, name: str) -> bool:
        """Whether there is such a file, or a folder with files in it."""
        folder = name.rstrip("/") + "/"
        return name in {".", ""} or name in self.files or any(f.startswith(folder) for f in self.files)

    def agents(self) -> list[str]:
        """The agent definitions: Markdown directly in agents/, without the notes beside them."""
        found = [f for f in self.files if re.fullmatch(r"agents/[^/]+\.md", f)]
        return sorted(f for f in found if not NOT_AN_AGENT.search(f))


NOT_AN_AGENT = re.compile(r"/(?:[._]|readme|index|changelog|[^/]*template)[^/]*$", re.IGNORECASE)


def load_tree(root: Path) -> Tree:
    """The tree under `root`, without what tools leave behind."""
    files = set()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in {".git", "__pycache__", "node_modules"})
        where = Path(folder).relative_to(root)
        files |= {(where / n).as_posix() for n in names}
    return Tree(root=root, files=frozenset(files))


def anchors(doc: Document) -> set[str]:
    """What `#…` can point to in a document, folded as `fold` does."""
    found = {fold(h.text) for h in headings(doc)}
    for line in doc.lines[doc.body_start :]:
        found |= {fold(m) for m in re.findall(r"""(?:id|name)=["']([^"']+)["']""", line)}
        found |= {fold(m) for m in re.findall(r"\{#([\w-]+)\}", line)}
    return found


def points_into(doc: Document, anchor: str) -> bool:
    """Whether an anchor leads to a heading; the second of a name has `-1` behind it."""
    known = anchors(doc) | {""}
    return fold(anchor) in known or fold(re.sub(r"-\d+$", "", anchor)) in known


def fold(text: str) -> str:
    """Letters and digits only: sites differ in how they turn a heading into an anchor."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return "".join(c for c in text.casefold() if c.isalnum())


PLACEHOLDER_TARGET = re.compile(
    r"[{}$*|\\]|^\.\.\.$|path/to|/\.\.\./|^(?:url|link|path|file)s?$|^(?:\d+|[a-z])$", re.IGNORECASE
)


def dead_links(doc: Document, tree: Tree) -> list[Problem]:
    """Relative links whose file, or whose heading, is not there."""
    problems = []
    for link in links(doc):
        target = link.target
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", target) or PLACEHOLDER_TARGET.search(target):
            continue
        path, _, anchor = target.partition("#")
        path = urllib.parse.unquote(path.partition("?")[0])
        if found := _dead_target(doc, tree, path, urllib.parse.unquote(anchor)):
            what = f"the link to `{target}` leads nowhere: {found}"
            near = nearest_file(doc.path, path, tree) if path else ""
            fix = f"link to `{near}`" if near else "correct the target, or make the link plain text"
            problems.append(Problem(doc.at(link.line), what, fix, {"target": target, "near": near}))
    return problems


def _dead_target(doc: Document, tree: Tree, path: str, anchor: str) -> str:
    """Why a link is dead, or nothing; both the file's folder and the skill's root may be meant."""
    if not path:
        fits = anchor.lower() == "top" or points_into(doc, anchor)
        return "" if fits else "no heading of this file has that name"
    here = posixpath.dirname(doc.path)
    tried = [posixpath.normpath(posixpath.join(base, path)) for base in (here, "")]
    if any(t.startswith("..") for t in tried[:1]):
        return ""  # Leaves the skill; what is there cannot be seen from the artifacts.
    for name in tried:
        if name in tree.files and anchor and name.endswith(".md"):
            other = tree.document(name)
            lost = not other.problem and not points_into(other, anchor)
            return f"`{name}` has no heading of that name" if lost else ""
        if tree.has(name):
            return ""
    if any(part.startswith(".") for part in tried[0].split("/")):
        return ""  # Hidden files are not always among the artifacts.
    return f"there is no file `{tried[0]}`"


def nearest_file(source: str, path: str, tree: Tree) -> str:
    """The file most likely meant by a dead path, as seen from `source`; empty when unsure."""
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    name = posixpath.basename(wanted).casefold()
    same = [f for f in tree.files if posixpath.basename(f).casefold() == name]
    if len(same) != 1:
        beside = [f for f in tree.files if posixpath.dirname(f) == posixpath.dirname(wanted)]
        same = difflib.get_close_matches(wanted, beside, n=1, cutoff=0.85)
    if len(same) != 1:
        return ""
    return posixpath.relpath(same[0], posixpath.dirname(source) or ".")


# ---------------------------------------------------------------- problems and the sheet


class Problem(NamedTuple):
    """One thing that is wrong: where, what, what to do; `data` is for the program that mends."""

    where: str
    what: str
    fix: str
    data: Mapping[str, Any] = {}


@dataclass(slots=True)
class Sheet:
    """The answers so far."""

    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    broken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    findings: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, rule: str, task: str, problems: Iterable[Problem]) -> bool:
        """Records the answer to a rule; true when it holds."""
        found = list(problems)
        criterion, severity, _ = RULES[rule]
        self.asked[criterion] += WEIGHTS[severity]
        if not found:
            self.held[criterion] += WEIGHTS[severity]
            return True
        self.broken[criterion].append(f"{rule} {found[0].where}")
        for problem in found[:PROBLEMS_SHOWN]:
            finding = {"severity": severity, "task": task, "where": problem.where}
            finding |= {"what": problem.what, "fix": problem.fix, "rule": rule}
            self.findings.append(finding | ({"data": problem.data} if problem.data else {}))
        if len(found) > PROBLEMS_SHOWN:
            self.findings[-1]["what"] += f" (and {len(found) - PROBLEMS_SHOWN} more of this kind)"
        return False

    def lose(self, rules: Iterable[str], where: str) -> None:
        """Counts rules as broken by a fault that has its own finding already."""
        for rule in rules:
            criterion, severity, _ = RULES[rule]
            self.asked[criterion] += WEIGHTS[severity]
            self.broken[criterion].append(f"{rule} {where}")

    def evaluation(self) -> dict[str, Any]:
        """The evaluation as the gate reads it."""
        criteria = {}
        for name in CRITERIA:
            asked, broken = self.asked[name], self.broken[name]
            score = round(self.held[name] / asked, 4) if asked else 1.0
            why = f"{self.held[name]} of {asked} points"
            why += f"; broken: {', '.join(broken[:8])}" if broken else ""
            why += f" and {len(broken) - 8} more" if len(broken) > 8 else ""
            criteria[name] = {"score": score, "why": why if asked else "nothing to ask here"}
        order = list(WEIGHTS)
        findings = sorted(self.findings, key=lambda f: (order.index(f["severity"]), f["rule"]))
        return {"criteria": criteria, "findings": findings}


def rules_of(letter: str) -> list[str]:
    """The ids of one checklist."""
    return [rule for rule in RULES if rule.startswith(letter + "-")]


# ---------------------------------------------------------------- rules on any document


def heading_problems(doc: Document) -> list[Problem]:
    """A second top heading, and levels that are skipped."""
    problems, before, tops = [], 0, 0
    for heading in headings(doc):
        tops += heading.level == 1
        if heading.level == 1 and tops > 1:
            what = f"a second top heading: {heading.text!r}"
            problems.append(Problem(doc.at(heading.line), what, "make it a `##` heading"))
        elif before and heading.level > before + 1:
            what = f"heading {heading.text!r} is level {heading.level} under level {before}"
            fix = f"make it level {before + 1}"
            problems.append(Problem(doc.at(heading.line), what, fix))
        before = heading.level
    return problems


PLACEHOLDER = re.compile(
    r"^\W*(?:(?:TODO|TBD|FIXME|XXX|to be (?:done|written|decided|defined)|coming soon)[\W]*$"
    r"|(?:TODO|TBD|FIXME)(?::\s|\s[-\u2013\u2014]\s))|:\**\s+(?:TBD|TODO)\W*$|[.;]\s+(?:TODO|TBD):\s"
    r"|\blorem ipsum\b",
    re.IGNORECASE,
)


def placeholder_problems(doc: Document) -> list[Problem]:
    """Lines that are a promise of text, not text."""
    problems = []
    for number, line in enumerate(doc.prose, 1):
        # Lower case "todo" is a word of its own ("Todo: the list"); the mark is upper case.
        found = PLACEHOLDER.search(line)
        if found and (
            not re.search(r"todo|tbd|fixme|xxx", found[0], re.IGNORECASE) or found[0].upper() == found[0]
        ):
            what = f"placeholder text: {line.strip()[:60]!r}"
            problems.append(Problem(doc.at(number), what, "write the text, or remove the line"))
    return problems


def fence_problems(doc: Document) -> list[Problem]:
    """A code fence without its end."""
    if not doc.open_fence:
        return []
    what = "this code fence is never closed, so the rest of the file is code"
    return [Problem(doc.at(doc.open_fence), what, "close it where the code ends")]


SHELLS = {"bash", "sh", "shell", "zsh", "console", "shell-session", ""}
OWN_SCRIPT = re.compile(r"^(?:\./|\$\{?CLAUDE_SKILL_DIR\}?/)?(scripts/[\w./-]+\.(?:py|sh|js|ts|rb))$")


class Command(NamedTuple):
    """A command of an example that runs one of the skill's own scripts."""

    script: str
    options: tuple[str, ...]
    line: int


def commands(doc: Document) -> Iterator[Command]:
    """The commands in shell fences that run something in scripts/."""
    pending, start = "", 0
    for index, language in sorted(doc.code.items()):
        if language not in SHELLS:
            pending = ""
            continue
        line = re.sub(r"^\s*[$>]\s+", "", doc.lines[index])
        start = start if pending else index + 1
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        for part in re.split(r"&&|\|\||[;|]", pending):
            if command := _command(part, start):
                yield command
        pending = ""


def _command(text: str, line: int) -> Command | None:
    try:
        found = shlex.split(text, comments=True)
    except ValueError:
        return None
    while found and (re.fullmatch(r"[A-Z_]+=.*", found[0]) or found[0] in RUNNERS):
        found = found[1:]
    own = OWN_SCRIPT.match(found[0]) if found else None
    if not own:
        return None
    options = tuple(w.partition("=")[0] for w in found[1:] if re.match(r"--[A-Za-z]", w))
    return Command(posixpath.normpath(own[1]), options, line)


RUNNERS = {"python", "python3", "uv", "run", "bash", "sh", "node", "npx", "tsx", "sudo", "time", "-u"}


def command_problems(doc: Document, tree: Tree) -> list[Problem]:
    """Example commands that name a script, or an option of it, that does not exist."""
    if not any(f.startswith("scripts/") for f in tree.files):
        return []
    problems = []
    for command in commands(doc):
        where = doc.at(command.line)
        if command.script not in tree.files:
            near = nearest_file("SKILL.md", command.script, tree)
            what = f"the example runs `{command.script}`, which does not exist"
            fix = f"run `{near}`" if near else "name a script that is there"
            problems.append(Problem(where, what, fix, {"script": command.script, "near": near}))
        elif command.script.endswith(".py"):
            script = tree.root / command.script
            problems += [p._replace(where=where) for p in _option_problems(command, script)]
    return problems


def _option_problems(command: Command, script: Path) -> Iterator[Problem]:
    source = source_facts(script)
    if source.error:
        what = f"the example runs `{command.script}`, which is not valid Python: {source.error}"
        yield Problem("", what, "mend the script")
        return
    shown = script_help(script)
    if shown is None:
        return
    if shown.status:
        what = f"`{command.script} --help` fails: {shown.last_line}"
        yield Problem("", what, "mend the script")
        return
    known = source.options | set(re.findall(r"--[A-Za-z][\w-]*", shown.text))
    for option in command.options:
        if not any(k.startswith(option) for k in known):
            near = nearest_option(option, known)
            what = f"the example uses `{option}`, which `{command.script}` does not have"
            fix = f"write `{near}`" if near else "see the script's --help for what it has"
            data = {"option": option, "near": near}
            yield Problem("", what, fix, data)


def _common(one: str, other: str) -> int:
    """How many characters two words begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def nearest_option(option: str, known: Iterable[str]) -> str:
    """The option most likely meant; a common beginning counts for more than common letters."""
    likeness = []
    for other in sorted(known):
        ratio = difflib.SequenceMatcher(None, option, other).ratio()
        begin = _common(option, other) / len(option)
        likeness.append((max(ratio, (ratio + begin + 0.5) / 2 if begin > 0.5 else 0), other))
    best = max(likeness, default=(0.0, ""))
    return best[1] if best[0] >= 0.75 else ""


class Source(NamedTuple):
    """What a script's text tells without running it."""

    options: set[str]
    parser: str
    error: str


@cache
def source_facts(script: Path) -> Source:
    """Options and option parser of a Python script, read from its syntax tree."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Source(set(), "", getattr(error, "msg", "") or str(error))
    constants = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
    options = {c for c in constants if isinstance(c, str) and re.fullmatch(r"--[A-Za-z][\w-]*", c)}
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.partition(".")[0])
    parser = next((p for p in ("argparse", "click", "typer") if p in modules), "")
    return Source(options, parser, "")


class Ran(NamedTuple):
    """A finished run of a script."""

    status: int
    text: str
    last_line: str


@cache
def script_help(script: Path, *arguments: str) -> Ran | None:
    """What a script answers to `arguments` and --help; None where that cannot be told.

    Only a script with an option parser is run, and always with --help: another one would do its
    work. A module missing on this machine says nothing about the skill.
    """
    if not source_facts(script).parser:
        return None
    environment = {k: v for k, v in os.environ.items() if k in {"PATH", "SYSTEMROOT", "LANG"}}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "COLUMNS": "200"}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            done = subprocess.run(
                [sys.executable, "-B", str(script.resolve()), *arguments, "--help"],
                cwd=scratch,
                env=environment | {"HOME": scratch},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=HELP_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    errors = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and re.search(r"ModuleNotFoundError|ImportError", errors):
        return None
    last = errors.splitlines()[-1] if errors else f"exit status {done.returncode}"
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), last)


# ---------------------------------------------------------------- rules on front matter

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SAYS_WHEN = re.compile(
    r"\b(?:when(?:ever)?|use[ds]?|using|invoke[ds]?|call(?:ed|s)?|trigger(?:s|ed)?|if|after|before"
    r"|once|during|while|proactively|ask(?:s|ed)?|needs?|wants?|delegate[sd]?|spawn(?:s|ed)?"
    r"|activate[sd]?|run[s]? (?:on|at)|request(?:s|ed)?)\b",
    re.IGNORECASE,
)
MODELS = {"sonnet", "opus", "haiku", "inherit", "default", "opusplan", "sonnet[1m]", "opus[1m]"}
MODEL_ID = re.compile(r"(?:[a-z]{2,6}\.)?(?:anthropic[./])?claude-[a-z0-9][a-z0-9.@:-]*(?:\[1m\])?")
_TOOLS = """
    Agent AskUserQuestion Bash BashOutput CronCreate CronDelete CronList Edit EnterPlanMode
    EnterWorktree ExitPlanMode ExitWorktree Glob Grep KillBash KillShell LS LSP ListMcpResourcesTool
    ListMcpResources Monitor MultiEdit NotebookEdit NotebookRead PowerShell PushNotification Read
    ReadMcpResourceTool ReadMcpResource RemoteTrigger SendMessage Skill SlashCommand
    StructuredOutput Task TaskCreate TaskGet TaskList TaskOutput TaskStop TaskUpdate TeamCreate
    TeamDelete TodoRead TodoWrite ToolSearch WebFetch WebSearch Write
"""
TOOLS = frozenset(_TOOLS.split())
_AGENT_KEYS = """
    name description tools disallowedTools model permissionMode maxTurns skills mcpServers hooks
    memory background effort isolation color initialPrompt
"""
AGENT_KEYS = frozenset(_AGENT_KEYS.split())
_SKILL_KEYS = """
    name description license compatibility metadata allowed-tools model effort context agent
    hooks paths shell when_to_use argument-hint arguments disable-model-invocation user-invocable
    version
"""
SKILL_KEYS = frozenset(_SKILL_KEYS.split())
# Keys with a meaning of their own elsewhere; that they look like one of ours is chance.
OTHER_KEYS = frozenset({"tags", "title", "author", "authors", "models", "names", "toolset", "versions"})


def name_problems(doc: Document, longest: int) -> list[Problem]:
    """Faults of `name`: absent, no text, too long, other characters."""
    name = (doc.meta or {}).get("name")
    fix = "give a `name` of lowercase letters, digits and single hyphens"
    if name is None or name == "":
        return [Problem(doc.meta_at("name"), "`name` is missing", fix)]
    if not isinstance(name, str):
        return [Problem(doc.meta_at("name"), f"`name` is {shown(name)}, not text", fix)]
    if len(name) > longest:
        what = f"`name` has {len(name)} characters, {longest} are allowed"
        return [Problem(doc.meta_at("name"), what, fix)]
    if not SLUG.fullmatch(name):
        what = f"`name` is {shown(name)}: only lowercase letters, digits and single hyphens are allowed"
        return [Problem(doc.meta_at("name"), what, fix)]
    return []


def shown(value: object) -> str:
    """A front matter value as a finding shows it; never a nested one, which may have no end."""
    if isinstance(value, dict | list | set):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def slug(text: str) -> str:
    """The text as a name: lowercase, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def description_missing(doc: Document) -> list[Problem]:
    """`description` absent, empty or no text."""
    value = (doc.meta or {}).get("description")
    fix = "say in one or two sentences what it does and when to use it"
    if value is None or (isinstance(value, str) and not value.strip()):
        return [Problem(doc.meta_at("description"), "`description` is missing or empty", fix)]
    if not isinstance(value, str):
        kind = type(value).__name__
        return [Problem(doc.meta_at("description"), f"`description` is a {kind}, not text", fix)]
    return []


def description_length(doc: Document) -> list[Problem]:
    """A description of a word or two, or one of pages; `<example>` parts do not count."""
    text = str((doc.meta or {})["description"]).strip()
    plain = re.sub(r"<example>.*?(?:</example>|$)", "", text, flags=re.DOTALL).strip()
    where = doc.meta_at("description")
    if len(plain) > MAX_DESCRIPTION:
        what = f"the description has {len(plain)} characters, {MAX_DESCRIPTION} are allowed"
        return [Problem(where, what, "move the detail into the body")]
    if len(text) < 20 and words(text) < 5:
        what = f"the description {text!r} is too short to choose by"
        return [Problem(where, what, "say what it does and when to use it")]
    return []


def says_when(doc: Document) -> list[Problem] | None:
    """A description without a word on when to use it; None where the language is not English."""
    meta = doc.meta or {}
    text = str(meta["description"])
    letters = [c for c in text if c.isalpha()]
    if sum(c.isascii() for c in letters) < 0.9 * len(letters):
        return None
    if meta.get("when_to_use") or SAYS_WHEN.search(text):
        return []
    what = "the description says what it does, not when to use it"
    return [Problem(doc.meta_at("description"), what, "add a sentence: Use when …")]


def split_tools(value: str) -> list[str]:
    """The tools of a text: commas or spaces between them, none inside parentheses."""
    return [t for t in re.findall(r"(?:\([^)]*\)|[^\s,(])+", value) if t]


def tools_problems(doc: Document, key: str) -> list[Problem]:
    """`tools` of a wrong type, and tools nobody knows."""
    value = (doc.meta or {}).get(key)
    if value is None:
        return []
    if not isinstance(value, str) and not (
        isinstance(value, list) and all(isinstance(v, str) for v in value)
    ):
        kind = {"dict": "a mapping", "list": "a list of other things than text"}
        what = f"`{key}` is {kind.get(type(value).__name__, shown(value))}"
        fix = "write `Read, Grep`, or a list of tool names"
        return [Problem(doc.meta_at(key), what, fix)]
    problems = []
    for tool in split_tools(value) if isinstance(value, str) else value:
        bare = tool.strip().partition("(")[0]
        if bare in TOOLS or bare == "*" or bare.startswith("mcp__"):
            continue
        near = nearest_tool(bare)
        what = f"`{key}` names {shown(tool)}, which is no known tool"
        fix = f"did you mean `{near}`?" if near else "remove it, or correct its name"
        problems.append(Problem(doc.meta_at(key), what, fix, {"tool": tool, "near": near}))
    return problems


def nearest_tool(name: str) -> str:
    """The known tool that is most like `name`, or nothing."""
    folded = {re.sub(r"[^a-z]", "", t.lower()): t for t in TOOLS}
    wanted = re.sub(r"[^a-z]", "", name.lower())
    near = difflib.get_close_matches(wanted, sorted(folded), n=1, cutoff=0.85)
    return folded[near[0]] if near else ""


def valid_model(value: object) -> bool:
    """Whether a value names a model: an alias, `inherit`, or a full id."""
    return isinstance(value, str) and (value in MODELS or bool(MODEL_ID.fullmatch(value)))


def model_problems(doc: Document) -> list[Problem]:
    """A `model` that is none."""
    value = (doc.meta or {}).get("model")
    if value is None or valid_model(value):
        return []
    near = value.strip().lower() if isinstance(value, str) else ""
    near = near if valid_model(near) else "inherit"
    what = f"`model` is {shown(value)}, which is neither sonnet, opus, haiku, inherit nor a claude-… id"
    return [Problem(doc.meta_at("model"), what, f"write `model: {near}`", {"near": near})]


def key_problems(doc: Document, known: frozenset[str]) -> list[Problem]:
    """Keys that are almost, but not quite, one that is read; unknown keys are nobody's fault."""
    problems = []
    meta = doc.meta or {}
    for key in meta:
        if key in known or key.lower() in OTHER_KEYS:
            continue
        near = _near_key(key, known)
        if near and near not in meta:
            what = f"the key `{key}` is read by nobody"
            fix = f"write `{near}`"
            problems.append(Problem(doc.meta_at(key), what, fix, {"key": key, "near": near}))
    return problems


def _near_key(key: str, known: frozenset[str]) -> str:
    folded = {re.sub(r"[^a-z]", "", k.lower()): k for k in known}
    wanted = re.sub(r"[^a-z]", "", key.lower())
    if "tools" in known and wanted == "allowedtools":
        return "tools"
    near = difflib.get_close_matches(wanted, sorted(folded), n=1, cutoff=0.86)
    return folded[near[0]] if near else ""


# ---------------------------------------------------------------- checklist A


def judge_agents(sheet: Sheet, tree: Tree, task: str) -> None:
    """Checklist A over all agent definitions."""
    paths = tree.agents()
    if not paths:
        what = "there is no agent definition: agents/*.md matches nothing"
        sheet.ask("A-02", task, [Problem("agents/", what, "add one file per agent to agents/")])
        sheet.lose([r for r in rules_of("A") if r != "A-02"], "agents/")
        return
    seen: dict[str, str] = {}
    for path in paths:
        doc = tree.document(path)
        judge_agent(sheet, tree, task, doc)
        name = (doc.meta or {}).get("name")
        if isinstance(name, str):
            twin = seen.setdefault(name.lower(), path)
            what = f"{twin} has the name {name!r} too"
            problem = Problem(doc.meta_at("name"), what, "give each agent a name of its own")
            sheet.ask("A-18", task, [problem] if twin != path else [])


def judge_agent(sheet: Sheet, tree: Tree, task: str, doc: Document) -> None:
    """Checklist A over one definition."""
    own = [r for r in rules_of("A") if r != "A-18"]
    if not readable(sheet, task, doc, "A-01", own):
        return
    if front_matter_holds(sheet, task, doc, "A-02", [*own[2:9], "A-17"]):
        sheet.ask("A-03", task, name_problems(doc, 64))
        sheet.ask("A-04", task, stem_problems(doc))
        described(sheet, task, doc, ("A-05", "A-06", "A-07"))
        sheet.ask("A-08", task, tools_problems(doc, "tools"))
        sheet.ask("A-09", task, model_problems(doc))
        sheet.ask("A-17", task, key_problems(doc, AGENT_KEYS))
    sheet.ask("A-10", task, heading_problems(doc))
    sheet.ask("A-11", task, dead_links(doc, tree))
    sheet.ask("A-12", task, placeholder_problems(doc))
    sheet.ask("A-13", task, fence_problems(doc))
    sheet.ask("A-14", task, size_problems(doc, 25))
    sheet.ask("A-15", task, steps_problems(doc, "the agent's work"))
    sheet.ask("A-16", task, output_problems(doc))
    sheet.ask("A-19", task, command_problems(doc, tree))


def readable(sheet: Sheet, task: str, doc: Document, rule: str, own: Sequence[str]) -> bool:
    """Asks whether the file can be read; a file that cannot loses every rule of its list."""
    if not doc.problem:
        return sheet.ask(rule, task, [])
    what = f"{doc.path} {doc.problem}"
    fixes = {"does not exist": "write it", "is empty": "write it"}
    unreadable = "shorten it" if "larger" in doc.problem else "save it as UTF-8 text"
    fix = fixes.get(doc.problem, unreadable)
    where = doc.path if doc.problem == "does not exist" else doc.at(doc.problem_line)
    sheet.ask(rule, task, [Problem(where, what, fix)])
    sheet.lose([r for r in own if r != rule], doc.path)
    return False


def front_matter_holds(sheet: Sheet, task: str, doc: Document, rule: str, own: Sequence[str]) -> bool:
    """Asks for front matter; without it, the rules about its keys are lost too."""
    if doc.meta is not None:
        return sheet.ask(rule, task, [])
    fix = "open the file with `---`, `name: …`, `description: …`, `---`"
    if "not valid YAML" in doc.meta_problem:
        fix = "correct it; a value with `: ` in it needs quotes"
    elif "twice" in doc.meta_problem:
        fix = "keep one of the two"
    elif "not closed" in doc.meta_problem:
        fix = "put `---` on a line of its own after the last key"
    sheet.ask(rule, task, [Problem(doc.at(doc.meta_problem_line), doc.meta_problem, fix)])
    sheet.lose(own, doc.path)
    return False


def described(sheet: Sheet, task: str, doc: Document, rules: tuple[str, str, str]) -> None:
    """Asks the three rules about the description."""
    missing, length, when = rules
    if not sheet.ask(missing, task, description_missing(doc)):
        sheet.lose([length, when], doc.path)
        return
    sheet.ask(length, task, description_length(doc))
    found = says_when(doc)
    if found is not None:
        sheet.ask(when, task, found)


def stem_problems(doc: Document) -> list[Problem]:
    """An agent called otherwise than its file."""
    name = (doc.meta or {}).get("name")
    stem = slug(posixpath.basename(doc.path)[:-3])
    if not isinstance(name, str) or not name or not stem or slug(name) == stem:
        return []  # Absent, or only spelled otherwise: A-03 says so.
    what = f"the agent is called {name!r}, its file {posixpath.basename(doc.path)!r}"
    return [Problem(doc.meta_at("name"), what, f"write `name: {stem}`", {"near": stem})]


def size_problems(doc: Document, least: int) -> list[Problem]:
    """A body that says next to nothing, or one nobody loads whole."""
    count, lines = words(doc.body), len(doc.lines) - doc.body_start
    if count < least:
        where = doc.at(min(doc.body_start + 1, len(doc.lines)))
        what = f"the body has only {count} word" + "s" * (count != 1)
        return [Problem(where, what, "say what it does, with what, and how")]
    if lines > MAX_LINES:
        what = f"the body has {lines} lines, {MAX_LINES} are advised"
        fix = "move parts into references/ and link to them"
        return [Problem(doc.at(doc.body_start + MAX_LINES + 1), what, fix)]
    return []


def steps_problems(doc: Document, of: str) -> list[Problem]:
    """A body of nothing but paragraphs."""
    stepped = any(LIST_ITEM.match(line) or re.match(r"\s*\|.*\|", line) for line in doc.prose)
    named = any(re.search(r"\bsteps?\b|\bphase\b|^\d+[.)]", h.text, re.IGNORECASE) for h in headings(doc))
    if stepped or named or doc.code:
        return []
    what = f"no list, no table and no example tells {of} step by step"
    return [Problem(doc.at(doc.body_start + 1), what, "number the steps, or show an example")]


def output_problems(doc: Document) -> list[Problem]:
    """A body that never says what comes out."""
    said = r"\b(?:output|return|report|result|produce|respond|reply|answer|write|writes|deliver"
    said += r"|format|generate|create|emit|draft|summar|hand|give|list|save|present|provide)"
    # A long text says it in words of its own; only of a short one can the lack be told.
    told = re.search(said, doc.body, re.IGNORECASE) or words(doc.body) > 200
    if told or not re.search(r"[a-z]{3}", doc.body):
        return []
    where = doc.at(doc.body_start + 1)
    return [Problem(where, "the body never says what the agent gives back", "add what it returns")]


# ---------------------------------------------------------------- checklist S


def judge_skill(sheet: Sheet, tree: Tree, task: str, folder: str) -> None:
    """Checklist S over SKILL.md."""
    doc = tree.document("SKILL.md")
    own = [r for r in rules_of("S") if r != "S-05"]
    if not readable(sheet, task, doc, "S-01", own):
        return
    if front_matter_holds(sheet, task, doc, "S-02", own[2:9]):
        _judge_skill_keys(sheet, task, doc, folder)
    sheet.ask("S-11", task, heading_problems(doc))
    small = size_problems(doc, 40)
    long = [p for p in small if "lines" in p.what]
    sheet.ask("S-12", task, [p for p in small if p not in long])
    sheet.ask("S-13", task, long)
    sheet.ask("S-14", task, dead_links(doc, tree))
    sheet.ask("S-15", task, nested_references(doc, tree))
    sheet.ask("S-16", task, fence_problems(doc))
    sheet.ask("S-17", task, placeholder_problems(doc))
    sheet.ask("S-18", task, steps_problems(doc, "the work"))
    sheet.ask("S-19", task, example_problems(doc))
    sheet.ask("S-20", task, command_problems(doc, tree))
    sheet.ask("S-21", task, orphan_problems(tree))


def _judge_skill_keys(sheet: Sheet, task: str, doc: Document, folder: str) -> None:
    if sheet.ask("S-03", task, name_problems(doc, 64)):
        name = str((doc.meta or {})["name"])
        reserved = [w for w in ("anthropic", "claude") if w in name.split("-")]
        what = f"`name` uses the reserved word {reserved[0]!r}" if reserved else ""
        problem = Problem(doc.meta_at("name"), what, "choose a name without it")
        sheet.ask("S-04", task, [problem] if reserved else [])
        if folder:
            what = f"`name` is {name!r}, the folder is called {folder!r}"
            problem = Problem(doc.meta_at("name"), what, "give both the same name", {"near": folder})
            sheet.ask("S-05", task, [problem] if name != folder else [])
    else:
        sheet.lose(["S-04"], doc.path)
    described(sheet, task, doc, ("S-06", "S-07", "S-08"))
    tag = re.search(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?/?>", doc.says("description"))
    what = f"the description holds the tag {tag[0]!r}" if tag else ""
    problem = Problem(doc.meta_at("description"), what, "write it without angle brackets")
    sheet.ask("S-09", task, [problem] if tag else [])
    sheet.ask("S-10", task, [*type_problems(doc), *key_problems(doc, SKILL_KEYS)])


def type_problems(doc: Document) -> Iterator[Problem]:
    """Optional keys of SKILL.md that have a wrong type or length."""
    meta = doc.meta or {}
    for key in ("license", "compatibility"):
        if meta.get(key) is not None and not isinstance(meta[key], str):
            yield Problem(doc.meta_at(key), f"`{key}` is not text", "write it as text", {"key": key})
    if isinstance(meta.get("compatibility"), str) and len(meta["compatibility"]) > 500:
        what = f"`compatibility` has {len(meta['compatibility'])} characters, 500 are allowed"
        yield Problem(doc.meta_at("compatibility"), what, "shorten it", {"key": "compatibility"})
    if meta.get("metadata") is not None and not isinstance(meta["metadata"], dict):
        yield Problem(doc.meta_at("metadata"), "`metadata` is no mapping", "write `key: value` lines")
    tools = meta.get("allowed-tools")
    if tools is not None and not isinstance(tools, str | list):
        fix = "write `Read Grep`, or a list"
        yield Problem(doc.meta_at("allowed-tools"), "`allowed-tools` is neither text nor list", fix)


def local_markdown(doc: Document, tree: Tree) -> dict[str, int]:
    """The Markdown files of the skill that a document links to, with the line."""
    found: dict[str, int] = {}
    for link in links(doc):
        path = urllib.parse.unquote(link.target.partition("#")[0])
        for base in (posixpath.dirname(doc.path), ""):
            name = posixpath.normpath(posixpath.join(base, path)) if path else ""
            if name.endswith(".md") and name in tree.files:
                found.setdefault(name, link.line)
                break
    return found


def nested_references(doc: Document, tree: Tree) -> list[Problem]:
    """Files that can only be reached through another reference."""
    direct = local_markdown(doc, tree)
    mentioned = set(re.findall(r"[\w./-]+\.md", doc.body))
    problems, seen = [], {"SKILL.md"} | set(direct)
    for name in direct:
        other = tree.document(name)
        if other.problem or not name.startswith(("references/", "reference/", "docs/")):
            continue
        for further, line in local_markdown(other, tree).items():
            if further not in seen and not mentioned & {further, posixpath.basename(further)}:
                seen.add(further)
                what = f"`{further}` is reached only through `{name}`, two levels from SKILL.md"
                fix = f"link to `{further}` from SKILL.md"
                problems.append(Problem(other.at(line), what, fix, {"file": further}))
    return problems


def example_problems(doc: Document) -> list[Problem]:
    """A body without any example."""
    said = re.search(r"\bexamples?\b|\be\.g\.|\bfor instance\b|\bsample\b|例", doc.body, re.IGNORECASE)
    if doc.code or said or re.search(r"^\s*>\s", doc.body, re.MULTILINE):
        return []
    return [Problem(doc.at(doc.body_start + 1), "the body has no example", "show one use of it")]


def orphan_problems(tree: Tree) -> list[Problem]:
    """Scripts and references that no document, and no other script, mentions."""
    texts = []
    for name in sorted(tree.files):
        if name.endswith((".md", ".py", ".sh", ".js", ".ts", ".json", ".toml", ".yaml", ".yml")):
            try:
                text = (tree.root / name).read_bytes()[:MAX_BYTES].decode("utf-8", "replace")
            except OSError:
                continue
            texts.append((name, text.replace("%20", " ")))
    problems = []
    for name in sorted(tree.files):
        kinds = r"references/[^/]+\.md|scripts/(?!test_)[^/_.][^/]*(?<!_test)\.(?:py|sh|js)"
        if not re.fullmatch(kinds, name):
            continue
        base = posixpath.basename(name)
        stem = re.escape(base.rpartition(".")[0])
        said = re.compile(rf"\b{stem}\b")
        whole = re.compile(rf"(?<![\w/.-]){posixpath.dirname(name)}/?(?=[`\s,.)\]]|$)")
        if not any(said.search(t) or (n == "SKILL.md" and whole.search(t)) for n, t in texts if n != name):
            what = f"`{name}` is mentioned nowhere, so nobody will read or run it"
            problems.append(Problem(name + ":1", what, "mention it in SKILL.md", {"file": name}))
    return problems


# ---------------------------------------------------------------- checklist P

READERS = {
    "P-02": re.compile(
        r"\bL0\b|\bELI5\b|plain (?:words|language|english)|in short for|non-technical|newcomer"
        r"|beginner|everyone|for users?\b|user guide|stakeholder|what (?:it|this) is",
        re.IGNORECASE,
    ),
    "P-03": re.compile(
        r"\bL1\b|engineer|developer|operator|practitioner|for who(?:ever)? runs", re.IGNORECASE
    ),
    "P-04": re.compile(r"\bL2\b|architect|maintainer|design|internals|trade-?offs", re.IGNORECASE),
}
READER_NAMES = {
    "P-02": "in plain words (L0)",
    "P-03": "for who runs it (L1)",
    "P-04": "for who designs and maintains it (L2)",
}


def reader_parts(doc: Document) -> dict[str, Heading]:
    """Which heading opens the part of which reader."""
    found: dict[str, Heading] = {}
    for rule, pattern in READERS.items():
        fits = [h for h in headings(doc) if h.level > 1 and pattern.search(h.text)]
        fits = [h for h in fits if h not in found.values()]
        if fits:
            marked = [h for h in fits if re.search(r"\bL[012]\b", h.text)]
            found[rule] = (marked or fits)[0]
    return found


def judge_playbook(sheet: Sheet, tree: Tree, task: str) -> None:
    """Checklist P over PLAYBOOK.md."""
    doc = tree.document("PLAYBOOK.md")
    if not readable(sheet, task, doc, "P-01", rules_of("P")):
        return
    parts = reader_parts(doc)
    for rule, name in READER_NAMES.items():
        problem = Problem(doc.at(1), f"there is no part {name}", "add one, under its own heading")
        sheet.ask(rule, task, [] if rule in parts else [problem])
    _judge_parts(sheet, task, doc, parts)
    sheet.ask("P-09", task, heading_problems(doc))
    sheet.ask("P-10", task, dead_links(doc, tree))
    sheet.ask("P-11", task, fence_problems(doc))
    sheet.ask("P-12", task, placeholder_problems(doc))
    sheet.ask("P-13", task, command_problems(doc, tree))
    names = skill_names(tree)
    named = not names or any(fold(n) in fold("\n".join(doc.lines)) for n in names)
    what = f"nothing here names the skill ({' or '.join(map(repr, names))})"
    sheet.ask("P-14", task, [] if named else [Problem(doc.at(1), what, "say which skill it is")])
    sheet.ask("P-15", task, unnamed_agents(doc, tree, partly=True))


def _judge_parts(sheet: Sheet, task: str, doc: Document, parts: Mapping[str, Heading]) -> None:
    ordered = [parts[r].line for r in READERS if r in parts]
    lines = " then ".join(parts[r].text for r in READERS if r in parts)
    if len(ordered) == len(READERS):
        problem = Problem(doc.at(ordered[0]), "the parts are out of order", f"order: {lines}")
        sheet.ask("P-05", task, [] if ordered == sorted(ordered) else [problem])
    if plain := parts.get("P-02"):
        code = [i + 1 for i in section(doc, plain) if i in doc.code]
        problem = Problem(doc.at(code[0] if code else 1), "the plain part shows code", "move it to L1")
        sheet.ask("P-06", task, [problem] if code else [])
    if runs := parts.get("P-03"):
        part = section(doc, runs)
        stepped = any(i in doc.code or re.match(r"\s*\d+[.)]\s", doc.lines[i]) for i in part)
        what = f"{runs.text!r} has no command and no numbered steps"
        problem = Problem(doc.at(runs.line), what, "show the commands to type")
        sheet.ask("P-07", task, [] if stepped else [problem])
    else:
        sheet.lose(["P-07"], doc.path)
    thin = []
    for heading in parts.values():
        count = words("\n".join(doc.lines[i] for i in section(doc, heading)))
        if count < 25:
            what = f"{heading.text!r} has only {count} word" + "s" * (count != 1)
            fix = "tell this reader what there is to know"
            rule = next(r for r, h in parts.items() if h == heading)
            thin.append(Problem(doc.at(heading.line), what, fix, {"part": rule}))
    if parts:
        sheet.ask("P-08", task, thin)
    else:
        sheet.lose(["P-08"], doc.path)


def skill_names(tree: Tree) -> list[str]:
    """What the skill is called: its `name`, and the title of SKILL.md."""
    doc = tree.document("SKILL.md")
    names = [(doc.meta or {}).get("name"), *(h.text for h in headings(doc)[:1] if h.level == 1)]
    return [n for n in names if isinstance(n, str) and fold(n)]


def agent_names(tree: Tree) -> dict[str, Document]:
    """The agents by name; by file name where the definition has none."""
    found = {}
    for path in tree.agents():
        doc = tree.document(path)
        name = (doc.meta or {}).get("name")
        found[name if isinstance(name, str) and name else posixpath.basename(path)[:-3]] = doc
    return found


def unnamed_agents(doc: Document, tree: Tree, *, partly: bool) -> list[Problem]:
    """Agents that a document does not name; with `partly`, only where it names another."""
    names = {n: re.compile(rf"(?<![\w-]){re.escape(n)}(?![\w-])", re.IGNORECASE) for n in agent_names(tree)}
    silent = [n for n, said in names.items() if not said.search(doc.body)]
    if partly and len(silent) == len(names):
        return []
    if not silent:
        return []
    what = f"not named here: the agent{'s' * (len(silent) > 1)} " + ", ".join(f"`{n}`" for n in silent)
    where = doc.at(doc.body_start + 1)
    return [Problem(where, what, "say what each is for", {"agents": silent})]


# ---------------------------------------------------------------- checklist C


def judge_consistency(sheet: Sheet, tree: Tree, task: str) -> None:
    """Checklist C: what the documents of one skill say about each other."""
    docs = [tree.document(n) for n in ("SKILL.md", "PLAYBOOK.md")]
    docs = [d for d in docs if not d.problem]
    for doc in docs:
        sheet.ask("C-01", task, path_problems(doc, tree))
        sheet.ask("C-04", task, claim_problems(doc, agent_models(tree)))
        sheet.ask("C-05", task, twice_problems(doc))
        sheet.ask("C-03", task, silent_problems(doc, tree))
        if doc.path == "SKILL.md" and tree.agents():
            sheet.ask("C-02", task, unnamed_agents(doc, tree, partly=False))


def path_problems(doc: Document, tree: Tree) -> list[Problem]:
    """Paths of the skill, given in inline code, that are not there."""
    problems = []
    for number, line in enumerate(doc.lines[doc.body_start :], doc.body_start + 1):
        if number - 1 in doc.code:
            continue
        for span in CODE_SPAN.finditer(line):
            path = span[2].strip()
            fits = re.fullmatch(r"(agents|references|scripts|assets)/[\w/-]+\.\w{1,4}", path)
            if not fits or not tree.has(fits[1]) or tree.has(path):
                continue
            near = nearest_file("SKILL.md", path, tree)
            what = f"`{path}` does not exist"
            fix = f"write `{near}`" if near else "correct the path"
            problems.append(Problem(doc.at(number), what, fix, {"path": path, "near": near}))
    return problems


class Claim(NamedTuple):
    """A line of a table that says which model an agent uses."""

    agent: str
    model: str
    line: int


def model_claims(doc: Document, agents: Iterable[str]) -> Iterator[Claim]:
    """What the tables with a `Model` or `Default` column say about agents."""
    column, known = -1, set(agents)
    for number, line in enumerate(doc.lines, 1):
        if number - 1 in doc.code or not line.strip().startswith("|"):
            column = -1
            continue
        cells = [c.strip().strip("`* ") for c in line.strip().strip("|").split("|")]
        if column < 0:
            titles = [
                i for i, c in enumerate(cells) if re.fullmatch(r"(default )?model|default", c, re.IGNORECASE)
            ]
            column = titles[0] if titles else len(cells) + 1
        elif column < len(cells) and cells[0] in known and valid_model(cells[column]):
            yield Claim(cells[0], cells[column], number)


def agent_models(tree: Tree) -> dict[str, str]:
    """The model of each agent whose definition can be read; `inherit` where none is given."""
    found = {}
    for name, doc in agent_names(tree).items():
        if doc.meta is not None:
            found[name] = doc.says("model") or "inherit"
    return found


def claim_problems(doc: Document, models: Mapping[str, str]) -> list[Problem]:
    """Tables that contradict the definitions."""
    problems = []
    for claim in model_claims(doc, models):
        if claim.model != models[claim.agent]:
            real = models[claim.agent]
            what = f"the table gives `{claim.agent}` the model {claim.model}, its definition {real}"
            data = {"agent": claim.agent, "model": real}
            problems.append(Problem(doc.at(claim.line), what, f"write {real}", data))
    return problems


def twice_problems(doc: Document) -> list[Problem]:
    """Sections that stand twice under the same heading."""
    problems, stack = [], [""] * 7
    seen: dict[tuple[str, ...], int] = {}
    for heading in headings(doc):
        stack[heading.level :] = [fold(heading.text)] + [""] * (6 - heading.level)
        place = tuple(stack[: heading.level + 1])
        if fold(heading.text) and place in seen:
            what = f"the section {heading.text!r} stands twice, first in line {seen[place]}"
            problems.append(Problem(doc.at(heading.line), what, "make them one"))
        seen.setdefault(place, heading.line)
    return problems


def silent_problems(doc: Document, tree: Tree) -> list[Problem]:
    """Sister documents that this one does not mention."""
    problems = []
    for other in ("SKILL.md", "PLAYBOOK.md", "RUNBOOK.md"):
        if other != doc.path and other in tree.files and other not in doc.body:
            what = f"{doc.path} does not mention {other}"
            fix = f"say in a line what {other} is for"
            problems.append(Problem(doc.at(doc.body_start + 1), what, fix, {"file": other}))
    return problems


# ---------------------------------------------------------------- checklist M


class Work(NamedTuple):
    """Whose artifacts answer for what, in the gate over track B."""

    script: str
    document: str
    defaults: str
    runbook: str
    tests: str


TRACK_B = Work("TASK-420", "TASK-421", "TASK-422", "TASK-423", "TASK-424")
PROBE = "no-such-model"
GOOD_MODELS = ("opus", "inherit", "claude-sonnet-4-5")


def judge_models(sheet: Sheet, artifacts: Path) -> None:
    """Checklist M over what track B made."""
    trees = {task: load_tree(artifacts / task) for task in TRACK_B}
    definitions = trees[TRACK_B.defaults]
    facts = read_json(artifacts / TRACK_B.script / "run" / "TASK-420.json")
    script = _judged_script(trees[TRACK_B.script], facts)
    _judge_definitions(sheet, definitions)
    if script is None:
        what = "no script with model options was handed in"
        problem = Problem("scripts/", what, "add the model options to a script")
        sheet.ask("M-01", TRACK_B.script, [problem])
        sheet.lose([r for r in rules_of("M") if r not in {"M-01", "M-10"}], "scripts/")
        return
    name = script.relative_to(trees[TRACK_B.script].root).as_posix()
    options = _judge_script(sheet, script, name, definitions, facts)
    _judge_documents(sheet, trees, options, agent_models(definitions))
    _judge_tests(sheet, artifacts, script, name, options)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file; empty when there is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _judged_script(tree: Tree, facts: Mapping[str, Any]) -> Path | None:
    """The script that has the options: the one handed on, if it is among the artifacts."""
    name = str(facts.get("script", ""))
    return tree.root / name if name in tree.files and name.endswith(".py") else None


def _judge_definitions(sheet: Sheet, tree: Tree) -> None:
    task = TRACK_B.defaults
    if not tree.agents():
        problem = Problem("agents/", "no agent definition was handed in", "give each agent a model")
        sheet.ask("M-10", task, [problem])
    for path in tree.agents():
        doc = tree.document(path)
        problems = model_problems(doc)
        if (doc.meta or {}).get("model") is None:
            fix = "write `model: inherit`, or the model it needs"
            problems = [Problem(doc.at(1), "the definition gives no default model", fix)]
        sheet.ask("M-10", task, problems)


def _judge_script(
    sheet: Sheet, script: Path, name: str, definitions: Tree, facts: Mapping[str, Any]
) -> set[str]:
    """Asks the rules about the script itself; its model options."""
    task, where = TRACK_B.script, f"{name}:1"
    shown = script_help(script)
    text = shown.text if shown and not shown.status else ""
    options = set(re.findall(r"--(?:[a-z0-9-]+-)?model(?:-[a-z0-9-]+)?\b", text))
    why = shown.last_line if shown and shown.status else "its --help does not name it"
    problem = Problem(where, f"`{name}` has no --model option: {why}", "add one")
    sheet.ask("M-01", task, [] if "--model" in options else [problem])
    lost = [posixpath.basename(p)[:-3] for p in definitions.agents()]
    lost = [a for a in lost if not {f"--model-{slug(a)}", f"--{slug(a)}-model"} & options]
    fix = "add `--model-NAME` for each agent"
    sheet.ask("M-02", task, [Problem(where, f"no model option for agent `{a}`", fix) for a in lost])
    refused = script_help(script, "--model", PROBE)
    problem = Problem(where, f"`--model {PROBE}` is accepted", "refuse models nobody knows")
    sheet.ask("M-03", task, [] if refused and refused.status == 2 else [problem])
    wrong = []
    for model in GOOD_MODELS:
        taken = script_help(script, "--model", model)
        if taken is None or taken.status:
            what = f"`--model {model}` is refused: {taken.last_line if taken else 'no answer'}"
            wrong.append(Problem(where, what, "accept aliases, inherit and claude-… ids"))
    sheet.ask("M-04", task, wrong)
    mute = [o for o in sorted(options) if not _says_default(text, o)]
    problem = Problem(where, f"--help does not say the default of {', '.join(mute)}", "say it")
    sheet.ask("M-05", task, [problem] if mute else [])
    told = {str(o) for o in facts.get("options", []) if isinstance(o, str)}
    what = f"handed on: {', '.join(sorted(told)) or 'none'}; real: {', '.join(sorted(options))}"
    problem = Problem("TASK-420.json", what, "list the options that --help shows")
    sheet.ask("M-06", task, [] if told == options else [problem])
    return options


def _says_default(text: str, option: str) -> bool:
    """Whether the help entry of an option (up to the next entry) tells its default."""
    entry = re.search(rf"^\s+{option}\b.*?(?=^\s{{1,4}}-|^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return bool(entry and re.search(r"\bdefault", entry[0], re.IGNORECASE))


def _judge_documents(
    sheet: Sheet, trees: Mapping[str, Tree], options: set[str], models: Mapping[str, str]
) -> None:
    task = TRACK_B.document
    skill = trees[task].document("SKILL.md")
    everything = "\n".join(skill.lines)
    missing = sorted(o for o in options if not re.search(rf"{o}(?![\w-])", everything))
    what = f"model options not documented: {', '.join(missing)}"
    data = {"options": sorted(options)}
    problem = Problem(skill.at(1), what, "document each of them", data)
    sheet.ask("M-07", task, [problem] if missing else [])
    documents = [(task, skill), (TRACK_B.runbook, trees[TRACK_B.runbook].document("RUNBOOK.md"))]
    for owner, doc in documents:
        sheet.ask("M-08", owner, invented_options(doc, options))
    shows = any(o in "\n".join(skill.lines[i] for i in skill.code) for o in options)
    problem = Problem(skill.at(1), "no example chooses a model", "show a command that does", data)
    sheet.ask("M-14", task, [] if shows else [problem])
    wins = r"\b(?:wins?|overrides?|precedence|takes priority|before the|first of)\b"
    problem = Problem(skill.at(1), "it is not said which choice of model wins", "say the order", data)
    sheet.ask("M-15", task, [] if re.search(wins, everything, re.IGNORECASE) else [problem])
    _judge_runbook(sheet, trees[TRACK_B.runbook], options)
    _judge_model_tables(sheet, skill, trees[TRACK_B.runbook].document("RUNBOOK.md"), models)


def invented_options(doc: Document, options: set[str]) -> list[Problem]:
    """Model options in a document that the script does not have."""
    problems = []
    for number, line in enumerate(doc.lines, 1):
        said = re.findall(r"(?<![\w-])--(?:[a-z0-9-]+-)?model(?:-[a-z0-9-]+)?(?![\w-])", line)
        for option in sorted(set(said) - options):
            what = f"`{option}` is documented, but the script does not have it"
            data = {"option": option, "options": sorted(options)}
            problems.append(Problem(doc.at(number), what, "document what --help shows", data))
    return problems


def _judge_runbook(sheet: Sheet, tree: Tree, options: set[str]) -> None:
    task, doc = TRACK_B.runbook, tree.document("RUNBOOK.md")
    problems = []
    if doc.problem:
        problems = [Problem("RUNBOOK.md", f"RUNBOOK.md {doc.problem}", "write it")]
    else:
        if not any(o in "\n".join(doc.lines) for o in options):
            what = "it does not say how to switch models"
            problems.append(Problem(doc.at(1), what, "add the options", {"options": sorted(options)}))
        if not re.search(r"roll(?:ing)?[- ]?back|undo|revert|go back", doc.body, re.IGNORECASE):
            fix = "say how to go back to the models before"
            problems.append(Problem(doc.at(1), "it does not say how to roll back", fix, {"rollback": True}))
    sheet.ask("M-09", task, problems)


def _judge_model_tables(sheet: Sheet, skill: Document, book: Document, models: Mapping[str, str]) -> None:
    """Tables of models, in SKILL.md or in RUNBOOK.md, say what the definitions say, and leave no agent out."""
    owners = [(TRACK_B.document, skill), (TRACK_B.runbook, book)]
    readable = [(task, doc) for task, doc in owners if not doc.problem]
    wrong = {task: claim_problems(doc, models) for task, doc in readable}
    said = {c.agent for _, doc in readable for c in model_claims(doc, models)}
    silent = sorted(set(models) - said)
    if silent:
        what = f"no table gives the default model of: {', '.join(silent)}"
        problem = Problem(book.at(1), what, "give a table of agents and models")
        wrong.setdefault(TRACK_B.runbook, []).append(problem)
    for task, _ in owners:
        sheet.ask(
            "M-11", task, [p._replace(data={"models": dict(models), **p.data}) for p in wrong.get(task, [])]
        )


def _judge_tests(sheet: Sheet, artifacts: Path, script: Path, name: str, options: set[str]) -> None:
    task = TRACK_B.tests
    results = read_json(artifacts / task / "run" / "TASK-424.json")
    cases = [c for c in results.get("cases", []) if isinstance(c, dict)]
    problems = []
    if not cases:
        problems.append(Problem("TASK-424.json", "no test case ran", "run the script"))
    tried = {word for case in cases for word in case.get("argv", [])}
    if untried := sorted(options - tried):
        what = f"never tried: {', '.join(untried)}"
        problems.append(Problem("TASK-424.json", what, "run the script with each option"))
    sheet.ask("M-12", task, [*problems, *_failed_cases(cases)])
    what = f"the tests ran another {name} than the one judged"
    same = results.get("sha256") == hashlib.sha256(script.read_bytes()).hexdigest()
    problem = Problem("TASK-424.json", what, "run them again")
    sheet.ask("M-13", task, [] if same else [problem])


def _failed_cases(cases: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    failed = [c for c in cases if c.get("passed") is not True]
    if failed:
        first = f"{failed[0].get('name')}: {failed[0].get('why', 'no reason given')}"
        what = f"{len(failed)} of {len(cases)} tests failed; the first: {first}"
        yield Problem("TASK-424.json", what, "mend the script, then run the tests again")


# ---------------------------------------------------------------- the program

CHECKLISTS = {
    "A": "agent definitions",
    "S": "SKILL.md",
    "P": "PLAYBOOK.md, for three readers",
    "C": "consistency",
    "M": "model parameters",
}
# A folder of such a name says where the skill was put, not what it is called.
CONTAINERS = {"", ".", "..", "skill", "skills", "workspace", "copy", "src", "tmp"}


def judge(lists: str, artifacts: Path, folder: str) -> dict[str, Any]:
    """The evaluation of a gate's artifacts against checklists, given as their letters."""
    sheet = Sheet()
    if "M" in lists:
        judge_models(sheet, artifacts)
    for root in sorted(p for p in artifacts.iterdir() if p.is_dir()):
        tree = load_tree(root)
        judges: dict[str, Callable[[], None]] = {
            "A": lambda t=tree, r=root: judge_agents(sheet, t, r.name),  # type: ignore[misc]
            "S": lambda t=tree, r=root: judge_skill(sheet, t, r.name, folder),  # type: ignore[misc]
            "P": lambda t=tree, r=root: judge_playbook(sheet, t, r.name),  # type: ignore[misc]
            "C": lambda t=tree, r=root: judge_consistency(sheet, t, r.name),  # type: ignore[misc]
        }
        for letter in lists:
            if letter in judges:
                judges[letter]()
    return sheet.evaluation()


class ShowRules(argparse.Action):
    """Prints the checklists as Markdown tables, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: Any) -> None:
        """Prints one table for each checklist."""
        for letter, title in CHECKLISTS.items():
            print(f"## {letter}: {title}\n\n| rule | asks that | criterion | weight |\n|---|---|---|---|")
            for rule in rules_of(letter):
                criterion, severity, asks = RULES[rule]
                print(f"| {rule} | {asks} | {criterion} | {WEIGHTS[severity]} |")
            print()
        parser.exit()


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Score a gate's artifacts against checklists.")
    parser.add_argument("--skill", default="", help="the skill's folder; its last part is its name")
    parser.add_argument("--rules", action=ShowRules, nargs=0, help="print the rules and end")
    parser.add_argument("gates", nargs="+", metavar="GATE=LISTS", help="such as G-030=SPC")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the evaluation; 0, or 2 with a line on stderr when there is nothing to judge."""
    arguments = parse_arguments(argv)
    lists = dict(g.partition("=")[::2] for g in arguments.gates)
    gate = os.environ.get("ORCH_GATE", "")
    artifacts = Path(os.environ.get("ORCH_GATE_DIR", ".")) / "artifacts"
    if gate not in lists:
        known = ", ".join(lists)
        print(f"judge: no checklist for gate {gate!r}; there are {known}", file=sys.stderr)
        return 2
    if not artifacts.is_dir():
        print(f"judge: no artifacts to judge: {artifacts} is no folder", file=sys.stderr)
        return 2
    folder = Path(arguments.skill.replace("\\", "/").rstrip("/")).name
    folder = "" if folder.lower() in CONTAINERS else folder
    text = json.dumps(judge(lists[gate], artifacts, folder), indent=2, ensure_ascii=False, default=str)
    if result := os.environ.get("ORCH_RESULT"):
        Path(result).write_text(text + "\n", "utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
