"""Whatever somebody writes, nothing comes of it where it is shown: no markup, no command, no broken diagram."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchharness.report.annotations import Annotation, commands
from orchharness.report.harmless import command_data, command_property, guarded, markdown, mermaid
from orchharness.report.text import line

NASTY = (
    "::add-mask::x", "::set-output name=a::b", "::stop-commands::t", "##[add-mask]x", "##vso[x]y", "##teamcity[x]",
    "\n", "\r", "\u2028", "\x85", "\x0b", "\x1b[31m", "\u00a0", " ", "|", "`", "```", "<b>", "</td>", "<!--", "&lt;",
    "&#124;", "\\", "*", "_", "[a](b)", "![a](b)", "https://x.y", "www.x.y", "@me", "$x$", "~~", "%%{init: {}}%%",
    ":", ";", "#", ",", "%", "%0A", "section x", "\ud800", "\x00", "# head", "- item", "1. item", "> quote", "---",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(NASTY) | st.text(max_size=8), max_size=8).map("".join)
COMMAND = re.compile(r"\s*::|.*##\w*\[")


def lines_as_a_runner_reads_them(text: str) -> list[str]:
    return re.split("\r\n|[\r\n]", text)


@given(TEXTS)
def test_no_line_that_is_printed_is_a_command(text: str):
    printed = guarded(text)

    assert not [row for row in lines_as_a_runner_reads_them(printed) if COMMAND.match(row)]


@given(TEXTS)
def test_what_is_guarded_is_guarded_once(text: str):
    assert guarded(guarded(text)).rstrip("\n") == guarded(text).rstrip("\n")


@given(st.text(alphabet="ab c:#[]\n", max_size=30).filter(lambda t: "::" not in t and "##" not in t))
def test_ordinary_text_is_printed_as_it_is(text: str):
    assert guarded(text).rstrip("\n") == text.rstrip("\n")


@given(TEXTS)
def test_markdown_of_a_text_is_that_text_and_nothing_else(text: str):
    (paragraph,) = [t for t in MarkdownIt("commonmark").parse(f"x {markdown(text)} x") if t.type == "inline"]
    kinds = {child.type for child in paragraph.children or ()}
    shown = "".join(child.content for child in paragraph.children or ())

    assert kinds <= {"text", "text_special"}
    assert " ".join(shown.replace("\u2060", "").split()) == " ".join(
        f"x {line(text, 300)} x".replace("\u2060", "").split()
    )


@given(st.lists(TEXTS, min_size=3, max_size=3))
def test_a_text_fills_one_cell_of_a_table(texts: list[str]):
    row = " | ".join(markdown(t) for t in texts)
    tokens = (
        MarkdownIt("commonmark").enable("table").parse(f"| a | b | c |\n| --- | --- | --- |\n| {row} |\n")
    )

    assert [t.type for t in tokens].count("td_open") == 3
    assert not [t for t in tokens if t.type.startswith(("html", "fence", "code", "heading"))]


@given(TEXTS)
def test_a_name_in_a_diagram_is_a_name(text: str):
    name = mermaid(text)

    assert name
    assert re.fullmatch(r"[\w .+\-\[\]/()]+", name)
    assert "\n" not in name


LEVELS = st.sampled_from(("error", "warning"))
ANNOTATIONS = st.lists(
    st.builds(
        Annotation,
        level=LEVELS,
        title=TEXTS,
        message=TEXTS,
        file=TEXTS,
        line=st.integers(0, 9),
        rank=st.integers(0, 4),
    ),
    max_size=25,
)


@given(ANNOTATIONS)
@settings(max_examples=60)
def test_an_annotation_is_one_command_and_no_text_in_it_another(found: list[Annotation]):
    lines = commands(found)

    for text in lines:
        (row,) = lines_as_a_runner_reads_them(text)
        head, properties, message = re.fullmatch(r"::(error|warning) ([^:]*)::(.*)", row, re.DOTALL).groups()  # type: ignore[union-attr]
        assert head in {"error", "warning"}
        assert {p.partition("=")[0] for p in properties.split(",")} <= {"file", "line", "title"}
        assert "##[" not in message
    assert sum(text.startswith("::error") for text in lines) <= 10
    assert sum(text.startswith("::warning") for text in lines) <= 10


def test_the_escapes_are_those_of_github():
    assert command_data("50%\nnext") == "50%25%0Anext"
    assert command_property("a: b, c%") == "a%3A b%2C c%25"


def test_the_worst_come_first_and_the_tenth_names_the_rest():
    found = [Annotation(level="error", title=f"t{n}", message="m", rank=4) for n in range(12)]
    worst = Annotation(level="error", title="worst", message="m", file="a.yaml", line=3, rank=0)
    warned = Annotation(level="warning", title="w", message="m")

    lines = commands([warned, *found, worst])

    assert lines[0] == "::error file=a.yaml,line=3,title=worst::m"
    assert lines[9] == "::error title=4 more errors::t8, t9, t10, t11"
    assert lines[10:] == ["::warning title=w::m"]


@pytest.mark.parametrize("text", ["a std::vector", "x ## heading", "a::b", "#[derive]"])
def test_code_that_only_looks_like_it_is_left_alone(text: str):
    assert guarded(text) == text
