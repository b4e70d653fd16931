import json
import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from orchharness import ClientEnd, amount, one_line, trouble_of
from orchharness.agents import client_output
from orchharness.agents.client_output import summary_of, wait_of


def objects(tmp_path, data, *marks):
    (tmp_path / "stdout.log").write_bytes(data)
    return list(ClientEnd(exit=0, folder=str(tmp_path)).objects(*marks))


def test_a_log_that_is_a_fifo_holds_nothing(tmp_path):
    os.mkfifo(tmp_path / "stdout.log")
    os.mkfifo(tmp_path / "stderr.log")
    end = ClientEnd(exit=0, folder=str(tmp_path))

    assert list(end.objects()) == []
    assert end.errors == ""


def test_a_log_that_is_missing_holds_nothing(tmp_path):
    assert list(ClientEnd(exit=0, folder=str(tmp_path)).objects()) == []


def test_only_whole_json_objects_count(tmp_path):
    deep = b"[" * 100_000
    data = b'{"a":1}\nplain\n[1]\n"x"\n{"b":\n{"c":' + deep + b"}\n\xff\xfe\n" + b'  {"d":2}\n{"e":3}'

    assert objects(tmp_path, data) == [{"a": 1}, {"d": 2}, {"e": 3}]


def test_only_lines_with_a_mark_are_read(tmp_path):
    assert objects(tmp_path, b'{"type":"result"}\n{"type":"other"}\n', '"result"') == [{"type": "result"}]


def test_a_line_of_any_length_is_passed_over_and_the_next_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(client_output, "LONGEST", 1000)
    data = json.dumps({"a": "x" * 5000}).encode() + b'\n{"b":1}\n' + json.dumps({"c": "x" * 2000}).encode()

    assert objects(tmp_path, data) == [{"b": 1}]


@pytest.mark.parametrize(
    ("text", "status", "trouble"),
    [
        ("API Error: 429 slow down", None, "limited"),
        ("exceeded retry limit, last status: 429 Too Many Requests", None, "limited"),
        ("503 Service Unavailable", None, "limited"),
        ("Overloaded", 529, "limited"),
        ('{"type":"overloaded_error"}', None, "limited"),
        ("Selected model is at capacity. Please try a different model.", None, "limited"),
        ("5-hour limit reached", None, "limited"),
        ("unexpected status 401 Unauthorized", None, "refused"),
        ("Not logged in · Please run /login", None, "refused"),
        ("Invalid API key · Fix external API key", None, "refused"),
        ("no", 403, "refused"),
        ("Credit balance is too low", 400, "refused"),
        ("429 You exceeded your current quota, please check your plan and billing details", None, "refused"),
        ("You exceeded your current quota, please check your plan. Please retry in 38.9s.", None, "limited"),
        ("Your credit balance is too low, try again in 5 hours", None, "limited"),
        ("403 Your credit balance is too low, try again in 5 hours", None, "refused"),
        ("500 Internal error in the billing service, please retry after 3s", None, ""),
        ("503 the billing service is down", None, "limited"),
        ("Resource exhausted", None, "limited"),
        ('{"status":"RESOURCE_EXHAUSTED"}', None, "limited"),
        ("Quota exceeded for metric requests", None, "limited"),
        ("RateLimitError", None, "limited"),
        ("your api key is missing", None, "refused"),
        ("permission_error", None, "refused"),
        ("API Error: 500 overloaded? who knows", None, ""),
        ("unexpected status 400 Bad Request: invalid api key format of max_tokens", None, ""),
        ("stream disconnected before completion", None, ""),
        ("the report has 429 lines", None, ""),
        ("", None, ""),
    ],
)
def test_an_error_says_whether_the_engine_is_the_reason(text, status, trouble):
    assert trouble_of(text, status).trouble == trouble


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("try again in 1 day 2 hours 30 minutes", 86400 + 7200 + 1800),
        ("Please try again in 1.5s", 1.5),
        ("try again in 20ms", None),
        ("try again in 6m0s", 360),
        ("resets in 3 hours, and 5 minutes", 3 * 3600 + 300),
        ("Claude AI usage limit reached|1000000060", 60),
        ("Claude AI usage limit reached|1000000000", 0),
        ("try again in a while", None),
        ("Please retry in 38.9s.", 38.9),
        ("Rate limit: retry after 1.5 s", 1.5),
        ('{"retry-after-seconds": 3}', 3),
        ('{"retryDelay":"500ms"}', 0.5),
        ("retry after 2 minutes", 120),
        ("retry in 1 hour", 3600),
        (f"retry after {'9' * 400}", None),
        (f"try again in {'9' * 400} days", 999_999_999_999 * 86400),
        ("do not retry delayed jobs", None),
        ("try again in 1.2.3s", None),
        ("limit reached · resets 99pm (UTC)", None),
        ("limit reached · resets 3pm (Nowhere/Land)", None),
        ("limit reached · resets 3pm (../../etc/passwd)", None),
        ("too many requests", None),
    ],
)
def test_the_time_that_a_message_names_is_known(text, seconds):
    assert wait_of(text, 1_000_000_000.0) == seconds


@pytest.mark.parametrize(("said", "hours"), [("3pm", 1.0), ("2pm", 24.0), ("1:30am", 11.5), ("15:30", 1.5)])
def test_a_time_of_day_is_the_next_one_in_its_zone(said, hours):
    now = datetime(2026, 6, 1, 14, 0, tzinfo=ZoneInfo("America/New_York")).timestamp()

    assert wait_of(f"You've hit your limit · resets {said} (America/New_York)", now) == hours * 3600


@pytest.mark.parametrize("value", [None, "5", True, -1, float("nan"), float("inf"), [], {}])
def test_what_is_no_amount_counts_nothing(value):
    assert amount(value) == 0


def test_texts_are_shown_on_one_line():
    assert one_line(" a\n b\tc ") == "a b c"
    assert one_line({"a": 1}) == ""
    assert summary_of("\n \n# Done\nmore") == "# Done"
    assert summary_of(None) is None
    assert len(summary_of("x" * 5000)) == 201
