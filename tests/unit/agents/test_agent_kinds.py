import json
import os
import sys

import pytest
from pydantic import ValidationError

from orchharness.agents.options import PythonOptions
from orchharness.core.acts import Finished
from orchharness.errors import OrchError
from orchharness.plugins import PluginHost

WORK = """
import json, os, sys
def all_of_it(act):
    return {"answer": json.dumps([act.task, act.iteration, dict(act.inputs), dict(act.outputs), act.prompt, act.findings, act.args])}
def nothing():
    print("called")
def text(act):
    return "First line.\\nMore."
def mapping(act):
    return {"summary": "mine", "usage": {"usd": 0.5}}
def fails(act):
    raise RuntimeError("too bad")
def two(a, b): ...
async def later(act): ...
def number(act):
    return 5
def endless(act):
    return {"usage": {"usd": float("nan")}}
class Box:
    @staticmethod
    def inner(act):
        return "inner"
constant = 5
"""


@pytest.fixture
def host():
    return PluginHost.load(entry_points=False)


@pytest.fixture
def call(acts, host, tmp_path):
    (tmp_path / "work.py").write_text(WORK)

    def run(target, args=None, **more):
        folder = tmp_path / f"act-{len(acts.keys) + 1}"
        env = {"ORCH_RESULT": str(folder / "agent-result.json"), **more.pop("env", {})}
        request = acts.request(kind="python", options={"call": target, "args": args}, env=env, **more)
        handle = host.spawn(request)
        acts.wait(handle)
        return host.poll(handle), (folder / "stderr.log").read_text()

    return run


# ---- command -----------------------------------------------------------------------------------------------


def test_a_command_is_executed_word_by_word(acts, host):
    result = acts.wait(host.spawn(acts.request(("printf", "%s;", "a b", "$HOME"))))

    assert result == Finished(ok=True, exit=0, answer="a b;$HOME;")


def test_a_shell_text_is_executed_by_a_shell(acts, host):
    result = acts.wait(
        host.spawn(acts.request(("echo $GREETING; exit 4",), shell=True, env={"GREETING": "hi"}))
    )

    assert result == Finished(ok=False, exit=4, detail="exit 4", answer="hi\n")


def test_a_command_without_words_says_what_to_give(acts, host):
    with pytest.raises(OrchError) as caught:
        host.spawn(acts.request((), prompt="do something"))

    assert str(caught.value) == "T-1.i1.a1: an agent of kind 'command' executes a command: give it a `run`"


def test_the_host_cancels_a_command(acts, host):
    assert host.cancel(host.spawn(acts.request(("sleep", "600"))))


# ---- what an agent says of itself --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "error", "blocked", "partial", "Failed!"])
def test_a_status_other_than_success_fails_an_act_that_ended_with_0(acts, status):
    result = acts.wait(
        acts.spawn(
            "sh", "-c", f"""echo '{{"status": "{status}"}}' >$0/act-1/agent-result.json""", str(acts.root)
        )
    )

    assert (result.ok, result.exit, result.detail) == (False, 0, f"the agent says {status!r}")


@pytest.mark.parametrize("status", ["success", "OK", "done", ""])
def test_a_status_of_success_never_makes_a_failure_good(acts, status):
    script = f"""echo '{{"status": "{status}"}}' >$0/act-$1/agent-result.json; exit $2"""
    good = acts.wait(acts.spawn("sh", "-c", script, str(acts.root), "1", "0"))
    bad = acts.wait(acts.spawn("sh", "-c", script, str(acts.root), "2", "3"))

    assert good.ok
    assert (bad.ok, bad.detail) == (False, "exit 3")


def result_of(acts, text):
    folder = acts.root / "act-1"
    folder.mkdir()
    (folder / "agent-result.json").write_text(text)
    return acts.wait(acts.spawn("echo", "printed"))


def test_the_result_file_gives_summary_session_answer_and_usage(acts):
    usage = {"input_tokens": 10, "output_tokens": 2, "usd": 0.25}
    said = {"summary": "s", "session": "id", "answer": "a", "usage": usage, "other": 1}
    result = result_of(acts, json.dumps(said))

    assert result == Finished(ok=True, exit=0, summary="s", session="id", answer="a", usage=usage)


def test_an_agent_can_say_that_its_engine_takes_no_work_or_refuses_it(acts):
    result = result_of(acts, '{"status": "Limited", "retry_after": 12, "summary": "429"}')

    assert (result.ok, result.trouble, result.retry_after, result.detail) == (False, "limited", 12, "429")


def test_a_time_is_told_of_a_limit_alone(acts):
    result = result_of(acts, '{"status": "refused", "retry_after": 12}')

    assert (result.trouble, result.retry_after) == ("refused", None)


