"""How findings about front matter are mended: names, descriptions, tools, models, keys."""

from __future__ import annotations

import posixpath
import re
from typing import Any

import judge
import yaml
from findings import Finding
from textedit import Page, Skill, first_paragraph, plain, sentences


def stem(name: str) -> str:
    """The name that a file's own name gives."""
    return judge.slug(posixpath.basename(name).removesuffix(".md"))


def natural_name(page: Page) -> str:
    """What the thing on the page is called: its `name`, its title, or its file's name."""
    doc = page.doc
    if page.name != "SKILL.md":
        return stem(page.name)
    title = next((h.text for h in judge.headings(doc) if h.level == 1), "")
    return judge.slug(doc.says("name")) or judge.slug(title)


def front_matter(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Gives the page front matter that can be read."""
    doc = page.doc
    if doc.meta is not None:
        return
    if page.lines[0].rstrip() == "---":
        _repair_front_matter(page)
        return
    name, says = natural_name(page), description_from_body(doc)
    if name and says:
        shown = yaml.safe_dump({"name": name, "description": says}, width=10_000, sort_keys=False)
        page.lines[0:0] = ["---", *shown.rstrip().split("\n"), "---", ""]


def _repair_front_matter(page: Page) -> None:
    """Repairs what can be repaired without a guess: tabs, bare colons, a missing end, a list."""
    before = list(page.lines)
    ends = [i for i, line in enumerate(page.lines[1:], 1) if line.rstrip() in {"---", "..."}]
    if not ends:
        inside = re.compile(r"[A-Za-z][\w-]*:(\s|$)|\s+\S|#")
        end = next((i for i, t in enumerate(page.lines[1:], 1) if not inside.match(t)), 0)
        if end < 2:
            return
        page.lines.insert(end, "---")
        ends = [end]
    for index in range(1, ends[0]):
        line = page.lines[index].replace("\t", "  ")
        pair = re.match(r"([A-Za-z][\w-]*):[ ]+([^\s\"'\[{|>&*!#].*?)\s*$", line)
        if pair and (": " in pair[2] or pair[2].endswith(":") or pair[2][0] in "@`%"):
            line = f"{pair[1]}: " + _quoted(pair[2])
        page.lines[index] = line
    values = _read_yaml("\n".join(page.lines[1 : ends[0]]))
    if isinstance(values, list) and values and all(isinstance(v, dict) for v in values):
        merged = {k: v for part in values for k, v in part.items()}
        shown = yaml.safe_dump(merged, allow_unicode=True, width=10_000, sort_keys=False)
        page.lines[1 : ends[0]] = shown.rstrip().split("\n")
    if page.doc.meta is None:
        page.lines[:] = before


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read_yaml(source: str) -> Any:
    try:
        return yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def in_third_person(sentence: str) -> str:
    """A sentence that speaks to the agent, as one about it; unchanged where that is no rewording."""
    if being := re.match(r"You are (?:an?|the) ", sentence):
        rest = sentence[being.end() :]
        return rest[:1].upper() + rest[1:]
    told = re.match(r"You ([a-z]+)\b(?! you)", sentence)
    if not told or told[1] in {"are", "can", "must", "may", "will", "should", "have", "do", "need", "then"}:
        return sentence
    verb = told[1]
    verb = verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb
    verb += "es" if re.search(r"(?:s|x|z|ch|sh|o)$", verb) and verb == told[1] else ""
    verb += "s" if verb == told[1] else ""
    return verb.capitalize() + sentence[told.end() :]


def description_from_body(doc: judge.Document) -> str:
    """A description taken from the first paragraph; empty when there is none."""
    found = ""
    for sentence in map(in_third_person, sentences(plain(first_paragraph(doc)))):
        if found and len(found) + len(sentence) > 300:
            break
        found = f"{found} {sentence}".strip()
    return found[: judge.MAX_DESCRIPTION]


def name(page: Page, finding: Finding, _skill: Skill) -> None:
    """Sets the name to the file's, or to the given one in its proper spelling."""
    wanted = str(finding.data.get("near") or "") or natural_name(page)
    if finding.rule == "S-05":
        # Two different names: which one is meant is for a person to say.
        given = page.doc.says("name")
        wanted = wanted if judge.slug(wanted) == judge.slug(given) else given
    if judge.SLUG.fullmatch(wanted) and len(wanted) <= 64:
        page.set_key("name", wanted)


def description(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Takes a missing description from the first paragraph."""
    if says := description_from_body(page.doc):
        page.set_key("description", says)


def length(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Lengthens a description by the first paragraph; shortens one to its first sentences."""
    doc = page.doc
    text = " ".join(doc.says("description").split())
    if len(text) <= judge.MAX_DESCRIPTION:
        more = description_from_body(doc)
        if more and more != text:
            page.set_key("description", f"{text.rstrip('.')}. {more}")
        return
    kept = ""
    rest = sentences(text)
    while rest and len(kept) + len(rest[0]) < judge.MAX_DESCRIPTION - 100:
        kept = f"{kept} {rest.pop(0)}".strip()
    if kept:
        page.insert(_after_title(page), "## Scope\n\n" + " ".join(rest))
        page.set_key("description", kept)


def _after_title(page: Page) -> int:
    doc = page.doc
    first = next(iter(judge.headings(doc)), None)
    return first.line if first and first.level == 1 else doc.body_start


def when(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Adds when to use it: what a section of the page says of it, or else what its name says."""
    doc = page.doc
    text = " ".join(doc.says("description").split()).rstrip(".")
    said = next(
        (h for h in judge.headings(doc) if re.search(r"\bwhen\b|trigger", h.text, re.IGNORECASE)), None
    )
    found = sentences(plain(first_paragraph(doc, said.line))) if said else []
    words = natural_name(page).replace("-", " ")
    use = f"Use when {found[0][0].lower() + found[0][1:]}" if found else f"Use when asked for {words}."
    if page.name != "SKILL.md" and not found:
        use = f"Use when the work calls for {'an' if words[:1] in 'aeiou' else 'a'} {words}."
    if words:
        page.set_key("description", f"{text}. {use}")


def tags(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Takes tags out of the description."""
    text = page.doc.says("description")
    page.set_key("description", " ".join(re.sub(r"</?[A-Za-z][^<>]*>", "", text).split()))


def tools(page: Page, _finding: Finding, _skill: Skill) -> None:
    """Corrects names of tools and drops unknown ones, but never to none: that would allow all."""
    value = (page.doc.meta or {}).get("tools")
    if isinstance(value, dict):
        value = [k for k, on in value.items() if on is True or on == "allow"]
    listed = judge.split_tools(value) if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(tool, str) for tool in listed):
        return
    kept = []
    for tool in listed:
        bare, bracket, rest = tool.strip().partition("(")
        if bare not in judge.TOOLS and bare != "*" and not bare.startswith("mcp__"):
            bare = judge.nearest_tool(bare)
        if bare:
            kept.append(bare + bracket + rest)
    if kept:
        page.set_key("tools", ", ".join(dict.fromkeys(kept)))


def model(page: Page, finding: Finding, _skill: Skill) -> None:
    """Sets the model: its proper spelling, or inherit."""
    page.set_key("model", finding.data.get("near") or "inherit")


def key(page: Page, finding: Finding, _skill: Skill) -> None:
    """Gives a key the spelling that is read, or a value the type that is."""
    old, new = finding.data.get("key"), finding.data.get("near")
    value = (page.doc.meta or {}).get(str(old))
    if old and new:
        page.rename_key(str(old), str(new))
    elif isinstance(value, list) and all(isinstance(v, str) for v in value):
        page.set_key(str(old), ", ".join(value))
