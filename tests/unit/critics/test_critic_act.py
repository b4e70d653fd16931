import json
import subprocess
import sys

from orchharness.agents.result import finished

CONFTEST = """
from orchharness import EngineTroubleError, Evaluation, Kind, hookimpl
import helper

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="strict", role="critic")]

@hookimpl
def orchharness_critic(request):
    if request.options.get("limited"):
        raise EngineTroubleError("429 later", "limited", 12)
    if request.options.get("bug"):
        raise RuntimeError("a bug")
    score = request.options.get("score", helper.SCORE)
    return Evaluation(criteria=dict.fromkeys(request.criteria, {"score": float(score)}))
"""


def conftest(judgements):
    (judgements.root / "conftest.py").write_text(CONFTEST)
    (judgements.root / "helper.py").write_text("SCORE = 0.5\n")
    return [str(judgements.root / "conftest.py")]


def test_a_judgement_leaves_its_evaluation_and_ends_with_0(judgements):
    checks = (
        {"kind": "run", "name": "ok", "argv": ["true"]},
        {"kind": "run", "name": "bad", "argv": ["false"]},
    )
    done = judgements.act(judgements.request("checks", checks=checks, artifacts={"EN-027.text": ()}))

    assert (done.status, done.stderr) == (0, "")
    assert done.evaluation == {
        "criteria": {},
        "findings": [{"severity": "critical", "check": "bad", "what": "bad: exit 1", "task": "EN-027"}],
        "passed": False,
    }
    assert sorted(path.name for path in judgements.folder.iterdir() if path.suffix == ".part") == []


def test_a_critic_of_a_conftest_is_asked(judgements):
    done = judgements.act(judgements.request("strict", criteria=("clarity",)), conftest(judgements))

    assert done.evaluation == {"criteria": {"clarity": {"score": 0.5}}, "findings": []}


def test_a_critic_whose_engine_takes_no_work_says_so_as_an_agent_does(judgements):
    done = judgements.act(judgements.request("strict", options={"limited": True}), conftest(judgements))
    found = finished(str(judgements.folder), done.status)

    assert (done.status, done.stderr, done.evaluation) == (1, "429 later\n", None)
    assert (found.trouble, found.retry_after, found.detail) == ("limited", 12, "429 later")


def test_what_is_wrong_with_the_critic_is_one_line_and_a_bug_is_a_traceback(judgements):
    wrong = judgements.act(judgements.request("command", argv=("gone",)))
    unknown = judgements.act(judgements.request("strict"))
    bug = judgements.act(judgements.request("strict", options={"bug": True}), conftest(judgements))
    endless = judgements.act(
        judgements.request("strict", criteria=("a",), options={"score": "nan"}), conftest(judgements)
    )

    assert (wrong.status, wrong.stderr) == (1, "command not found: 'gone'\n")
    assert (unknown.status, unknown.stderr.split(";")[0]) == (1, "unknown critic kind 'strict'")
    assert (bug.status, bug.stderr.splitlines()[0]) == (1, "Traceback (most recent call last):")
    assert bug.stderr.endswith("RuntimeError: a bug\n")
    assert endless.stderr.startswith("the critic's evaluation holds what JSON cannot: ")
    assert [done.evaluation for done in (wrong, unknown, bug, endless)] == [None] * 4


def test_a_plugin_that_cannot_be_imported_is_named(judgements):
    (judgements.root / "conftest.py").write_text("import not_there\n")
    path = str(judgements.root / "conftest.py")
    done = judgements.act(judgements.request("checks"), [path])

    assert done.stderr == (
        f"plugin {path!r} cannot be imported: ModuleNotFoundError: No module named 'not_there'\n"
    )


def test_a_request_that_is_none_is_said(judgements):
    (judgements.folder / "critic-request.json").write_text('{"key": "k"}')
    done = subprocess.run(
        judgements.command(), capture_output=True, text=True, check=False, timeout=20, env=judgements.env()
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"{judgements.folder}/critic-request.json is not a critic's request: ")
    assert len(done.stderr.splitlines()) == 1


def test_fields_of_a_newer_version_are_ignored(judgements):
    judgements.store(judgements.request("command", argv=("echo", '{"findings": []}')))
    path = judgements.folder / "critic-request.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "blue"}))
    done = subprocess.run(
        judgements.command(), capture_output=True, text=True, check=False, timeout=20, env=judgements.env()
    )

    assert done.returncode == 0


def test_nothing_heavy_is_imported_to_judge(judgements):
    judgements.store(judgements.request("command", argv=("echo", '{"findings": []}')))
    heavy = {
        "pytest",
        "pydantic",
        "jinja2",
        "yaml",
        "rich",
        "psutil",
        "asyncio",
        "multiprocessing",
        "importlib.metadata",
        "xml.etree",
    }
    code = (
        "import sys; from orchharness.critics.act import main\n"
        f"assert main([{str(judgements.folder)!r}]) == 0\n"
        f"print(sorted(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env=judgements.env(),
    )

    assert done.stdout == "[]\n"
