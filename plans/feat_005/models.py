"""Track B: model options for the skill's script, their documents, and their tests."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import judge
from findings import Finding
from frontmatter import stem
from textedit import MendError, Page, Skill, write_bytes

MODULE = "model_options.py"
CHOOSING, PROFILES = "Choosing models", "Model profiles"
SWITCHING, BACK = "Switching models", "Rolling back"


def write_json(variable: str, value: object) -> None:
    """Writes a fact file of the run to where the engine wants it."""
    target = os.environ.get(variable)
    if not target:
        raise MendError(f"{variable} is not set, so there is nowhere to write to")
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


# ---------------------------------------------------------------- TASK-419


def inspect(skill: Skill) -> dict[str, Any]:
    """What can be said about choosing models in this skill: each agent, each script, each way."""
    tree = skill.tree
    agents = [_agent_facts(tree.document(name)) for name in tree.agents()]
    scripts = []
    for name in _python(tree):
        source = judge.source_facts(tree.root / name)
        options = sorted(o for o in source.options if re.search(r"--(?:.*-)?model(?:-|$)", o))
        scripts.append(
            {"file": name, "parser": source.parser, "model_options": options, "error": source.error}
        )
    skill_doc = tree.document("SKILL.md")
    of_skill = skill_doc.says("model")
    ways = [f"{a['file']}: front matter key `model`" for a in agents if a["text"]]
    ways += [f"{s['file']}: {', '.join(s['model_options'])}" for s in scripts if s["model_options"]]
    if judge.valid_model(of_skill):
        ways.append("SKILL.md: front matter key `model`")
    return {
        "possible": bool(ways),
        "ways": ways,
        "skill_md": {"readable": skill_doc.meta is not None, "model": of_skill or None},
        "agents": agents,
        "scripts": scripts,
    }


def _agent_facts(doc: judge.Document) -> dict[str, Any]:
    meta = doc.meta or {}
    value = meta.get("model")
    reason = doc.problem or (doc.meta_problem if doc.meta is None else "")
    if value is not None and not judge.valid_model(value):
        reason = judge.model_problems(doc)[0].what
    return {
        "file": doc.path,
        "name": doc.says("name") or stem(doc.path),
        "text": not doc.problem,
        "readable": doc.meta is not None,
        "model": value if isinstance(value, str | None) else judge.shown(value),
        "valid": not reason,
        "reason": reason,
    }


def _python(tree: judge.Tree) -> list[str]:
    return sorted(f for f in tree.files if re.fullmatch(r"scripts/[^/]+\.py", f))


# ---------------------------------------------------------------- TASK-420


def add_options(skill: Skill, findings: Iterable[Finding]) -> dict[str, Any]:
    """Gives the skill's script its model options; the facts for who documents and tests them."""
    name = choose_script(skill)
    path, rules = skill.root / name, {f.rule for f in findings}
    before = path.read_bytes()
    module = path.parent / MODULE
    had = module.read_text("utf-8") if module.is_file() else ""
    source = judge.source_facts(path)
    if "--model" not in source.options and "add_model_options" not in before.decode("utf-8", "replace"):
        write_bytes(path, with_options(before))
    if "--model" not in source.options:
        text = (Path(__file__).parent / MODULE).read_text("utf-8")
        switches = {"ACCEPT_IDS": {"M-04"}, "TELL_DEFAULTS": {"M-05"}}
        for switch, asked in switches.items():
            if asked & rules or f"\n{switch} = True\n" in had:
                text = text.replace(f"\n{switch} = False\n", f"\n{switch} = True\n")
        write_bytes(module, text.encode("utf-8"))
    judge.script_help.cache_clear()
    shown = judge.script_help(path)
    if shown is None or shown.status:
        write_bytes(path, before)
        if not had:
            module.unlink(missing_ok=True)
        why = shown.last_line if shown else "it gives no answer"
        raise MendError(f"{name} --help fails with the model options ({why}); it is as it was before")
    for other in _python(skill.tree):
        # The output is a glob over scripts/: what this act hands on, it must have written.
        write_bytes(skill.root / other, (skill.root / other).read_bytes())
    return {"script": name, "options": model_options(shown.text), "command": f"python {name}"}


def model_options(shown: str) -> list[str]:
    """The model options in a help text."""
    return sorted(set(re.findall(r"--(?:[a-z0-9-]+-)?model(?:-[a-z0-9-]+)?\b", shown)))


def choose_script(skill: Skill) -> str:
    """The script that gets the options: one with argparse, the most mentioned in SKILL.md."""
    tree = skill.tree
    names = _python(tree)
    if not names:
        others = sorted(f for f in tree.files if f.startswith("scripts/"))
        what = f"only {', '.join(others[:3])}" if others else "no scripts/ folder"
        raise MendError(f"the skill has no Python script to give model options to ({what})")
    fit, unfit = [], []
    for name in names:
        source = judge.source_facts(tree.root / name)
        data = (tree.root / name).read_bytes()
        why = source.error
        if not why and not parser_place(data):
            why = f"makes no argparse parser ({source.parser or 'has no option parser'})"
        elif not why and judge.script_help(tree.root / name) is None:
            why = "does not answer --help on this machine (a module it imports may be missing)"
        if why:
            unfit.append(f"{name} {why}")
        elif not name.endswith("/" + MODULE):
            fit.append(name)
    if not fit:
        raise MendError(f"no script can take model options: {'; '.join(unfit[:5])}")
    said = "\n".join(tree.document("SKILL.md").lines)
    return max(fit, key=lambda n: (said.count(n.rpartition("/")[2]), [-ord(c) for c in n]))


