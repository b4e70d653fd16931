import pytest
from orchharness_codex import orchharness_preflight
from orchharness_codex.options import Codex
from orchharness_codex.output import Thread, parse

from orchharness import PreflightRequest

PLAN = """
orchharness: 1
agents: {author: {kind: codex, program: PROGRAM}}
tasks:
  guide:
    agent: author
    prompt: Write guide.md.
    outputs: {text: guide.md, said: {from: answer}}
    gate: {checks: [{run: [grep, good, guide.md]}], max_iterations: 2}
"""
OWN = """
model_provider = "own"
[model_providers.own]
name = "mine"
stream_max_retries = 3
"""


def test_a_turn_that_succeeded_gives_its_answer_its_thread_and_its_tokens_and_no_money(end):
    found = parse(end("success"))

    assert (found.ok, found.answer, found.detail) == (True, "all done", "")
    assert found.usage == {"input_tokens": 200, "output_tokens": 100}
    assert Thread.read_from(found.session)[1:] == (200, 100)


def test_the_tokens_of_a_resumed_thread_are_those_of_the_act(end):
    before = parse(end("success")).session
    found = parse(end("resumed", resumed=before))

    assert found.usage == {"input_tokens": 100, "output_tokens": 50}
    assert Thread.read_from(found.session)[1:] == (300, 150)
    assert found.detail == ""


def test_what_a_killed_act_used_is_counted_with_the_next_act_of_its_thread(end, tmp_path):
    before = parse(end("success")).session
    killed = end("resumed", 137, resumed=before)
    log = tmp_path / "stdout.log"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if "turn.completed" not in line))
    lost = parse(killed)

    assert not lost.ok
    assert lost.session == before
    assert parse(end("resumed", resumed=lost.session)).usage == {"input_tokens": 100, "output_tokens": 50}


def test_a_new_thread_counts_from_nothing_and_is_told(end):
    found = parse(end("success", resumed="0199a1b2-1111-7111-8111-111111111111 in=5000 out=4000"))

    assert found.usage == {"input_tokens": 200, "output_tokens": 100}
    assert "not known to codex any more" in found.detail


@pytest.mark.parametrize("session", ["--last", "x in=1", "a b", "", None, 7, "in=1 out=2 in=3"])
def test_what_is_no_thread_is_never_resumed(session):
    assert Thread.read_from(session) is None


@pytest.mark.parametrize(
    ("name", "said", "trouble"),
    [
        ("server-error", "high demand", ""),  # this is how codex tells a plain 500
        ("rate-limit", "429 Too Many Requests", "limited"),
        ("overloaded", "529", "limited"),
        ("key-refused", "401 Unauthorized", "refused"),
        ("forbidden", "403 Forbidden", "refused"),
        ("cut", "stream disconnected", ""),
        ("unknown-session", "no rollout found", ""),
    ],
)
def test_what_went_wrong_is_said_and_is_no_success_whatever_the_exit_status(end, name, said, trouble):
    found = parse(end(name, 0))

    assert not found.ok
    assert said in found.detail
    assert found.trouble == trouble


def test_a_turn_without_an_end_is_no_success(end, tmp_path):
    begun = end("success", 0)
    log = tmp_path / "stdout.log"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))

    assert not parse(begun).ok
    assert parse(begun).detail == "codex ended without the end of a turn"


def test_a_limit_of_use_names_how_long_it_lasts(end, tmp_path):
    limited = end("rate-limit", 1)
    log = tmp_path / "stdout.log"
    text = log.read_text()
    message = "You've hit your usage limit. Upgrade or try again in 1 day 2 hours 30 minutes."
    log.write_text(text.replace("exceeded retry limit, last status: 429 Too Many Requests", message))

    assert parse(limited).trouble == "limited"
    assert parse(limited).retry_after == 86400 + 2 * 3600 + 30 * 60


