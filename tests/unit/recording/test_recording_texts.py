"""Texts as they are stored: no secrets, no paths of this machine."""

from __future__ import annotations

import pytest

from orchharness.recording.redacting import redact
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


def test_the_same_work_elsewhere_has_the_same_digest():
    here, there = Texts(PLACES, plain), Texts([("/opt/ci/w", "<workspace>")], plain)

    assert here.digest(b"in /home/ann/proj/a\n") == there.digest(b"in /opt/ci/w/a\n")
    assert here.digest(b"in /home/ann/proj/a\n") != there.digest(b"in /opt/ci/w/b\n")


def test_bytes_that_are_no_text_stay_as_they_are():
    data = bytes(range(256))

    assert Texts(PLACES).redacted(data) == data


def test_of_two_names_for_one_path_the_first_one_counts():
    assert Texts([("/w", "<workspace>"), ("/w", "<root>")], plain).stored("/w/a") == "<workspace>/a"


def test_without_places_nothing_is_replaced():
    texts = Texts([("/", "<root>"), ("", "<home>")], plain)

    assert texts.here(texts.stored("/ and /a/b <root>")) == "/ and /a/b <root>"


def test_values_of_variables_that_are_called_like_secrets_are_taken_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_API_KEY", "sk-abcdef")
    monkeypatch.setenv("KEYBOARD", "dvorak-layout")

    text = redact("with sk-abcdef on dvorak-layout")

    assert text == "with <redacted> on dvorak-layout"
    assert redact(text) == text