@pytest.mark.parametrize(
    ("text", "ok", "detail"),
    [
        (
            "{",
            True,
            "ORCH_RESULT is not used: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("[1]", True, "ORCH_RESULT is not used: it is not a JSON object of up to 1048576 bytes"),
        (
            '{"status": "failed",}',
            False,
            "the agent says 'unreadable'; ORCH_RESULT is not used: Expecting property name enclosed in double quotes: line 1 column 21 (char 20)",
        ),
        ('{"status": false}', False, "the agent says 'False'; ORCH_RESULT: status is not a text"),
        ('{"summary": 5, "usage": []}', True, "ORCH_RESULT: usage is not an object, summary is not a text"),
        (
            '{"usage": {"usd": -1, "input_tokens": 1.5, "output_tokens": true}}',
            True,
            "ORCH_RESULT: usage.input_tokens is not a number of 0 or more, usage.output_tokens is not a number of 0 or more, "
            "usage.usd is not a number of 0 or more",
        ),
        ('{"usage": {"usd": NaN}}', True, "ORCH_RESULT: usage.usd is not a number of 0 or more"),
        (
            '{"status": "limited", "retry_after": -1}',
            False,
            "the agent says 'limited'; ORCH_RESULT: retry_after is not a number of seconds",
        ),
        ("  ", True, ""),
    ],
)
def test_a_result_file_that_is_wrong_is_a_remark_unless_it_speaks_of_a_status(acts, text, ok, detail):
    result = result_of(acts, text)

    assert (result.ok, result.detail, result.usage) == (ok, detail, {})


def test_a_result_that_is_a_fifo_or_endless_holds_nobody_up(acts):
    folder = acts.root / "act-1"
    folder.mkdir()
    os.mkfifo(folder / "agent-result.json")
    result = acts.wait(acts.spawn("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end"))

    assert result.ok
    assert len(result.answer) == 1 << 20
    assert result.answer.endswith("xxend\n")


# ---- python ------------------------------------------------------------------------------------------------


def test_the_function_gets_everything_of_the_act(call, tmp_path):
    (tmp_path / "p").write_text("the prompt")
    (tmp_path / "f").write_text('{"findings": []}')
    env = {
        "ORCH_TASK": "EN-027",
        "ORCH_ITERATION": "2",
        "ORCH_PROMPT": str(tmp_path / "p"),
        "ORCH_FINDINGS": str(tmp_path / "f"),
        "ORCH_INPUT_DEFINITIONS": "/a\n/b",
        "ORCH_OUTPUT_TEXT": "/c",
    }
    result, _ = call("work:all_of_it", {"n": 1}, env=env)

    assert json.loads(result.answer) == [
        "EN-027",
        2,
        {"definitions": ["/a", "/b"]},
        {"text": "/c"},
        "the prompt",
        {"findings": []},
        {"n": 1},
    ]


def test_what_the_function_returns_becomes_the_result(call):
    assert call("work:nothing")[0] == Finished(ok=True, exit=0, answer="called\n")
    assert call("work:text")[0] == Finished(
        ok=True, exit=0, summary="First line.", answer="First line.\nMore."
    )
    assert call("work:mapping")[0] == Finished(ok=True, exit=0, summary="mine", usage={"usd": 0.5})
    assert call("work:Box.inner")[0].answer == "inner"


def test_an_exception_is_a_failure_with_its_traceback(call):
    result, stderr = call("work:fails")

    assert (result.ok, result.exit) == (False, 1)
    assert "Traceback" in stderr
    assert stderr.endswith("RuntimeError: too bad\n")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("work", "call 'work' is not of the form 'module:function'"),
        (
            "gone:f",
            "call 'gone:f': there is no module 'gone' in the working directory, the plan's folder or installed",
        ),
        ("work:gone", "call 'work:gone': 'work' has no 'gone'"),
        ("work:constant", "call 'work:constant': 'constant' is no function"),
        ("work:two", "call 'work:two': the function must take one argument or none, it is (a, b)"),
        (
            "work:later",
            "call 'work:later': the function is async; call one that runs it, as with asyncio.run()",
        ),
        (
            "work:number",
            "call 'work:number' returned a int; return a text, a mapping for ORCH_RESULT, or nothing",
        ),
        (
            "work:endless",
            "call 'work:endless' returned what JSON cannot hold: Out of range float values are not JSON compliant",
        ),
    ],
)
def test_a_call_that_cannot_be_made_is_one_line_and_status_2(call, target, message):
    result, stderr = call(target)

    assert (result.ok, result.exit) == (False, 2)
    assert stderr.strip().startswith(f"python: {message}")
    assert len(stderr.splitlines()) == 1


def test_a_module_of_the_plan_folder_is_found_and_one_it_lacks_shows_where(call, tmp_path):
    plans = tmp_path / "plans"
    plans.mkdir()
    (plans / "beside.py").write_text("def f():\n    print('beside the plan')\n")
    (plans / "broken.py").write_text("import not_there\n")

    assert call("beside:f", env={"ORCH_PLAN_DIR": str(plans)})[0].answer == "beside the plan\n"
    assert "Traceback" in call("broken:f", env={"ORCH_PLAN_DIR": str(plans)})[1]


def test_files_of_the_workspace_cannot_take_the_place_of_the_standard_library(call, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")

    assert call("work:nothing")[0].answer == "called\n"


def test_options_of_python_are_checked():
    assert PythonOptions.model_validate({"call": "a.b:c.d", "args": {"x": [1]}}).args == {"x": [1]}
    for wrong in (
        {},
        {"call": "a"},
        {"call": "a:b", "arg": 1},
        {"call": "a b:c"},
        {"call": "a:b", "args": "x"},
    ):
        with pytest.raises(ValidationError):
            PythonOptions.model_validate(wrong)


def test_python_without_a_call_says_so(acts, host):
    with pytest.raises(OrchError, match="needs `call: module:function`"):
        host.spawn(acts.request(kind="python"))


def test_nothing_heavy_is_imported_to_run_a_command():
    heavy = {
        "pytest",
        "pydantic",
        "jinja2",
        "yaml",
        "rich",
        "psutil",
        "subprocess",
        "asyncio",
        "multiprocessing",
        "importlib.metadata",
    }
    code = (
        "import sys, orchharness.plugins as p; h = p.PluginHost.load(entry_points=False); h.kinds; h.critic_kinds\n"
        "import orchharness.agents.local\n"
        f"print(sorted(set(sys.modules) & {heavy!r}))"
    )
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert done.stdout == "[]\n"
