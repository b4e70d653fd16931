"""Each rule of the suites finds a plugin that breaks it, and says so in its words."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from honest import Honest, rules_of

from orchharness.testing import CriticConformance, Work
from orchharness.testing.processes import everybody

# Rule, what is changed, and what the failure says.
WRONG = [
    (
        "cancel",
        """
@hookimpl
def orchharness_poll(handle):
    while isinstance(result := LocalProcess.poll(handle), Running):
        time.sleep(0.05)
    return result
""",
        "orchharness_poll has not returned after 3 s",
    ),
    (
        "success",
        "@hookimpl\ndef orchharness_poll(handle): return Running()\n",
        "the act is not over after 3 s",
    ),
    (
        "success",
        """
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    if isinstance(result, Finished) and handle.data["key"] in STARTED:
        return Lost("forgotten")
    if isinstance(result, Finished):
        STARTED[handle.data["key"]] = result
    return result
""",
        "and asked again it says Lost",
    ),
    ("cancel", "@hookimpl\ndef orchharness_cancel(handle): return True\n", "the act is not over after 3 s"),
    ("cancel", "@hookimpl\ndef orchharness_cancel(handle): return False\n", "it is not ended within 3 s"),
    (
        "killed",
        """
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    return Running() if isinstance(result, Lost) else result
""",
        "the act is not over after 3 s",
    ),
    (
        "kinds",
        "@hookimpl\ndef orchharness_agent_kinds(): return [Kind(name='honesty')]\n",
        "offers no agent kind 'honest'",
    ),
    (
        "kinds",
        "@hookimpl\ndef orchharness_agent_kinds(): return [Kind(name='honest'), Kind(name='command')]\n",
        "it cannot be used beside what is installed here: agent kind 'command' is offered by plugin",
    ),
    (
        "options",
        """
@hookimpl
def orchharness_agent_kinds():
    from pydantic import create_model
    model = create_model("Loose", program=(str, "x"), args=(list[str], []))
    return [Kind(name="honest", options=lambda: model)]
""",
        'write `model_config = ConfigDict(extra="forbid")` into Loose',
    ),
    ("start_up", "import pydantic\n", "imports pydantic, for which every session then waits"),
    (
        "preflight",
        "@hookimpl\ndef orchharness_preflight(request): return Preflight(fault='no')\n",
        "`fault` of the options of `quick`: 'no'",
    ),
    (
        "absent",
        "@hookimpl\ndef orchharness_preflight(request): return Preflight()\n",
        "orchharness_preflight finds nothing wrong",
    ),
    (
        "absent",
        "@hookimpl\ndef orchharness_spawn(request): return start(request)\n",
        "orchharness_spawn raised FileNotFoundError",
    ),
    (
        "handle",
        """
@hookimpl
def orchharness_spawn(request):
    handle = LocalProcess.spawn(request, words(request))
    return replace(handle, data={**handle.data, "places": (1, 2)})
""",
        "its data comes back from JSON as something else",
    ),
    (
        "handle",
        """
@hookimpl
def orchharness_spawn(request):
    handle = LocalProcess.spawn(request, words(request))
    return replace(handle, data={**handle.data, "places": {1, 2}})
""",
        "its data is not JSON: Object of type set",
    ),
    (
        "prompt",
        """
@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, (*words(request)[:-1], request.prompt.splitlines()[0]))
""",
        "the last line of the prompt of `quick`",
    ),
    (
        "logs",
        """
@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, ("/bin/sh", "-c", '"$@" >/dev/null 2>&1', "sh", *words(request)))
""",
        "neither stdout.log nor stderr.log",
    ),
    (
        "logs",
        """
@hookimpl
def orchharness_poll(handle):
    Path(handle.data["folder"], "stdout.log").chmod(0o644)
    return LocalProcess.poll(handle)
