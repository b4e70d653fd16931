"""Turns with an agent that does as it is told: what counts as success, what is believed, what is left."""

import json
import os
import time
from pathlib import Path

import pytest


@pytest.mark.parametrize("call", ["initialize", "new"])
def test_an_agent_that_does_not_answer_a_call_is_ended_and_the_call_is_named(acts, call):
    found = acts.run({call: "hang"}, call_timeout=0.3)

    name = {"initialize": "initialize", "new": "session/new"}[call]
    assert not found.ok
    assert found.detail == f"the agent did not answer '{name}' within 0.3 s"
    assert acts.left() == []


def test_an_agent_that_does_not_end_when_its_input_is_closed_is_ended(acts):
    found = acts.run({"stays": True, "ignore": ["SIGTERM"]})

    assert found.ok
    assert acts.left() == []


def test_what_an_agent_leaves_in_a_session_of_its_own_is_ended_with_the_turn(acts, tmp_path):
    found = acts.run({"prompt": [{"fork": str(tmp_path / "left")}, {"say": "done"}]})

    assert found.ok
    assert (tmp_path / "left").read_text().isdigit()
    assert acts.left() == []


def test_an_act_that_is_cancelled_tells_the_agent_and_leaves_nothing(acts, tmp_path):
    handle = acts.spawn({"prompt": [{"fork": str(tmp_path / "left")}, {"wait": None}]})
    _wait_for(tmp_path / "left")
    began = time.monotonic()
    gone = acts.host.cancel(handle)
    seconds = time.monotonic() - began

    assert gone
    assert seconds < 2
    assert acts.left() == []
    assert acts.read()[-1]["method"] == "session/cancel"


def test_an_agent_that_ignores_being_cancelled_is_killed(acts, tmp_path):
    handle = acts.spawn(
        {"prompt": [{"write": [str(tmp_path / "on"), ""]}, {"hang": None}], "ignore": ["SIGTERM", "SIGINT"]}
    )
    _wait_for(tmp_path / "on")
    began = time.monotonic()
    gone = acts.host.cancel(handle)

    assert gone
    assert time.monotonic() - began < 2
    assert acts.left() == []


def test_the_answer_is_what_the_agent_said_after_its_last_tool(acts):
    found = acts.run(
        {
            "prompt": [
                {"say": "I shall look."},
                {"tool": {"toolCallId": "1", "title": "Read", "kind": "read"}},
                {"think": "hm"},
                {"say": "It is "},
                {"think": "hm"},
                {"say": "fine."},
                {"usage": {"inputTokens": 7, "outputTokens": 2, "cachedReadTokens": 10, "totalTokens": 19}},
                {"cost": 0.25},
            ]
        }
    )

    assert found.ok
    assert (found.answer, found.detail, found.summary) == ("It is fine.", "", "It is fine.")
    assert found.usage == {"input_tokens": 17, "output_tokens": 2, "usd": 0.25}
    assert found.session.startswith("s-")


@pytest.mark.parametrize(
    ("count", "usage"),
    [
        ({"input_tokens": 200, "output_tokens": 20}, {"input_tokens": 200, "output_tokens": 20}),
        ({"input_tokens": -1, "output_tokens": True}, {}),
        ([200, 20], {}),
        (None, {}),
    ],
)
def test_the_tokens_that_gemini_tells_at_a_place_of_its_own_are_counted(acts, count, usage):
    found = acts.run({"prompt": [{"say": "done"}, {"_meta": {"quota": {"token_count": count}}}]})

    assert found.ok
    assert found.usage == usage


def test_tokens_that_are_told_twice_are_counted_once(acts):
    quota = {"quota": {"token_count": {"input_tokens": 200, "output_tokens": 20}}}
    usage = {"inputTokens": 7, "outputTokens": 2}
    found = acts.run({"prompt": [{"say": "done"}, {"usage": usage}, {"_meta": quota}]})

    assert found.usage == {"input_tokens": 7, "output_tokens": 2}


def test_what_an_agent_does_not_tell_of_its_usage_is_not_known(acts):
    assert acts.run().usage == {}


