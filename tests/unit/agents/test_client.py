import os
import secrets
import signal
import sys
import time
from dataclasses import replace

import pytest
from local_acts import acts_in

from orchharness import Client, ClientEnd, Finished, LocalProcess, OrchError, Preflight, PreflightRequest
from orchharness.agents import proc
from orchharness.agents.client_look import ask


def parse(end: ClientEnd) -> Finished:
    found = list(end.objects())
    if not found:
        return Finished(ok=False)
    return Finished(ok=found[-1]["ok"], answer=found[-1]["say"], detail=found[-1].get("why", ""))


CLIENT = Client(program="talker", install="pip install talker", parse=parse, unknown=("no such session",))


@pytest.fixture
def acts(tmp_path):
    with acts_in(tmp_path) as made:
        yield made


@pytest.fixture
def talk(acts, tmp_path):
    """Runs the client, which executes Python code; the words after it are its own."""

    def start(code, *words, client=CLIENT, resume=None, prompt="Do it.", **more):
        request = acts.request(
            kind="talker",
            prompt=prompt,
            options={"program": sys.executable, **more.pop("options", {})},
            **more,
        )
        begin = ("-c", code)
        handle = client.spawn(
            request, (*begin, *words), resume=(*begin, *resume) if resume is not None else None
        )
        return acts.wait(handle, client.poll)

    return start


@pytest.fixture
def begun(tmp_path):
    """A FIFO that the client opens when it is at work: to read it is to wait for that."""
    path = tmp_path / "begun"
    os.mkfifo(path)
    return path


SAY = 'import json, sys; print(json.dumps({"ok": True, "say": sys.stdin.read()}))'


def test_a_client_whose_tool_holds_its_output_open_is_over_when_it_ends(talk):
    code = f"import os, subprocess, sys; subprocess.Popen(['sleep', '60'], start_new_session=True); {SAY}"
    began = time.monotonic()

    assert talk(code, client=replace(CLIENT, shorten=('{"long"',))).ok
    assert time.monotonic() - began < 20


def test_nothing_that_a_client_left_behind_writes_when_its_end_is_told(talk, acts):
    result = talk(f"import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True); {SAY}")

    assert result.ok
    assert proc.tree({b"ORCH_ACT_" + acts.keys[-1][:16].encode() + b"=1"}) == []


def test_a_client_that_is_cancelled_is_gone_with_what_it_executes(acts, begun):
    request = acts.request(kind="talker", prompt="x", options={"program": sys.executable})
    client = replace(CLIENT, shorten=('{"long"',))
    code = f"import subprocess\ntool = subprocess.Popen(['sleep', '60'])\nopen({str(begun)!r}, 'w').close()\ntool.wait()"
    handle = client.spawn(request, ("-c", code))
    begun.read_bytes()
    marker = {handle.data["marker"].encode()}

    assert any("sleep" in proc.command_of(p.pid) for p in proc.tree(marker))
    assert LocalProcess.cancel(handle)
    assert proc.tree(marker) == []


@pytest.mark.parametrize(
    "spoil", ["os.remove(spec); os.mkfifo(spec)", "open(spec, 'w').write('{\"memo\":' + '[' * 100_000)"]
)
def test_what_a_client_makes_of_the_files_of_its_act_does_not_stop_us(talk, spoil):
    assert talk(f"import os; spec = 'act-1/client.json'; {spoil}; {SAY}").ok


def test_a_prompt_that_is_being_read_stays_whole_when_its_act_is_asked_for_again(acts):
    request = acts.request(kind="talker", prompt="Do it.", options={"program": sys.executable})
    handle = CLIENT.spawn(request, ("-c", SAY))
    with (acts.root / "act-1/client-prompt.md").open() as reading:
        again = CLIENT.spawn(replace(request, prompt="Do something else."), ("-c", SAY))

        assert again == handle
        assert reading.read() == "Do it."
    acts.wait(handle, CLIENT.poll)


def test_a_prompt_reaches_the_client_whole_whatever_its_length(talk):
    assert talk(SAY, prompt="ä" * 300_000).answer == "ä" * 300_000


@pytest.mark.parametrize("prompt", ["/help", "@file", "--version", "!ls", "#x", " \n/help"])
def test_a_prompt_that_could_be_a_command_is_introduced(talk, prompt):
    assert talk(SAY, prompt=prompt).answer == f"The task:\n\n{prompt}"


