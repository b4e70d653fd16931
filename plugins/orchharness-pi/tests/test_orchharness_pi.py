import json

import pytest
from orchharness_pi.options import Pi
from orchharness_pi.output import parse
from pydantic import ValidationError

PLAN = """
orchharness: 1
agents: {author: {kind: pi, provider: loop, model: small, program: PROGRAM}}
tasks:
  guide:
    agent: author
    prompt: Write guide.md.
    outputs: {text: guide.md, said: {from: answer}}
    gate: {checks: [{run: [grep, good, guide.md]}], max_iterations: 2}
"""


def test_a_turn_that_succeeded_gives_its_answer_its_session_and_the_sum_of_what_it_cost(end):
    found = parse(end("success"))

    assert (found.ok, found.answer, found.detail) == (True, "all done", "")
    assert found.usage == {"input_tokens": 200, "output_tokens": 100, "usd": pytest.approx(0.00198)}
    assert found.session


@pytest.mark.parametrize(
    ("name", "said", "trouble"),
    [
        ("server-error", "500 scripted 500", ""),
        ("rate-limit", "429", "limited"),
        ("overloaded", "529", "limited"),
        ("key-refused", "401", "refused"),
        ("no-login", "No API key found", "refused"),
        ("cut", "the stream was cut", ""),
        ("unknown-session", "No session found", ""),
    ],
)
def test_what_went_wrong_is_said_and_is_no_success_though_pi_ends_with_0(end, name, said, trouble):
    found = parse(end(name, 0))

    assert not found.ok
    assert said in found.detail
    assert found.trouble == trouble


def changed(tmp_path, change):
    """The recorded log with its last message of the model changed."""
    log = tmp_path / "stdout.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    last = [line for line in lines if line.get("message", {}).get("role") == "assistant"][-1]
    last["message"] |= change
    log.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content": []}, "its answer is empty"),
        ({"content": [{"type": "text", "text": " \n"}]}, "its answer is empty"),
        ({"stopReason": "length"}, "limit of output"),
        ({"stopReason": "aborted"}, "aborted"),
        ({"stopReason": "toolUse"}, "in the middle of its work"),
        ({"stopReason": None}, "None"),
        ({"stopReason": "error", "errorMessage": None}, "not which"),
    ],
)
def test_an_answer_that_is_none_is_no_success(end, tmp_path, change, said):
    finished = end("success", 0)
    changed(tmp_path, change)

    assert not parse(finished).ok
    assert said in parse(finished).detail


def test_an_answer_without_a_count_of_tokens_was_cut_unless_the_provider_never_counts(end):
    assert not parse(end("cut")).ok
    assert parse(end("cut", counts_tokens=False)).ok


def test_its_command_line_holds_the_options_and_never_the_prompt(act, fake):
    fake.turns(("success", 0))

    act(
        "pi",
        prompt="@secret.txt",
        provider="loop",
        model="small",
        allowed_tools=["read", "grep"],
        args=["--no-skills"],
    )

    told = fake.told[0]
    assert told["argv"] == [
        *("--print", "--mode", "json", "--provider", "loop", "--model", "small"),
        *("--tools", "read,grep", "--no-skills"),
    ]
    assert told["stdin"] == "The task:\n\n@secret.txt"
    assert told["env"]["PI_OFFLINE"] == "1"


def test_lines_that_repeat_the_whole_message_are_cut_as_they_come(act, fake, tmp_path):
    fake.turns(("success", 0))
    turns = json.loads((tmp_path / "turns.json").read_text())
    repeated = json.dumps(
        {"type": "message_update", "message": {"text": "word " * 20_000}}, separators=(",", ":")
    )
    turns[0]["stdout"] = f"{repeated}\n" * 50 + turns[0]["stdout"]
    (tmp_path / "turns.json").write_text(json.dumps(turns))

    assert act("pi").ok
    log = next(tmp_path.glob("act-*/stdout.log")).read_text()
    assert log.count('{"type":"message_update"}\n') == 50
    assert len(log) < 20_000


def test_refining_goes_on_with_the_session(play, fake):
    fake.turns(("success", 0, {"guide.md": "draft"}), ("resumed", 0, {"guide.md": "good"}))
    played = play(PLAN)
    session = played.journal("TaskFinished")[0]["session"]

    assert played.outcomes == {"passed": 2}
    assert "--session" not in fake.told[0]["argv"]
    assert fake.told[1]["argv"][-2:] == ["--session", session]


def test_a_session_that_pi_does_not_know_is_begun_anew_in_the_same_act(play, fake):
    fake.turns(
        ("success", 0, {"guide.md": "draft"}), ("unknown-session", 1), ("success", 0, {"guide.md": "good"})
    )
    played = play(PLAN)

    assert played.outcomes == {"passed": 2}
    assert len(played.journal("TaskFinished")) == 2


@pytest.mark.parametrize("wrong", [{"allowed_tools": ["a,b"]}, {"thinking": "hard"}, {"counts_tokens": "no"}])
def test_options_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        Pi.model_validate(wrong)


@pytest.mark.parametrize("session", ["/etc/passwd", "--help", "a b", "../x.jsonl"])
def test_what_is_no_session_is_never_resumed(act, fake, session):
    fake.turns(("success", 0))

    assert act("pi", session=session).ok
    assert "--session" not in fake.told[0]["argv"]