def test_an_answer_that_a_tool_ends_is_what_was_said_before_it(acts):
    found = acts.run({"prompt": [{"say": "forty-two"}, {"tool": {"toolCallId": "1", "title": "Note"}}]})

    assert found.answer == "forty-two"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("max_tokens", "limit of tokens"),
        ("max_turn_requests", "limit of requests"),
        ("refusal", "refused to go on"),
        ("cancelled", "was cancelled"),
        ("bored", "'bored', which is not known"),
    ],
)
def test_only_a_turn_that_ends_as_it_should_is_a_success(acts, reason, words):
    found = acts.run({"prompt": [{"say": "well"}, {"stop": reason}]})

    assert not found.ok
    assert words in found.detail
    assert found.trouble == ""


def test_a_turn_without_a_word_and_without_a_tool_is_no_success(acts):
    found = acts.run({"prompt": []})

    assert not found.ok
    assert "without a word" in found.detail


@pytest.mark.parametrize(
    ("prompt", "detail"),
    [
        ([{"die": None}], "the agent ended with exit status 3 before it answered 'session/prompt'"),
        ([{"kill": None}], "the agent was killed by SIGKILL before it answered 'session/prompt'"),
        ([{"close": None}], "the agent closed its output before it answered 'session/prompt'"),
    ],
)
def test_an_agent_that_goes_away_in_its_turn_is_no_success(acts, prompt, detail):
    found = acts.run({"prompt": [{"say": "almost"}, *prompt]})

    assert not found.ok
    assert found.detail == detail
    assert acts.left() == []


def test_lines_that_are_no_messages_are_left_out_and_told_only_when_something_is_missing(acts):
    lines = [
        {"print": line} for line in ("Welcome!", "42", "[1]", "{", '{"id": [1], "result": 1}', '{"id": 99}')
    ]
    fine = acts.run({"prompt": [*lines, {"say": "done"}]})
    bad = acts.run({"prompt": [*lines, {"die": None}]})

    assert fine.ok
    assert (fine.answer, fine.detail) == ("done", "")
    assert bad.detail.endswith("; it printed what is no message: 'Welcome!'")


def test_a_program_that_is_no_agent_is_told_by_what_it_printed(acts):
    found = acts.run(command=["echo", "usage: agent [--acp]"])

    assert not found.ok
    assert "the agent ended with exit status 0 before it answered 'initialize'" in found.detail
    assert "'usage: agent [--acp]'" in found.detail


def test_a_program_that_is_not_there_is_told_with_how_to_install_it(acts):
    found = acts.run(command=["claude-agent-acp"], env={"PATH": "/nowhere"})

    assert not found.ok
    assert (
        "'claude-agent-acp' was not found; install it with: npm install -g @zed-industries/" in found.detail
    )


def test_an_agent_of_another_version_of_the_protocol_is_refused(acts):
    found = acts.run({"initialize": {"result": {"protocolVersion": 7}}})

    assert found.detail == "the agent speaks version 7 of the protocol, and not 1"


@pytest.mark.parametrize(
    ("error", "trouble", "after"),
    [
        ({"code": -32603, "message": "API Error: 500 internal"}, "", None),
        ({"code": -32603, "message": "Internal error", "data": {"details": "429 Too Many"}}, "limited", None),
        ({"code": -32603, "message": "overloaded_error", "data": {"retry_after": 12}}, "limited", 12),
        ({"code": -32603, "message": "overloaded_error", "data": {"retry_after": 10**400}}, "limited", None),
        ({"code": 429, "message": "Rate limit: retry after 1.5 s"}, "limited", 1.5),
        ({"code": -32603, "message": "Quota exceeded", "data": {"retryDelay": "38s"}}, "limited", 38),
        ({"code": -32000, "message": "Authentication required"}, "refused", None),
        ({"code": -32603, "message": "API Error: 401 invalid x-api-key"}, "refused", None),
        # As claude-agent-acp 0.23.1 says it:
        (
            {"code": -32603, "message": "Internal error: Invalid API key · Fix external API key"},
            "refused",
            None,
        ),
        ({"code": -32603, "message": 'Internal error: API Error: 429 {"type":"error"}'}, "limited", None),
        ({"code": -32603, "message": "Internal error: API Error: terminated"}, "", None),
        ({"code": -32000, "message": "the disk is full"}, "", None),
        ("nonsense", "", None),
    ],
)
def test_an_error_is_the_agents_or_that_of_its_engine(acts, error, trouble, after):
    found = acts.run({"prompt": [{"say": "hm"}, {"error": error}]})

    assert not found.ok
    assert (found.trouble, found.retry_after) == (trouble, after)
    assert found.detail.startswith("'session/prompt' failed: ")


