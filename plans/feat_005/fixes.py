"""How each finding of the checklists A, S and C is mended, in any skill.

A fix gets the page and one finding. What cannot be mended honestly from what the skill itself says
is left as it is: the gate then fails, and that is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import frontmatter
import judge
from findings import Finding
from textedit import Page, Skill, plain, sentences


def mend(page: Page, findings: list[Finding], skill: Skill) -> None:
    """Mends a page, from its last line to its first: so the lines above keep their numbers."""
    if page.problem:
        return
    for finding in sorted(findings, key=lambda f: (-f.line, f.rule)):
        if fix := FIXES.get(finding.rule):
            fix(page, finding, skill)


# ---------------------------------------------------------------- the text


def levels(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Closes gaps between heading levels, and puts later top headings under the first."""
    doc, tops, shift = page.doc, 0, 0
    open_levels: list[tuple[int, int]] = []
    for heading in judge.headings(doc):
        tops += heading.level == 1
        if heading.level == 1:
            shift = 1 if tops > 1 else 0
        asked = heading.level + shift
        while open_levels and open_levels[-1][0] >= asked:
            open_levels.pop()
        real = min(asked, open_levels[-1][1] + 1) if open_levels else asked
        open_levels.append((asked, real))
        if real != heading.level:
            _set_level(page, heading, min(real, 6))


def _set_level(page: Page, heading: judge.Heading, level: int) -> None:
    line = page.lines[heading.line - 1]
    if line.lstrip().startswith("#"):
        page.lines[heading.line - 1] = re.sub(r"#+", "#" * level, line, count=1)
    else:
        # Underlined: the line below must go, but removing it would move the lines under it.
        page.lines[heading.line - 1] = "#" * level + " " + line.strip()
        page.lines[heading.line] = ""


def link(page: Page, finding: Finding, _skill: Skill) -> None:
    """Points a dead link to the file that is meant; where none is, its text stays without link."""
    target, near = str(finding.data.get("target", "")), str(finding.data.get("near") or "")
    line = page.lines[finding.at]
    quoted, near = re.escape(target), near.replace(" ", "%20")
    if near:
        page.lines[finding.at] = re.sub(rf"(\]\(\s*<?|\]:\s*<?){quoted}(?=[>\s)]|$)", rf"\1{near}", line)
        return
    image = re.sub(rf"!\[([^\]]*)\]\(\s*<?{quoted}>?[^)]*\)", r"\1", line)
    page.lines[finding.at] = re.sub(
        rf"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?{quoted}>?(?:\s+[\"'][^)]*)?\)", r"\1", image
    )


def placeholder(page: Page, finding: Finding, _skill: Skill) -> None:
    """Removes placeholder text, and a heading that has nothing under it then."""
    line = page.lines[finding.at]
    inner = re.search(r"(?<=[.;])\s+(?:TODO|TBD):\s.*$|(?<=:)\**\s+(?:TBD|TODO)\W*$", line)
    if inner and line[: inner.start()].strip(" -*") and not line[: inner.start()].endswith(":"):
        page.lines[finding.at] = line[: inner.start()]
        return
    if judge.ATX.match(line):
        return
    del page.lines[finding.at]
    above = [h for h in judge.headings(page.doc) if h.line <= finding.at]
    if above:
        span = judge.section(page.doc, above[-1])
        if not "".join(page.lines[span.start : span.stop]).strip():
            del page.lines[above[-1].line - 1 : span.stop]


def fence(page: Page, finding: Finding, _skill: Skill) -> None:
    """Closes a fence before the next heading after a blank line, else at the end."""
    found = judge.FENCE.match(page.lines[finding.at])
    if not found:
        return
    marks = found[1]
    indent = page.lines[finding.at][: len(page.lines[finding.at]) - len(page.lines[finding.at].lstrip())]
    opener = len(marks)
    own = re.search(r"markdown|md", found[2])
    heads = 0
    for index in range(finding.at + 1, len(page.lines)):
        blank = not page.lines[index - 1].strip()
        if blank and re.match(r"#{2,6} \S", page.lines[index]):
            heads += 1
            # In a fence of Markdown the first heading may belong to the example.
            if not own or index > finding.at + 2:
                page.lines.insert(index - 1, indent + marks[0] * opener)
                return
    while page.lines and not page.lines[-1].strip():
        page.lines.pop()
    page.lines.append(indent + marks[0] * opener)