""",
        "stdout.log can be read by others (mode 644)",
    ),
    (
        "failure",
        """
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    return replace(result, ok=True) if isinstance(result, Finished) else result
""",
        "`failing` ends without success",
    ),
    (
        "failure",
        """
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    return replace(result, detail="") if isinstance(result, Finished) else result
""",
        "`detail` is empty",
    ),
    *(
        (
            "answer",
            f"""
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    return replace(result, {change}) if isinstance(result, Finished) else result
""",
            says,
        )
        for change, says in (
            ("usage={'input_tokens': '12'}", "usage['input_tokens'] is no number of tokens: '12'"),
            ("usage={'usd': float('nan')}", "it is not JSON"),
            ("usage={'usd': -1}", "usage['usd']` is no number of 0 or more: -1"),
            ("usage=[1]", "`usage` is no mapping"),
            ("answer=b'x'", "it is not JSON"),
            ("session=7", "`session` is not a text: 7"),
            ("trouble='limited'", "`trouble` is 'limited' or 'refused', of an act that is not ok"),
            ("retry_after=True", "`retry_after` is no number of 0 or more: True"),
            ("ok=1", "`ok` is not True or False: 1"),
            ("exit='0'", "`exit` is no exit status: '0'"),
            ("detail=None", "`detail` is not a text: None"),
        )
    ),
    (
        "exit_file",
        """
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    if isinstance(result, Finished):
        Path(handle.data["folder"], "exit").unlink(missing_ok=True)
    return result
""",
        "the file `exit` in request.folder holds ''",
    ),
    (
        "exit_decides",
        """
@hookimpl
def orchharness_poll(handle):
    runs = LocalProcess.sweep([handle.data["key"]])
    return Running() if runs else LocalProcess.poll(handle)
""",
        "there is an `exit` file with status 3, and poll says Running",
    ),
    (
        "elsewhere",
        """
@hookimpl
def orchharness_spawn(request):
    handle = LocalProcess.spawn(request, words(request))
    STARTED[request.key] = handle
    return handle

@hookimpl
def orchharness_poll(handle):
    return LocalProcess.poll(STARTED[handle.data["key"]])
""",
        "'poll', asked in another process, raised KeyError",
    ),
    (
        "survives",
        """
from orchharness.agents.command import environment

@hookimpl
def orchharness_spawn(request):
    program = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
    handle = start(request, env=environment(request), args=(sys.executable, "-c", program, *words(request)))
    while b"fake_client" not in Path(f"/proc/{handle.data['pid']}/cmdline").read_bytes().split(b"sys.argv")[0]:
        time.sleep(0.01)
    return handle

@hookimpl
def orchharness_poll(handle):
    with contextlib.suppress(OSError):
        return Running() if Path(f"/proc/{handle.data['pid']}/cmdline").read_bytes() else Lost("a zombie")
    return Lost("gone")
""",
        "`slow` runs until it is cancelled, and poll says Lost",
    ),
    (
        "idempotent",
        """
@hookimpl
def orchharness_spawn(request):
    folder = Path(request.folder, f"{time.time_ns()}")
    folder.mkdir()
    return LocalProcess.spawn(replace(request, folder=str(folder)), words(request))
""",
        "asked again with the same key",
    ),
    (
        "idempotent",
        """
@hookimpl
def orchharness_spawn(request):
    folder = Path(request.folder, f"{time.time_ns()}")
    folder.mkdir()
    LocalProcess.spawn(replace(request, folder=str(folder)), words(request))
    return LocalProcess.spawn(request, words(request))
""",
        "asked with the same key again, it was started again",
    ),
    (
        "idempotent_late",
        """
@hookimpl
def orchharness_spawn(request):
    if Path(request.folder, "exit").exists():
        for name in ("exit", "pid", "handle.json"):
            Path(request.folder, name).unlink()
    return LocalProcess.spawn(request, words(request))
""",
        "asked again when it is over, there is another handle",
    ),
    (
        "takeover",
        """
@hookimpl
def orchharness_cancel(handle):
    return handle.data["key"] in STARTED and LocalProcess.cancel(handle)

