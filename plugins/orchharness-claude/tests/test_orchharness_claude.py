import json
import re
import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from orchharness_claude import orchharness_preflight
from orchharness_claude.options import Claude
from orchharness_claude.output import parse
from pydantic import ValidationError

from orchharness import PreflightRequest

SESSION = "11111111-1111-4111-8111-111111111111"
PLAN = """
orchharness: 1
agents: {author: {kind: claude, model: sonnet, program: PROGRAM}}
tasks:
  guide:
    agent: author
    prompt: Write guide.md.
    outputs: {text: guide.md, said: {from: answer}}
    gate: {checks: [{run: [grep, good, guide.md]}], max_iterations: 2}
"""


def test_a_turn_that_succeeded_gives_its_answer_its_session_and_what_it_cost(end):
    found = parse(end("success"))

    assert found.ok
    assert found.answer == "all done"
    assert re.fullmatch(r"[0-9a-f-]{36}", found.session)
    assert found.usage == {"input_tokens": 250, "output_tokens": 100, "usd": pytest.approx(0.0021495)}
    assert found.detail == ""


@pytest.mark.parametrize(
    ("name", "said", "trouble", "wait"),
    [
        ("server-error", "API Error: 500", "", None),
        ("rate-limit", "(429)", "limited", 7.0),
        ("overloaded", "API Error: 529", "limited", None),
        ("key-refused", "401", "refused", None),
        ("forbidden", "403", "refused", None),
        ("no-login", "Not logged in", "refused", None),
        ("bad-request", "API Error: 400", "", None),
        ("cut", "malformed response", "", None),
        ("unknown-session", "No conversation found", "", None),
        ("used-session", "already in use", "", None),
        ("bypass-as-root", "cannot be used with root", "", None),
        ("max-turns", "`max_turns`", "", None),
        ("max-budget", "`max_budget_usd`", "", None),
        ("slash", "without asking a model", "", None),
        ("interrupted", "ended without a result", "", None),
    ],
)
def test_what_went_wrong_is_said_and_is_no_success_whatever_the_exit_status(end, name, said, trouble, wait):
    found = parse(end(name, 0))

    assert not found.ok
    assert said in found.detail
    assert (found.trouble, found.retry_after) == (trouble, wait)


def test_a_denied_tool_is_no_success_and_says_what_would_allow_it(end):
    found = parse(end("denied", denials="fail"))

    assert not found.ok
    assert "denied: Write" in found.detail
    assert "`allowed_tools: [Write]`" in found.detail


def test_a_denied_tool_is_only_noted_where_the_plan_says_so(end):
    found = parse(end("denied", denials="note"))

    assert found.ok
    assert "denied: Write" in found.detail


def test_a_session_that_was_not_resumed_is_told(end):
    found = parse(end("success", resumed=SESSION))

    assert found.ok
    assert "not known to claude any more" in found.detail
    assert found.session != SESSION


def test_an_answer_that_was_cut_at_the_limit_of_output_is_no_success(end, tmp_path):
    finished = end("success")
    log = tmp_path / "stdout.log"
    log.write_text(log.read_text().replace('"stop_reason":"end_turn"', '"stop_reason":"max_tokens"'))

    assert "cut" in parse(finished).detail
    assert not parse(finished).ok