@pytest.mark.parametrize("prompt", [None, "", " \n"])
def test_a_client_needs_a_prompt(talk, prompt):
    with pytest.raises(OrchError, match="an agent of kind 'talker' needs a `prompt`"):
        talk(SAY, prompt=prompt)


def test_a_client_that_is_not_installed_says_how_to_install_it(acts):
    request = acts.request(kind="talker", prompt="x")

    with pytest.raises(OrchError, match="command not found: 'talker'; install it with `pip install talker`"):
        CLIENT.spawn(request, ())


def test_a_working_directory_that_is_not_there_is_no_reason_to_install_anything(acts):
    request = acts.request(kind="talker", prompt="x", cwd="/nowhere")

    with pytest.raises(OrchError, match=r"T-1\.i1\.a1: the working directory '/nowhere' does not exist$"):
        CLIENT.spawn(request, ())


def test_both_the_exit_status_and_the_output_must_say_success(talk):
    bad_status = talk(f"{SAY}; sys.exit(3)")
    bad_output = talk('print(\'{"ok": false, "say": "", "why": "it broke"}\')')

    assert (bad_status.ok, bad_status.detail) == (False, "exit 3")
    assert (bad_output.ok, bad_output.detail) == (False, "it broke")


def test_output_that_cannot_be_read_fails_the_act_and_is_not_asked_for_again(talk):
    result = talk("print('[]'); print('{\"ok\": 1'); print('{}')")

    assert not result.ok
    assert result.detail == "its output cannot be read: KeyError: 'ok'"


def test_a_death_by_a_signal_is_told_as_one(talk):
    result = talk('import os; print(\'{"ok": true, "say": ""}\', flush=True); os.kill(os.getpid(), 9)')

    assert (result.ok, result.exit, result.detail) == (False, 137, "killed by SIGKILL")


def test_the_agents_own_word_can_make_it_fail(talk):
    code = f"import os; open(os.environ['ORCH_RESULT'], 'w').write('{{\"status\": \"failed\"}}'); {SAY}"

    folder_env = {"ORCH_RESULT": "agent-result.json"}
    result = talk(f"import os; os.chdir(os.environ['HERE']); {code}", env={**folder_env, "HERE": "act-1"})

    assert not result.ok
    assert "the agent says 'failed'" in result.detail


FORGETFUL = """
import sys
if "resume" in sys.argv:
    sys.exit("no such session") if {known} == 0 else print('{{"ok": true, "say": "resumed"}}')
else:
    print('{{"ok": true, "say": "fresh: ' + sys.stdin.read() + '"}}')
"""


def test_a_session_that_is_known_is_resumed(talk):
    assert talk(FORGETFUL.format(known=1), resume=["resume"]).answer == "resumed"


def test_a_session_that_is_not_known_is_begun_anew_with_the_same_prompt(talk):
    result = talk(FORGETFUL.format(known=0), resume=["resume"])

    assert (result.ok, result.answer) == (True, "fresh: Do it.")


def test_another_failure_while_resuming_is_a_failure_of_the_act(talk):
    result = talk(
        "import sys; sys.exit('out of order') if 'resume' in sys.argv else print('{}')", resume=["resume"]
    )

    assert (result.ok, result.exit) == (False, 1)


def test_a_word_that_is_too_long_for_the_system_fails_the_act_in_words(talk):
    result = talk("pass", "x" * 200_000)

    assert not result.ok
    assert "the client cannot be executed: [Errno 7] Argument list too long" in result.detail


def test_long_lines_are_cut_as_they_come_and_all_others_stay(talk, acts):
    lines = ['{"short":1}', '{"lo', "no json \r with a return", "é" * 30_000, '{"ok":true,"say":"x"}']
    code = (
        "import json, sys\n"
        "for n in range(3): print(json.dumps({'long': 'x' * 200_000}))\n"
        f"for line in {lines!r}: sys.stdout.write(line + chr(10))\n"
        "sys.stdout.write('{\"lon')"
    )
    talk(code, client=replace(CLIENT, shorten=('{"long"',)))
    log = (acts.root / f"act-{len(acts.keys)}" / "stdout.log").read_bytes()

    assert log.decode().split("\n") == ['{"long"}'] * 3 + lines + ['{"lon']


