"""Texts as they are stored: no secrets, no paths of this machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchharness.recording.redacting import asked_by, recorded_by
from orchharness.recording.texts import Texts

PLACES = [("/home/ann/proj", "<workspace>"), ("/home/ann/proj/plans", "<plan_dir>"), ("/home/ann", "<home>")]


def plain(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("write /home/ann/proj/a.md.", "write <workspace>/a.md."),
        ("see /home/ann/proj.", "see <workspace>."),
        ("/home/ann/proj/plans/x", "<plan_dir>/x"),
        ("/home/ann/.config", "<home>/.config"),
        ("/home/anna/proj and /home/ann/proj-2", "/home/anna/proj and <home>/proj-2"),
        ("/srv/home/ann/proj", "/srv/home/ann/proj"),
        ("A=/home/ann/proj:/home/ann", "A=<workspace>:<home>"),
    ],
)
def test_paths_of_the_machine_become_names(text: str, stored: str):
    assert Texts(PLACES, plain).stored(text) == stored


def test_names_become_paths_of_the_machine_again():
    texts = Texts(PLACES, plain)

    assert texts.here_all({"a": ["<workspace>/x", 1], "b": "<other>"}) == {
        "a": ["/home/ann/proj/x", 1],
        "b": "<other>",
    }


def test_what_was_stored_comes_back_with_its_keys():
    texts = Texts(PLACES, plain)
    value = {"/home/ann/proj/a.md": {"score": 1.0, "why": ["/home/ann/b"]}}

    assert texts.stored_all(value) == {"<workspace>/a.md": {"score": 1.0, "why": ["<home>/b"]}}
    assert texts.here_all(texts.stored_all(value)) == value


def test_the_same_work_elsewhere_has_the_same_digest():
    here, there = Texts(PLACES, plain), Texts([("/opt/ci/w", "<workspace>")], plain)

    assert here.digest(b"in /home/ann/proj/a\n") == there.digest(b"in /opt/ci/w/a\n")
    assert here.digest(b"in /home/ann/proj/a\n") != there.digest(b"in /opt/ci/w/b\n")


def test_bytes_that_are_no_text_stay_as_they_are():
    data = bytes(range(256))

    assert Texts(PLACES, plain).redacted(data) == data


def test_of_two_names_for_one_path_the_first_one_counts():
    assert Texts([("/w", "<workspace>"), ("/w", "<root>")], plain).stored("/w/a") == "<workspace>/a"


def test_without_places_nothing_is_replaced():
    texts = Texts([("/", "<root>"), ("", "<home>")], plain)

    assert texts.here(texts.stored("/ and /a/b <root>")) == "/ and /a/b <root>"


def test_what_is_recorded_holds_no_value_of_a_variable_that_is_called_like_a_secret(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("MY_API_KEY", "abcdef-ghijkl")
    monkeypatch.setenv("KEYBOARD", "dvorak-layout")
    monkeypatch.setenv("PASSED_ON", "what the plan passes on")
    parts: Any = SimpleNamespace(hidden=("PASSED_ON",))
    text = "abcdef-ghijkl on dvorak-layout: what the plan passes on"

    found = recorded_by(parts)(text)
    assert found == "[redacted] on dvorak-layout: [redacted]"
    assert recorded_by(parts)(found) == found
    assert asked_by(parts)(text) == "abcdef-ghijkl on dvorak-layout: [redacted]"