def test_a_limit_of_use_names_the_time_when_it_ends(end, tmp_path):
    now = datetime(2026, 3, 1, 14, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    finished = end("rate-limit", at=now)
    log = tmp_path / "stdout.log"
    text = log.read_text().replace(
        "API Error: Request rejected (429) · scripted 429",
        "You've hit your limit · resets 3pm (Europe/Berlin)",
    )
    log.write_text(text)
    clock = parse(finished)
    log.write_text(
        text
        + json.dumps(
            {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": now + 90}}
        )
    )
    log.write_text(log.read_text().replace(" · resets 3pm (Europe/Berlin)", ""))

    assert (clock.trouble, clock.retry_after) == ("limited", 3600.0)
    assert parse(finished).retry_after == 90.0


def test_its_command_line_holds_the_options_and_never_the_prompt(act, fake):
    fake.turns(("success", 0))

    act(
        "claude",
        prompt="--version @secret.txt",
        model="sonnet",
        allowed_tools=["Bash(git log:*)", "WebFetch"],
        denied_tools=["WebSearch"],
        system_prompt="- Be brief.",
        max_turns=5,
        args=["--bare"],
        add_dirs=["../library"],
    )

    told = fake.told[0]
    folder = told["argv"][told["argv"].index("--add-dir") + 1]
    assert told["argv"][:-1] == [
        *("-p", "--output-format=stream-json", "--verbose", "--include-partial-messages"),
        *("--bare", "--model=sonnet"),
        *("--permission-mode=acceptEdits", "--system-prompt=- Be brief.", "--max-turns=5"),
        *("--add-dir", folder, "../library", "--allowed-tools", "Bash(git log:*)", "WebFetch"),
        *("--disallowed-tools", "WebSearch"),
    ]
    assert told["stdin"] == "The task:\n\n--version @secret.txt"
    assert told["env"]["CLAUDE_CODE_DISABLE_ATTACHMENTS"] == "1"


def test_a_prompt_may_be_of_any_length(act, fake):
    fake.turns(("success", 0))
    prompt = "word " * 100_000

    assert act("claude", prompt=prompt).ok
    assert fake.told[0]["stdin"] == prompt


def test_each_act_begins_a_session_of_its_own_and_the_same_act_the_same(act, fake):
    fake.turns(("success", 0))
    one, other = secrets.token_hex(16), secrets.token_hex(16)
    for key in (one, one, other):
        act("claude", key=key)

    begun = [told["argv"][-1] for told in fake.told]
    assert len(begun) == 2  # the act that was spawned is not spawned again
    assert begun[0] != begun[1]
    assert all(
        re.fullmatch(r"--session-id=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", word) for word in begun
    )


def test_what_the_caller_set_is_left_as_it_is_and_the_plan_has_the_last_word(act, fake, monkeypatch):
    monkeypatch.setenv("CLAUDE_CODE_MAX_RETRIES", "5")
    fake.turns(("success", 0))
    act("claude", env={"DISABLE_TELEMETRY": "0"})

    told = fake.told[0]["env"]
    assert (told["CLAUDE_CODE_MAX_RETRIES"], told["DISABLE_TELEMETRY"]) == ("5", "0")
    assert told["DISABLE_AUTOUPDATER"] == "1"


def test_refining_goes_on_with_the_session(play, fake):
    fake.turns(("success", 0, {"guide.md": "draft"}), ("success", 0, {"guide.md": "good"}))
    played = play(PLAN)
    first, second = fake.told

    assert played.outcomes == {"passed": 2}
    session = played.journal("TaskFinished")[0]["session"]
    assert first["argv"][-1].startswith("--session-id=")
    assert second["argv"][-1] == f"--resume={session}"
    assert "<findings>" in second["stdin"]


def test_a_session_that_claude_does_not_know_is_begun_anew_in_the_same_act(play, fake):
    fake.turns(
        ("success", 0, {"guide.md": "draft"}), ("unknown-session", 1), ("success", 0, {"guide.md": "good"})
    )
    played = play(PLAN)

    assert played.outcomes == {"passed": 2}
    assert fake.told[2]["argv"][-1].startswith("--session-id=")
    assert fake.told[2]["stdin"] == fake.told[1]["stdin"]
    assert len(played.journal("TaskFinished")) == 2


def test_a_success_without_the_promised_file_is_a_failure(play, fake):
    fake.turns(("success", 0))
    played = play(PLAN)

    assert played.outcomes.get("failed") == 1
    assert "guide.md" in played.text


def test_a_failure_is_told_in_words_and_not_in_json(play, fake):
    fake.turns(("server-error", 1))
    played = play(PLAN)

    assert "API Error: 500" in played.text
    assert '{"type"' not in played.text


def test_an_option_that_claude_does_not_have_is_an_error_with_its_place(play):
    played = play(PLAN.replace("model: sonnet", "modle: sonnet, permission_mode: yolo"))

    assert "write.plan.yaml:3:" in played.text
    assert "has no option 'modle'" in played.text
    assert "did you mean" in played.text
    assert "'acceptEdits'" in played.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"allowed_tools": ["--model"]},
        {"max_turns": 0},
        {"env": {"ORCH_RUN": "x"}},
        {"env": {"KEY": "${MY_KEY}"}},
    ],
)
def test_options_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        Claude.model_validate(wrong)


def ask(tmp_path, script, **options):
    program = tmp_path / "claude"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return orchharness_preflight(
        PreflightRequest(
            agent="author",
            kind="claude",
            cwd=str(tmp_path),
            options=Claude(program=str(program), **options).model_dump(mode="json"),
        )
    )


def test_a_look_tells_the_version_and_warns_of_one_that_was_not_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy")
    tried = ask(tmp_path, "echo '2.1.197 (Claude Code)'")
    other = ask(tmp_path, "echo '3.0.0 (Claude Code)'")

    assert (tried.version, tried.warnings, tried.fault, tried.missing) == ("2.1.197", (), "", "")
    assert other.version == "3.0.0"
    assert "3.0.0 was not tried" in other.warnings[0]


def test_a_look_says_how_to_install_what_is_missing(tmp_path):
    found = orchharness_preflight(
        PreflightRequest(agent="author", kind="claude", cwd=str(tmp_path), env={"PATH": str(tmp_path)})
    )

    assert "npm install -g @anthropic-ai/claude-code@2.1.197" in found.missing


def test_a_look_refuses_to_bypass_permissions_as_root_outside_of_a_sandbox(tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.delenv("IS_SANDBOX", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy")
    bypass = {"permission_mode": "bypassPermissions"}

    assert "IS_SANDBOX" in ask(tmp_path, "echo 2.1.197", **bypass).fault
    assert ask(tmp_path, "echo 2.1.197", **bypass, env={"IS_SANDBOX": "1"}).fault == ""


def test_a_look_warns_when_nobody_is_logged_in(tmp_path, monkeypatch):
    for name in (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)

    found = ask(tmp_path, '[ "$1" = --version ] && echo 2.1.197 && exit 0; exit 1')

    assert found.warnings == ("claude is not logged in: run `claude`, then `/login`",)


def test_what_is_missing_comes_with_what_was_denied(play, fake):
    fake.turns(("denied", 0))
    played = play(PLAN.replace("model: sonnet", "denials: note"))

    assert "guide.md" in played.text
    assert "denied: Write" in played.text


@pytest.mark.parametrize("session", ["../../x", "--last", "a b", "11111111"])
def test_what_is_no_session_is_never_resumed(act, fake, session):
    fake.turns(("success", 0))

    assert act("claude", session=session).ok
    assert not any("--resume=" in word for word in fake.told[0]["argv"])
