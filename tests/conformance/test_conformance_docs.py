"""The page about plugins of one's own does what it says, and names every rule."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import orchharness_example
import pytest
from honest import Honest, rules_of
from packages import install

from orchharness.cli import main
from orchharness.cli.new_plugin import write_plugin
from orchharness.testing import AgentConformance, CriticConformance, run_plan
from orchharness.testing.trial import Trial

PAGE = (Path(__file__).parents[2] / "docs/conformance.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", PAGE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


SPAWN, POLL, SUITE, QUEUE, CRITIC = blocks("python")


def test_the_command_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (shown,) = blocks("console")
    command, _, printed = shown.partition("\n")

    assert main(command.split()[2:]) == 0
    assert capsys.readouterr().out == printed
    folder = tmp_path / "orchharness-hermes"
    assert SPAWN in (folder / "orchharness_hermes/__init__.py").read_text()
    written = (folder / "tests/test_orchharness_hermes.py").read_text()
    for part in SUITE.strip().split("\n\n\n")[1:]:
        assert part in written


def test_the_answer_is_read_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write_plugin("herald", tmp_path)
    module, fake = folder / "orchharness_herald/__init__.py", folder / "tests/fake_client.py"
    module.write_text(f"{module.read_text()}\n\n{POLL}")
    said = 'print(json.dumps({"answer": prompt, "session": "s-1", "usd": 0.5}))'
    text = fake.read_text().replace('print("I was told:", prompt, flush=True)', said)
    fake.write_text(f"import json\n{text}")
    monkeypatch.syspath_prepend(folder)
    suite = type("Suite", (Honest,), {"plugin": "orchharness_herald", "kind": "herald"})()
    suite.use(folder)
    suite.test_what_a_finished_act_says_is_of_the_types_that_are_promised(tmp_path)
    trial = Trial(suite, tmp_path / "by-hand")
    trial.folder.mkdir()

    result = trial.end_of(trial.spawn(trial.request(suite.quick)))
    assert (result.ok, result.session, dict(result.usage)) == (True, "s-1", {"usd": 0.5})
    assert result.answer.startswith("Do the work.")
    fake.write_text('print("no JSON")')
    result = trial.end_of(trial.spawn(trial.request(suite.quick)))
    assert not result.ok
    assert result.detail.startswith("what it printed cannot be read: ")


def test_its_plan_runs_with_the_kind(tmp_path: Path):
    folder = write_plugin("hermes", tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "hermes").write_text('#!/bin/sh\necho "$2" >guide.md\n')
    (programs / "hermes").chmod(0o755)
    (plan,) = blocks("yaml")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/guide.plan.yaml").write_text(plan)
    env = install(folder, tmp_path / "site")
    played = run_plan(
        tmp_path / "plans/guide.plan.yaml",
        tmp_path,
        env={**env, "PATH": f"{programs}:{env['PATH']}"},
        timeout=25,
    )

    assert played.outcomes == {"passed": 1}, played.text


def test_it_names_every_rule_and_no_other():
    agents, critics = PAGE.split("## Critics")
    named = re.findall(r"^\| (`[^|]*`) \|", agents, re.MULTILINE)
    theirs = re.findall(r"^\| (`[^|]*`) \|", critics, re.MULTILINE)

    assert re.findall(r"`(\w+)`", " ".join(named)) == list(
        dict.fromkeys(re.findall(r"`(\w+)`", " ".join(named)))
    )
    assert set(re.findall(r"`(\w+)`", " ".join(named))) == set(rules_of(AgentConformance))
    assert set(re.findall(r"`(\w+)`", " ".join(theirs))) == set(rules_of(CriticConformance))


def test_its_classes_are_taken(tmp_path: Path):
    names: dict = {}
    exec("from orchharness.testing import AgentConformance, Work\n" + QUEUE + CRITIC, names)
    suite = names["TestTone"]()

    assert suite.module == orchharness_example.__name__
    suite.test_findings_say_what_is_wrong_and_of_which_task(tmp_path)
    assert issubclass(names["TestQueue"], AgentConformance)


def test_the_methods_it_names_can_be_overridden():
    names = re.findall(r"`(\w+)\((\w+(?:, \w+)*)\)`", PAGE.split("## What does not apply")[1])

    assert len(names) == 4
    for name, arguments in names:
        method = getattr(AgentConformance, name)
        assert method.__code__.co_varnames[1 : method.__code__.co_argcount] == tuple(arguments.split(", "))