def parser_place(source: bytes) -> ast.Assign | None:
    """The statement `parser = argparse.ArgumentParser(…)`."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name == "ArgumentParser" and isinstance(node.targets[0], ast.Name):
                return node
    return None


def with_options(source: bytes) -> bytes:
    """The script with two lines more: the import, and the call after the parser is made."""
    place = parser_place(source)
    if place is None or not isinstance(place.targets[0], ast.Name):
        raise MendError("the script makes no argparse parser that options could be added to")
    newline = b"\r\n" if b"\r\n" in source else b"\n"
    lines = source.split(newline)
    indent = lines[place.lineno - 1][: place.col_offset]
    call = indent + f"add_model_options({place.targets[0].id})".encode()
    lines.insert(place.end_lineno or place.lineno, call)
    lines.insert(
        _import_line(ast.parse(source), place.lineno - 1), b"from model_options import add_model_options"
    )
    return newline.join(lines)


def _import_line(tree: ast.Module, limit: int) -> int:
    """After the last import at the top level that comes before the parser is made."""
    ends = [0]
    for number, node in enumerate(tree.body):
        first = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if (first or isinstance(node, ast.Import | ast.ImportFrom)) and (node.end_lineno or 0) <= limit:
            ends.append(node.end_lineno or 0)
    return max(ends)


# ---------------------------------------------------------------- TASK-421


def document(page: Page, skill: Skill, findings: Iterable[Finding]) -> None:
    """Describes the options in SKILL.md; from the second time on, those the script really has."""
    options = next((list(f.data["options"]) for f in findings if f.data.get("options")), ["--model"])
    try:
        script = choose_script(skill)
    except MendError:
        # Whether there can be options is for the task that adds them to say.
        script = "scripts/"
    lines = ["Each agent has the model of its definition, unless an option says otherwise."]
    lines += ["", "| option | what it sets |", "|---|---|"]
    for option in options:
        agent = re.sub(r"^--(?:model-)?|(?:-model)?$", "", option)
        of = f"the model of `{agent}`" if option != "--model" else "the model of all agents"
        lines.append(f"| `{option} MODEL` | {of} |")
    if len(options) > 1 or list(findings):
        lines += ["", "The option for one agent wins over `--model`, and both over the definition."]
    if script.endswith(".py"):
        lines += ["", "```bash", f"python {script} {options[0]} sonnet --help", "```"]
    page.put_section(CHOOSING, "\n".join(lines))


# ---------------------------------------------------------------- TASK-423


def profiles(page: Page, skill: Skill, findings: Iterable[Finding]) -> None:
    """Puts the table of profiles into RUNBOOK.md: defaults are unknown until a finding tells them."""
    told = next((dict(f.data["models"]) for f in findings if f.data.get("models")), {})
    models = told or {stem(n): "inherit" for n in skill.tree.agents()}
    if not models:
        raise MendError("there are no agents (agents/*.md) to make model profiles for")
    rows = ["| agent | default | fast | careful |", "|---|---|---|---|"]
    rows += [f"| `{name}` | {model} | haiku | opus |" for name, model in sorted(models.items())]
    text = "Three profiles to start from; `default` is what the definitions say.\n\n" + "\n".join(rows)
    page.put_section(PROFILES, text)


def runbook(page: Page, findings: Iterable[Finding]) -> None:
    """Tells who operates the skill how to switch models and, when asked for it, how to go back."""
    found = list(findings)
    options = next((list(f.data["options"]) for f in found if f.data.get("options")), ["--model"])
    if not "".join(page.lines).strip():
        page.lines = ["# Runbook"]
    steps = [
        f"1. Choose with the options ({', '.join(f'`{o}`' for o in options)}) for one run.",
        "2. For every run, change `model` in the definition of the agent (agents/).",
        "3. Make one result with the new model and compare it with the last one.",
    ]
    page.put_section(SWITCHING, "\n".join(steps), before=(BACK,))
    if any(f.data.get("rollback") for f in found):
        text = "1. Leave the options out: they hold for one run only.\n"
        text += "2. Put back the `model` lines of the definitions, from version control or the last copy."
        page.put_section(BACK, text)


# ---------------------------------------------------------------- TASK-424


def run_tests(skill: Skill, script: str, options: Iterable[str]) -> dict[str, Any]:
    """Runs the script with every model option, good values and bad; never without --help."""
    path = skill.root / script
    if not path.is_file():
        raise MendError(f"there is no {script} to test")
    with ThreadPoolExecutor(2) as pool:
        cases = list(pool.map(lambda wanted: _case(path, script, *wanted), _wanted(options)))
    return {
        "script": script,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "python": sys.version.split()[0],
        "passed": sum(c["passed"] for c in cases),
        "failed": sum(not c["passed"] for c in cases),
        "cases": cases,
    }


def _wanted(options: Iterable[str]) -> Iterator[tuple[str, list[str], int]]:
    yield "help", ["--help"], 0
    for option in options:
        for model in judge.GOOD_MODELS if option == "--model" else judge.GOOD_MODELS[-1:]:
            yield f"{option} takes {model}", [option, model, "--help"], 0
        yield f"{option} refuses {judge.PROBE}", [option, judge.PROBE, "--help"], 2


def _case(path: Path, script: str, name: str, arguments: list[str], status: int) -> dict[str, Any]:
    """One run, and whether it ended as it should."""
    try:
        done = subprocess.run(
            [sys.executable, "-B", str(path), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=judge.HELP_TIMEOUT,
            check=False,
        )
        got, errors = done.returncode, done.stderr.decode("utf-8", "replace").strip()
    except subprocess.TimeoutExpired:
        got, errors = -1, "no answer in time"
    passed = got == status
    why = "" if passed else f"status {got}, not {status}: {errors.splitlines()[-1] if errors else ''}"
    return {"name": name, "argv": [script, *arguments], "status": got, "passed": passed, "why": why}