def test_what_an_agent_says_of_an_error_gives_no_orders_to_a_terminal(acts):
    found = acts.run(
        {"prompt": [{"error": {"code": 1, "message": "\x1b[2Jaway\nnext", "data": {"a": "\x07"}}}]}
    )

    assert found.detail == '\'session/prompt\' failed: [2Jaway next: {"a": "\\u0007"}'


def test_what_was_denied_is_told_also_when_the_agent_fails(acts):
    found = acts.run(
        {"prompt": [{"ask": {"toolCallId": "1", "title": "make", "kind": "execute"}}, {"die": None}]}
    )

    assert found.detail.startswith("the agent ended with exit status 3")
    assert "\nthe agent was denied 'make' (execute)" in found.detail


def test_an_agent_that_asks_for_a_login_first_is_refused(acts):
    found = acts.run({"new": {"error": {"code": -32000, "message": "Authentication required"}}})

    assert found.trouble == "refused"
    assert found.detail == "'session/new' failed: Authentication required"


def test_an_agent_gets_no_files_and_no_terminals(acts):
    found = acts.run({"prompt": [{"call": "fs/read_text_file"}]})

    assert found.answer == "[-32601]"
    offered = acts.read()[0]["params"]["clientCapabilities"]
    assert offered == {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}


def test_a_mode_is_set_and_one_that_is_not_there_is_told(acts):
    assert acts.run(mode="do").ok
    assert acts.read()[2]["params"]["modeId"] == "do"

    found = acts.run(mode="yolo")

    assert found.detail == "the agent has no mode 'yolo'; it has 'ask', 'do'"


def test_what_the_agent_says_of_itself_in_its_result_file_can_only_make_it_fail(acts, tmp_path):
    result = str(acts.folder / "act1" / "agent-result.json")
    found = acts.run({"prompt": [{"write": [result, json.dumps({"status": "failed"})]}, {"say": "done"}]})

    assert not found.ok
    assert "failed" in found.detail


def test_a_result_that_the_agent_forges_is_not_believed(acts):
    forged = json.dumps({"ok": True, "answer": "all well"})
    path = acts.folder / "act1" / "acp-result.json"
    found = acts.run({"prompt": [{"write": [str(path), forged]}, {"stop": "refusal"}]})

    assert not found.ok
    assert "refused" in found.detail


def test_a_supervisor_that_is_killed_is_no_success_and_leaves_nothing(acts, tmp_path):
    handle = acts.spawn({"prompt": [{"write": [str(tmp_path / "on"), ""]}, {"wait": None}]})
    _wait_for(tmp_path / "on")
    for survivor in acts.left():
        if "orchharness_acp.supervise" in survivor.command and not survivor.command.startswith("sh"):
            os.kill(survivor.pid, 9)
    found = acts.end_of(handle)

    assert not found.ok
    assert found.detail == "the supervisor of the agent left no result; killed by SIGKILL"
    _until(lambda: acts.left() == [])


def test_a_prompt_is_passed_as_it_is_however_long(acts):
    prompt = "--help @file $(id) é\u2028" + "x" * 300_000
    acts.run(prompt=prompt)

    assert acts.read()[-1]["params"]["prompt"] == [{"type": "text", "text": prompt}]


def test_the_transcript_is_json_lines_and_shows_signs_of_life(acts):
    acts.run({"prompt": [{"print": "{broken"}, {"say": "x" * 9_000}]})

    lines = [json.loads(line) for line in (acts.folder / "act1" / "stdout.log").read_text().splitlines()]
    assert [next(iter(line)) for line in lines[:3]] == ["client", "agent", "client"]
    assert {"agent": "{broken"} in lines
    assert max(len(json.dumps(line)) for line in lines) < 4_000


def test_an_answer_that_has_no_end_is_no_success(acts):
    found = acts.run({"prompt": [{"say": "x" * 700_000}, {"say": "y" * 700_000}]})

    assert not found.ok
    assert "longer than 1048576 characters" in found.detail


def _wait_for(path: Path):
    _until(path.exists)


def _until(condition, limit=10):
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