def test_its_command_line_holds_the_options_and_never_the_prompt(act, fake, tmp_path):
    outside = tmp_path / "files"
    outside.mkdir()
    fake.turns(("success", 0))

    act(
        "codex",
        prompt="- @x",
        model="gpt-5",
        network=True,
        append_system_prompt='Say "yes".\nBe brief.',
        env={
            "CODEX_HOME": str(tmp_path),
            "ORCH_OUTPUT_TEXT": str(outside / "a.md"),
            "ORCH_OUTPUT_IN": str(tmp_path / "work/b.md"),
        },
        args=["--ephemeral"],
    )

    told = fake.told[0]
    settings = [told["argv"][n + 1] for n, word in enumerate(told["argv"]) if word == "--config"]
    assert told["argv"][:5] == ["exec", "--json", "--skip-git-repo-check", "--sandbox", "workspace-write"]
    assert told["argv"][-4:] == ["--model=gpt-5", f"--add-dir={outside}", "--ephemeral", "-"]
    assert settings == [
        "analytics.enabled=false",
        "check_for_update_on_startup=false",
        "sandbox_workspace_write.network_access=true",
        'developer_instructions="Say \\"yes\\".\\nBe brief."',
    ]
    assert told["stdin"] == "The task:\n\n- @x"


def test_codex_gives_up_early_where_the_users_own_provider_says_nothing_of_retries(act, fake, tmp_path):
    (tmp_path / "config.toml").write_text(OWN)
    fake.turns(("success", 0))

    act("codex", env={"CODEX_HOME": str(tmp_path)})

    assert "model_providers.own.request_max_retries=1" in fake.told[0]["argv"]
    assert not any("stream_max_retries" in word for word in fake.told[0]["argv"])


def test_a_command_that_met_the_sandbox_is_told(end, tmp_path):
    finished = end("success")
    log = tmp_path / "stdout.log"
    failed = '"aggregated_output":"a: Read-only file system\\n","exit_code":1'
    log.write_text(log.read_text().replace('"aggregated_output":"","exit_code":0', failed))

    assert parse(finished).ok
    assert "`sandbox`" in parse(finished).detail


def test_refining_goes_on_with_the_thread(play, fake):
    fake.turns(("success", 0, {"guide.md": "draft"}), ("resumed", 0, {"guide.md": "good"}))
    played = play(PLAN)
    first, second = played.journal("TaskFinished")

    assert played.outcomes == {"passed": 2}
    assert fake.told[0]["argv"][-1] == "-"
    assert fake.told[1]["argv"][-3:] == ["resume", first["session"].split()[0], "-"]
    assert (first["usage"]["input_tokens"], second["usage"]["input_tokens"]) == (200, 100)


def test_a_thread_that_codex_does_not_know_is_begun_anew_in_the_same_act(play, fake):
    fake.turns(
        ("success", 0, {"guide.md": "draft"}), ("unknown-session", 1), ("success", 0, {"guide.md": "good"})
    )
    played = play(PLAN)

    assert played.outcomes == {"passed": 2}
    assert "resume" not in fake.told[2]["argv"]
    assert len(played.journal("TaskFinished")) == 2


def look(tmp_path, script, **options):
    program = tmp_path / "codex"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return orchharness_preflight(
        PreflightRequest(
            agent="author",
            kind="codex",
            cwd=str(tmp_path),
            options=Codex(program=str(program), **options).model_dump(mode="json"),
            env={"CODEX_HOME": str(tmp_path)},
        )
    )


def test_a_look_refuses_a_sandbox_that_does_not_work_here(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    script = '[ "$1" = sandbox ] && echo bwrap is missing && exit 1; echo codex-cli 0.169.0'

    assert "bwrap is missing" in look(tmp_path, script).fault
    assert look(tmp_path, script, sandbox="danger-full-access").fault == ""


def test_a_look_warns_when_nobody_is_logged_in_unless_the_provider_is_the_users_own(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "CODEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    script = '[ "$1" = login ] && exit 1; echo codex-cli 0.169.0'
    without = look(tmp_path, script)
    (tmp_path / "config.toml").write_text(OWN)
    own = look(tmp_path, script)

    assert without.warnings == ("codex is not logged in: run `codex login`",)
    assert (own.version, own.warnings) == ("0.169.0", ())
