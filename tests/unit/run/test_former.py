"""Values that living acts have and the caller's environment has not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from orchharness.agents.command import marker_of
from orchharness.run import former
from orchharness.run.former import changed, given, marks_of, note

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(former, "_KNOWN", set())


@pytest.fixture
def act() -> Iterator[None]:
    name, _, value = marker_of(KEY).partition("=")
    own = {"TOKEN": "user:old-value=1", "SIGNED": "in 3 rounds old-value=1!", "PATH": os.environ["PATH"]}
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={**own, name: value})
    yield
    process.communicate()


@pytest.mark.usefixtures("act")
def test_a_value_is_told_from_what_the_plan_writes_around_it() -> None:
    asked = [{"TOKEN": "user:${API_KEY}"}, {"SIGNED": "in {{ n }} rounds ${API_KEY}!", "PATH": "${API_KEY}"}]

    assert given(["API_KEY"], asked, [KEY]) == {"old-value=1"}
    assert given(["TOKEN"], (), [KEY]) == {"user:old-value=1"}
    assert given(["TOKEN"], (), ["f" * 32]) == set()


def test_an_agent_cannot_hide_a_short_word_or_what_verdicts_are_made_of() -> None:
    note(["pass", "findings", " critical ", "tok-5f1c8a77e2"])

    assert former.former() == ("tok-5f1c8a77e2",)


def test_a_changed_value_is_seen_until_the_old_one_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "old-value")
    marks = marks_of(["API_KEY"])
    same = changed(marks)
    monkeypatch.setenv("API_KEY", "new-value")
    other = changed(marks)
    note(["old-value"])

    assert (same, other, changed(marks)) == ([], ["API_KEY"], [])
    assert "old-value" not in str(marks)
    assert marks != marks_of(["API_KEY"])