@hookimpl
def orchharness_spawn(request):
    STARTED[request.key] = 1
    return LocalProcess.spawn(request, words(request))
""",
        "another process cannot cancel it",
    ),
    (
        "other_machine",
        """
@hookimpl
def orchharness_cancel(handle):
    return LocalProcess.cancel(handle) or True
""",
        "and cancel says that it was",
    ),
    (
        "marker",
        "@hookimpl\ndef orchharness_spawn(request): return start(request)\n"
        "@hookimpl\ndef orchharness_poll(handle): return Running()\n",
        "nothing that runs carries the act's marker variable",
    ),
    (
        "marker",
        """
@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, ("/bin/sh", "-c", 'env -i "$@"; exit $?', "sh", *words(request)))
""",
        "do not clear the environment",
    ),
    (
        "env",
        """
@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(replace(request, env={}), words(request))
""",
        "has all of request.env",
    ),
    (
        "cwd",
        """
@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(replace(request, cwd="/"), words(request))
""",
        "in request.cwd",
    ),
    (
        "stdio",
        """
from orchharness.agents.command import environment

@hookimpl
def orchharness_spawn(request):
    return start(request, env=environment(request), stdin=None, stdout=None, stderr=None)

@hookimpl
def orchharness_poll(handle):
    return Running()
""",
        "holds the output of the session and the terminal",
    ),
    (
        "other_machine",
        """
@hookimpl
def orchharness_poll(handle):
    result = LocalProcess.poll(handle)
    return Lost() if isinstance(result, Unknown) else result
""",
        "the engine cannot be asked from here, and poll says Lost",
    ),
    (
        "other_machine",
        """
@hookimpl
def orchharness_cancel(handle):
    LocalProcess.end(s.pid for s in LocalProcess.sweep([handle.data["key"]]))
    return False
""",
        "the handle is another machine's, and an act of this one was ended",
    ),
    (
        "restart",
        "@hookimpl\ndef orchharness_poll(handle):\n"
        "    result = LocalProcess.poll(handle)\n"
        "    return Running() if isinstance(result, Lost) else result\n",
        "the machine was restarted, and poll says Running",
    ),
    (
        "damaged",
        """
@hookimpl
def orchharness_cancel(handle):
    os.killpg(handle.data["pid"], signal.SIGKILL)
    return LocalProcess.cancel(handle)
""",
        "and that process was ended: keep its start time",
    ),
    (
        "tree",
        """
@hookimpl
def orchharness_cancel(handle):
    with contextlib.suppress(OSError):
        os.killpg(handle.data["pid"], signal.SIGKILL)
    return True
""",
        "cancel says that nothing is left, and there is [Process",
    ),
    (
        "cancel_early",
        """
@hookimpl
def orchharness_cancel(handle):
    begun = Path(handle.data["folder"], "handle.json").stat().st_mtime
    return time.time() - begun < 60 or LocalProcess.cancel(handle)
""",
        "the act is not over after 3 s",
    ),
    (
        "cancel_late",
        """
@hookimpl
def orchharness_cancel(handle):
    done = LocalProcess.cancel(handle)
    Path(handle.data["folder"], "exit").write_text("143\\n")
    return done
""",
        "and after it was cancelled Finished",
    ),
]


@pytest.mark.parametrize(
    ("rule", "text", "says"), WRONG, ids=[f"{rule}-{number}" for number, (rule, *_) in enumerate(WRONG)]
)
def test_a_wrong_plugin_breaks_the_rule_that_is_meant(
    rule: str, text: str, says: str, package: Path, changed, tmp_path: Path
):
    suite = type("Suite", (Honest,), {"plugin": changed(text), "limit": 3.0})()
    suite.use(package)
    folder = tmp_path / "trial"
    folder.mkdir()

    with pytest.raises(AssertionError) as failure:
        getattr(suite, rules_of(Honest)[rule])(folder)
    assert str(failure.value).startswith(f"rule '{rule}': ")
    assert says in str(failure.value)
    mark, end = str(folder), time.monotonic() + 5
    while left := [p for p in everybody() if mark in p.cwd or mark in p.environ.get("ORCH_RESULT", "")]:
        assert time.monotonic() < end, left
        time.sleep(0.02)  # what was killed is gone in a moment


def test_there_is_a_wrong_plugin_for_every_rule():
    assert {rule for rule, *_ in WRONG} == set(rules_of(Honest))


# ---- critics ---------------------------------------------------------------------------------------------------

CRITIC = """
from orchharness import Evaluation, Kind, hookimpl

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="reader", role="critic")]