def steps(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Makes a list of the sentences of the longest paragraph that tells what to do."""
    doc = page.doc
    blocks = re.split(r"\n\s*\n", "\n".join(doc.lines[doc.body_start :]))
    told = [b for b in blocks if len(sentences(b)) > 2 and not b.lstrip().startswith(("#", ">", "<"))]
    if not told:
        return
    block = max(told, key=len)
    first, *rest = sentences(block)
    listed = "\n".join([first, "", *(f"{n}. {s}" for n, s in enumerate(rest, 1))])
    text = "\n".join(doc.lines[doc.body_start :]).replace(block, listed, 1)
    page.lines[doc.body_start :] = text.split("\n")


def output(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Says what is true of every agent: its last message is what it gives back."""
    page.append("## Output\n\nThe last message is the result; it is returned to whoever asked.")


def command(page: Page, finding: Finding, _skill: Skill) -> None:
    """Corrects the script's or the option's name in an example."""
    old = finding.data.get("script") or finding.data.get("option")
    near = finding.data.get("near")
    if not old or not near:
        return
    whole = re.compile(rf"(?<![\w-]){re.escape(str(old))}(?![\w-])")
    for index in range(finding.at, len(page.lines)):
        if whole.search(page.lines[index]):
            page.lines[index] = whole.sub(str(near), page.lines[index], count=1)
        if not page.lines[index].rstrip().endswith("\\"):
            return


def split(page: Page, _finding: Finding, skill: Skill) -> None:
    """Moves the longest sections of an over-long file to references/, and links to them."""
    while len(page.lines) - page.doc.body_start > judge.MAX_LINES:
        parts = [h for h in judge.headings(page.doc) if h.level == 2]
        if not parts:
            return
        heading = max(parts, key=lambda h: len(judge.section(page.doc, h)))
        span = judge.section(page.doc, heading)
        target = f"references/{judge.slug(heading.text)[:50]}.md"
        if len(span) < 10 or (skill.root / target).exists() or target == "references/.md":
            return
        moved = skill.page(target)
        body = [re.sub(r"\]\((?![a-z]+:|[#/])", "](../", t) for t in page.lines[span.start : span.stop]]
        moved.lines = [f"# {heading.text}", *body]
        moved.save()
        page.lines[span.start : span.stop] = ["", f"See [{heading.text}]({target}).", ""]


def mention(page: Page, finding: Finding, skill: Skill) -> None:
    """Adds a file to the list of files, with its own title or first sentence."""
    file = str(finding.data.get("file", ""))
    if file not in skill.tree.files:
        return
    if file.endswith(".md"):
        doc = skill.tree.document(file)
        title = next((h.text for h in judge.headings(doc)), "") or frontmatter.stem(file).replace("-", " ")
        line = f"- [{title}]({file.replace(' ', '%20')})"
    else:
        line = f"- `{file}`"
    _list_under(page, "Files", line)


def _list_under(page: Page, title: str, line: str) -> None:
    """Adds a line to the list under a heading; makes the section when there is none."""
    heading = page.section(title)
    if not heading:
        page.append(f"## {title}\n\n{line}")
        return
    span = judge.section(page.doc, heading)
    end = span.stop
    while end > span.start and not page.lines[end - 1].strip():
        end -= 1
    listed = end > span.start and judge.LIST_ITEM.match(page.lines[end - 1])
    page.lines[end:end] = [line] if listed else ["", line]


def example(page: Page, _finding: Finding, skill: Skill) -> None:
    """Shows how the skill's script is called, where it has one that answers --help."""
    tree = skill.tree
    for name_ in sorted(f for f in tree.files if re.fullmatch(r"scripts/[^/]+\.py", f)):
        shown = judge.script_help(tree.root / name_)
        if shown and not shown.status:
            page.append(f"## Example\n\n```bash\npython {name_} --help\n```")
            return


# ---------------------------------------------------------------- consistency


def path(page: Page, finding: Finding, _skill: Skill) -> None:
    """Corrects a path in inline code."""
    old, near = str(finding.data.get("path", "")), str(finding.data.get("near") or "")
    if near:
        page.lines[finding.at] = page.lines[finding.at].replace(f"`{old}`", f"`{near}`")


def agent(page: Page, finding: Finding, skill: Skill) -> None:
    """Adds agents to the list of agents, in the words of their definitions."""
    known = judge.agent_names(skill.tree)
    for wanted in map(str, finding.data.get("agents", [])):
        says = sentences(plain(known[wanted].says("description"))) if wanted in known else []
        _list_under(page, "Agents", f"- `{wanted}`: {says[0]}" if says else f"- `{wanted}`")


SISTERS = {
    "SKILL.md": "what the assistant follows",
    "PLAYBOOK.md": "how the skill is used, run and built",
    "RUNBOOK.md": "what to do when it breaks",
}


def sister(page: Page, finding: Finding, _skill: Skill) -> None:
    """Adds a line that names a sister document."""
    file = str(finding.data.get("file", ""))
    if file in SISTERS:
        _list_under(page, "See also", f"- [{file}]({file}): {SISTERS[file]}")


def claim(page: Page, finding: Finding, _skill: Skill) -> None:
    """Writes the model of the definition into a table's line."""
    said = next(
        (c for c in judge.model_claims(page.doc, [finding.data.get("agent", "")]) if c.line == finding.line),
        None,
    )
    if said:
        page.lines[finding.at] = re.sub(
            rf"(?<![\w-]){re.escape(said.model)}(?![\w-])",
            str(finding.data["model"]),
            page.lines[finding.at],
            count=1,
        )


def twice(page: Page, finding: Finding, _skill: Skill) -> None:
    """Moves what stands under a repeated heading to the first of its name."""
    found = judge.headings(page.doc)
    second = next((h for h in found if h.line == finding.line), None)
    first = next((h for h in found if second and judge.fold(h.text) == judge.fold(second.text)), None)
    if not first or not second or first == second or first.level != second.level:
        return
    span = judge.section(page.doc, second)
    moved = page.lines[span.start : span.stop]
    del page.lines[second.line - 1 : span.stop]
    target = judge.section(page.doc, first)
    page.insert(target.stop, "\n".join(moved).strip("\n"))


FIXES: dict[str, Callable[[Page, Finding, Skill], None]] = {
    **dict.fromkeys(["A-02", "S-02"], frontmatter.front_matter),
    **dict.fromkeys(["A-03", "A-04", "A-18", "S-03", "S-05"], frontmatter.name),
    **dict.fromkeys(["A-05", "S-06"], frontmatter.description),
    **dict.fromkeys(["A-06", "S-07"], frontmatter.length),
    **dict.fromkeys(["A-07", "S-08"], frontmatter.when),
    **dict.fromkeys(["A-10", "S-11", "P-09"], levels),
    **dict.fromkeys(["A-11", "S-14", "P-10"], link),
    **dict.fromkeys(["A-12", "S-17", "P-12"], placeholder),
    **dict.fromkeys(["A-13", "S-16", "P-11"], fence),
    **dict.fromkeys(["A-15", "S-18"], steps),
    **dict.fromkeys(["A-17", "S-10"], frontmatter.key),
    **dict.fromkeys(["A-19", "S-20", "P-13"], command),
    **dict.fromkeys(["S-15", "S-21"], mention),
    **dict.fromkeys(["C-02", "P-15"], agent),
    "A-08": frontmatter.tools,
    "A-09": frontmatter.model,
    "A-16": output,
    "S-09": frontmatter.tags,
    "S-13": split,
    "S-19": example,
    "C-01": path,
    "C-03": sister,
    "C-04": claim,
    "C-05": twice,
}