def test_what_nobody_else_sets_is_set_and_nothing_more(monkeypatch):
    monkeypatch.setenv("FROM_CALLER", "1")
    client = replace(CLIENT, env={"FROM_CALLER": "0", "QUIET": "1", "LOUD": "0"})

    assert client.environment({"env": {"LOUD": "1", "X": "option"}}, {"X": "act"}) == {
        "QUIET": "1",
        "LOUD": "1",
        "X": "act",
    }


def test_folders_are_those_of_inputs_and_outputs_that_are_not_below_the_working_folder(acts, tmp_path):
    for name in ("in/deep", "out", "project/own"):
        (tmp_path / name).mkdir(parents=True)
    request = acts.request(
        kind="talker",
        cwd=str(tmp_path / "project"),
        env={
            "ORCH_INPUT_A": f"{tmp_path}/in/a.md\n{tmp_path}/in/deep/b.md",
            "ORCH_OUTPUT_B": f"{tmp_path}/out/*/x-?.md",
            "ORCH_OUTPUT_C": f"{tmp_path}/project/own/c.md",
            "ORCH_OUTPUT_D": f"{tmp_path}/nowhere/d.md",
            "OTHER": f"{tmp_path}/other/e.md",
        },
    )

    assert Client.folders(request) == tuple(f"{tmp_path}/{name}" for name in ("in", "in/deep", "out"))
    assert Client.folders(request, "ORCH_OUTPUT_") == (f"{tmp_path}/out",)


def preflight(tmp_path, script, look=None, known=("1.2.3",)):
    program = tmp_path / "talker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    request = PreflightRequest(
        agent="a", kind="talker", cwd=str(tmp_path), env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    return replace(CLIENT, known=known).preflight(request, look)


def test_a_question_without_an_answer_ends_with_its_time_limit():
    began = time.monotonic()

    assert ask(["/bin/sh", "-c", "sleep 60"], os.environ, limit=0.2) == (None, "no end within 0.2 s")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(("end", "status"), [("wait", None), ("echo over", 0)])
def test_what_a_question_started_is_not_waited_for_and_is_gone_with_it(end, status):
    key = secrets.token_hex(16)
    env = {**os.environ, f"ORCH_ACT_{key[:16]}": "1"}
    began = time.monotonic()

    assert (
        ask(["/bin/sh", "-c", f"setsid sleep 60 & {end}"], env, limit=0.5 if end == "wait" else 30)[0]
        == status
    )
    assert time.monotonic() - began < 20
    assert LocalProcess.sweep([key]) == []


def test_a_look_finds_the_version(tmp_path):
    assert preflight(tmp_path, "echo talker v1.2.3") == Preflight(version="1.2.3")


def test_where_no_version_is_named_as_tried_none_is_warned_of(tmp_path):
    assert preflight(tmp_path, "echo talker v1.2.3", known=()) == Preflight(version="1.2.3")


def test_a_client_that_cannot_tell_its_version_is_a_fault(tmp_path):
    found = preflight(tmp_path, "echo no node here >&2; exit 127")

    assert found.fault == "`talker --version` ends with 127: no node here"


def test_a_look_of_the_plugins_own_adds_to_what_was_found(tmp_path):
    found = preflight(
        tmp_path, "echo 9.9.9", look=lambda program, env: Preflight(fault="no sandbox", warnings=("old",))
    )

    assert found.fault == "no sandbox"
    assert found.warnings == ("talker 9.9.9 was not tried with this plugin; 1.2.3 was", "old")


def test_an_interrupt_of_the_group_ends_the_client(acts, begun):
    code = f"""
import json, signal, sys
def told(*_):
    print(json.dumps({{"ok": True, "say": ""}}))
    sys.exit(0)
signal.signal(signal.SIGINT, told)
open({str(begun)!r}, "w").close()
signal.pause()
"""
    request = acts.request(kind="talker", prompt="x", options={"program": sys.executable})
    handle = CLIENT.spawn(request, ("-c", code))
    begun.read_bytes()
    os.killpg(handle.data["pid"], signal.SIGINT)
    result = acts.wait(handle, CLIENT.poll)

    assert (result.ok, result.exit) == (True, 0)
