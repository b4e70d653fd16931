from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.workspace.templates import CAP, Paths, render


def failure(text: str, **values: object) -> str:
    with pytest.raises(OrchError) as caught:
        render(text, values)
    return str(caught.value)


def test_text_without_a_template_is_returned_as_it_is() -> None:
    text = "x" * (CAP + 1) + "\n"

    assert render(text, {}) is text


def test_jinja_is_imported_only_for_a_template() -> None:
    code = (
        "import sys; from orchharness.workspace.templates import render; render('plain', {}); "
        "assert 'jinja2' not in sys.modules; render('{{ 1 }}', {}); assert 'jinja2' in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_values_are_filled_in_and_nothing_is_escaped_or_trimmed() -> None:
    text = "{{ a.b }} {% for x in xs %}{{ x }},{% endfor %}\n"

    assert render(text, {"a": {"b": "<&>"}, "xs": [1, 2]}) == "<&> 1,2,\n"


def test_values_are_data_and_not_rendered_again() -> None:
    assert render("{{ x }}", {"x": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "copy"])
def test_an_input_may_be_called_like_a_method(name: str) -> None:
    assert render("{{ inputs." + name + " }}", {"inputs": {name: "mine"}}) == "mine"


def test_what_is_not_there_is_an_error_with_the_text_and_the_reason() -> None:
    assert failure("Write {{ outputs.tex }}.", outputs={"text": "x"}) == (
        "cannot render 'Write {{ outputs.tex }}.': 'dict object' has no attribute 'tex'"
    )
    assert (
        failure("{{ oops }}" + "x" * 100)
        == f"cannot render {'{{ oops }}' + 'x' * 50 + '…'!r}: 'oops' is undefined"
    )


def test_what_does_not_parse_is_an_error_with_its_line() -> None:
    assert failure("a\n{% for %}") == (
        "cannot render 'a\\n{% for %}': Expected an expression, got 'end of statement block' (line 2)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ xs.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ paths._gathered }}",
        "{{ 1 // 0 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_the_sandbox_lets_nothing_out_and_every_fault_is_an_orch_error(text: str) -> None:
    assert failure(text, x=Paths(["a"]), xs=[], paths=Paths(["a"])).startswith("cannot render ")


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**9 }}",
        "{{ 10**9 * 'x' }}",
        "{{ [1] * 10**9 }}",
        "{{ 10**(10**10) }}",
        "{{ 9**9**9**9**9 }}",
        "{{ 2.0 ** 9999 }}",
        "{% for i in range(99999) %}{{ big }}{% endfor %}",
    ],
)
def test_a_template_cannot_fill_the_memory(text: str) -> None:
    assert failure(text, big="x" * 1000).startswith("cannot render ")


def test_the_cap_counts_the_result() -> None:
    assert render("{{ x }}", {"x": "abc"}, cap=3) == "abc"
    with pytest.raises(OrchError, match="the result is longer than 2 characters"):
        render("{{ x }}", {"x": "abc"}, cap=2)


def test_arithmetic_still_works() -> None:
    assert render("{{ 2 ** 10 }} {{ 3 * 4 }} {{ '-' * 3 }}", {}) == "1024 12 ---"


# ---- Paths -------------------------------------------------------------------------------------------


def test_paths_are_text_one_a_line() -> None:
    values = {"one": Paths(["/a"]), "two": Paths([Path("/a"), Path("/b c")])}

    assert render("{{ one }}|{{ two }}", values) == "/a|/a\n/b c"
    assert render("{% for p in two %}[{{ p }}]{% endfor %}", values) == "[/a][/b c]"
    assert render("{{ two.paths[1] }} {{ two | length }}", values) == "/b c 2"


def test_json_is_the_parsed_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"score": 0.5}')
    (tmp_path / "b").write_text("[1]")
    one, two = Paths([tmp_path / "a"]), Paths([tmp_path / "a", tmp_path / "b"])

    assert render("{{ one.json.score }}", {"one": one}) == "0.5"
    assert two.json == [{"score": 0.5}, [1]]
    assert Paths([tmp_path / "b"], gathered=True).json == [[1]]
    assert Paths([]).json == []


def test_json_that_is_none_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no json")

    assert failure("{{ one.json.x }}", one=Paths([tmp_path / "a"])) == (
        f"cannot render '{{{{ one.json.x }}}}': {tmp_path}/a is not JSON: "
        "Expecting value: line 1 column 1 (char 0)"
    )
    assert "cannot be read: No such file" in failure("{{ one.json }}", one=Paths([tmp_path / "b"]))


def test_files_are_read_only_when_json_is_asked_for() -> None:
    assert render("{{ p }}", {"p": Paths(["/does/not/exist"])}) == "/does/not/exist"
    assert repr(Paths(["a"])) == "Paths(['a'])"
