"""An agent that speaks the protocol and does as a script says: `fake_acp_agent.py SCRIPT.json`. Standard library only.

The script: `initialize`, `new`, `load`: `hang`, `die`, `close`, or what to answer instead (`{"error": …}` for an error);
`loads`: whether sessions can be loaded; `late`: seconds between the pieces of a replay that comes after the answer;
`prompt`: the actions of a turn, `prompts`: those of the first, the second … turn. What it reads goes to `log`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

SCRIPT = json.loads(Path(sys.argv[1]).read_text())
STATE = Path(sys.argv[1]).parent / "sessions.json"
LOG = Path(sys.argv[1]).parent / "log.jsonl"
answers: dict = {}
answered = threading.Condition()
cancelled = threading.Event()
writing = threading.Lock()


def send(message):
    with writing:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def update(session, what, /, **rest):
    send(
        {
            "method": "session/update",
            "params": {"sessionId": session, "update": {"sessionUpdate": what, **rest}},
        }
    )


def say(session, text, kind="agent_message_chunk"):
    update(session, kind, content={"type": "text", "text": text})


def sessions():
    return json.loads(STATE.read_text()) if STATE.exists() else {}


def remember(session, *entries):
    known = sessions()
    known.setdefault(session, []).extend(entries)
    STATE.write_text(json.dumps(known))


def mischief(name):
    if name == "hang":
        threading.Event().wait()
    elif name == "die":
        os._exit(3)
    elif name == "close":
        os.close(1)
        threading.Event().wait()


def replay(session):
    gap = SCRIPT.get("late")
    for kind, text in sessions()[session]:
        if gap:
            time.sleep(gap)
        say(session, text, kind)


def ask(session, call, options):
    number = f"ask-{len(answers)}"
    offered = [{"optionId": f"id-{kind}", "name": kind, "kind": kind} for kind in options]
    params = {"sessionId": session, "toolCall": call, "options": offered}
    send({"id": number, "method": "session/request_permission", "params": params})
    with answered:
        answered.wait_for(lambda: number in answers)
    outcome = answers[number]["result"]["outcome"]
    return outcome.get("optionId", outcome["outcome"])


def turn(number, session, prompt):  # noqa: C901 - a list of what a script can ask for
    spoken = []
    reply = {"stopReason": "end_turn"}
    many = SCRIPT.get("prompts")
    past = sum(kind == "user_message_chunk" for kind, _ in sessions().get(session, []))
    for action in many[min(past, len(many) - 1)] if many else SCRIPT.get("prompt", [{"say": "done"}]):
        ((verb, what),) = action.items()
        match verb:
            case "say":
                say(session, what)
                spoken.append(what)
            case "think":
                say(session, what, "agent_thought_chunk")
            case "tool":
                update(session, "tool_call", **what)
            case "ask":
                chosen = ask(session, what, action_options(what))
                say(session, f"[{chosen}]")
            case "call":
                send({"id": "call", "method": what, "params": {"sessionId": session, "path": "/etc/passwd"}})
                with answered:
                    answered.wait_for(lambda: "call" in answers)
                say(session, f"[{answers['call'].get('error', {}).get('code')}]")
            case "write":
                Path(what[0]).write_text(what[1])
            case "outputs":
                for path in (value for name, value in os.environ.items() if name.startswith("ORCH_OUTPUT_")):
                    Path(path).write_text(what)
            case "cost":
                update(session, "usage_update", used=1, size=2, cost={"amount": what, "currency": "USD"})
            case "usage" | "_meta":
                reply[verb] = what
            case "stop":
                reply["stopReason"] = what
            case "error":
                send({"id": number, "error": what})
                return
            case "print":
                sys.stdout.write(what + "\n")
                sys.stdout.flush()
            case "flood":
                for index in range(what):
                    say(session, f"{index} ")
            case "fork":
                left = subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL)
                Path(what).write_text(str(left.pid))
            case "until":
                while not Path(what).exists():
                    time.sleep(0.02)
            case "wait":  # for the cancel, as a good agent does
                cancelled.wait()
                send({"id": number, "result": {"stopReason": "cancelled"}})
                return
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case _:
                mischief(verb)
    remember(session, ["user_message_chunk", prompt], ["agent_message_chunk", "".join(spoken)])
    send({"id": number, "result": reply})


def action_options(call):
    return call.pop("options", ["allow_always", "allow_once", "reject_once"])


def handle(message):
    method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
    planned = SCRIPT.get({"session/new": "new", "session/load": "load"}.get(method, method))
    if isinstance(planned, str):
        mischief(planned)
    if isinstance(planned, dict):
        send({"id": number, **planned})
    elif method == "initialize":
        able = {"loadSession": bool(SCRIPT.get("loads"))}
        info = {"name": SCRIPT.get("name", "fake"), "version": "1.2.3"}
        send({"id": number, "result": {"protocolVersion": 1, "agentCapabilities": able, "agentInfo": info}})
    elif method == "session/new":
        modes = {
            "currentModeId": "ask",
            "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "do", "name": "Do"}],
        }
        send({"id": number, "result": {"sessionId": f"s-{os.getpid()}", "modes": modes}})
    elif method == "session/load":
        load(number, params["sessionId"])
    elif method == "session/prompt":
        text = params["prompt"][0]["text"]
        threading.Thread(target=turn, args=(number, params["sessionId"], text), daemon=True).start()
    elif method == "session/set_mode":
        send({"id": number, "result": {}})
    elif method == "session/cancel":
        cancelled.set()


def load(number, session):
    if session not in sessions():
        send({"id": number, "error": {"code": -32002, "message": "Resource not found"}})
        return
    if "cost" in SCRIPT:
        update(session, "usage_update", used=1, size=2, cost={"amount": SCRIPT["cost"], "currency": "USD"})
    if "late" in SCRIPT:
        send({"id": number, "result": {}})
        threading.Thread(target=replay, args=(session,), daemon=True).start()
    else:
        replay(session)
        send({"id": number, "result": {}})


for ignored in SCRIPT.get("ignore", ()):
    signal.signal(getattr(signal, ignored), signal.SIG_IGN)
for line in sys.stdin:
    message = json.loads(line)
    with LOG.open("a") as log:
        log.write(line)
    if "method" in message:
        handle(message)
    else:
        with answered:
            answers[message["id"]] = message
            answered.notify_all()
if SCRIPT.get("stays"):
    threading.Event().wait()