@hookimpl
def orchharness_critic(request):
    path = request.artifacts["guide.text"][0]
    {}
"""
GOOD = "return Evaluation(criteria={'clarity': {'score': 0.5}})"
FINDING = "return Evaluation(criteria={{'clarity': 0.5}}, findings=({},))"
WRONG_CRITICS = [
    ("scores", "return Evaluation()", "criterion 'clarity' has no score from 0 to 1, but None"),
    ("scores", "return Evaluation(criteria={'clarity': {'score': 1.5}})", "but 1.5"),
    ("scores", "return Evaluation(criteria={'clarity': {'score': True}})", "but True"),
    ("scores", "import os; os._exit(0)", "'critic', asked in another process, ended that process"),
    ("scores", "1 / 0", "raised ZeroDivisionError"),
    ("findings", FINDING.format("{'severity': 'minor'}"), "does not say `what`"),
    ("findings", FINDING.format("{'severity': 'bad', 'what': 'x'}"), "has severity 'bad', not critical"),
    (
        "findings",
        FINDING.format("{'severity': 'minor', 'what': 'x', 'task': 'other'}"),
        "is about task 'other'; judged are ['guide']",
    ),
    (
        "artifacts",
        f"import os; os.chmod(path, 0o644); open(path, 'w').write('better'); {GOOD}",
        "it changed, added or removed",
    ),
]


class Reader(CriticConformance):
    kind = "reader"


@pytest.mark.parametrize(("rule", "body", "says"), WRONG_CRITICS, ids=range(len(WRONG_CRITICS)))
def test_a_wrong_critic_breaks_the_rule_that_is_meant(
    rule: str, body: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    name = f"wrong_critic_{os.urandom(4).hex()}"
    (tmp_path / f"{name}.py").write_text(CRITIC.format(body))
    monkeypatch.syspath_prepend(tmp_path)
    suite = type("Suite", (Reader,), {"plugin": name})()

    with pytest.raises(AssertionError) as failure:
        getattr(suite, rules_of(Reader)[rule])(tmp_path)
    assert str(failure.value).startswith(f"rule '{rule}': ")
    assert says in str(failure.value)


def test_the_same_critic_without_a_mistake_keeps_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "good_critic.py").write_text(CRITIC.format(GOOD))
    monkeypatch.syspath_prepend(tmp_path)
    suite = type("Suite", (Reader,), {"plugin": "good_critic"})()
    folders = [tmp_path / rule for rule in rules_of(Reader)]

    for folder, method in zip(folders, rules_of(Reader).values(), strict=True):
        folder.mkdir()
        getattr(suite, method)(folder)
    assert len(folders) == 6


def test_a_work_that_is_not_said_is_asked_for(package: Path, tmp_path: Path):
    suite = type("Suite", (Honest,), {})()

    with pytest.raises(AssertionError, match="rule 'success': Suite does not say `quick`"):
        suite.test_it_runs_and_then_it_is_finished_and_stays_so(tmp_path)
    suite.quick = {"program": "x"}
    (tmp_path / "2").mkdir()
    with pytest.raises(AssertionError, match="`quick` is no Work"):
        suite.test_it_runs_and_then_it_is_finished_and_stays_so(tmp_path / "2")
    assert Work().prompt == "Do the work."
