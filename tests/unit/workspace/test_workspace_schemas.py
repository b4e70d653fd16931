from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchharness.errors import OrchError


def nothing() -> None:
    """An act that does nothing."""


# ---- schema --------------------------------------------------------------------------------------------


@pytest.fixture
def schema(tmp_path: Path) -> str:
    pytest.importorskip("jsonschema")
    path = tmp_path / "schema.json"
    path.write_text(
        json.dumps(
            {
                "type": "object",
                "required": ["items"],
                "properties": {"items": {"type": "array", "items": {"type": "integer"}}},
            }
        )
    )
    return str(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"items": [1, "x"]}', "does not fit its schema: $.items[1]: 'x' is not of type 'integer'"),
        ("{}", "does not fit its schema: $: 'items' is a required property"),
        ('{"items": [NaN]}', "is not JSON: NaN is no JSON number"),
        ('{"items": [1e999]}', "is not JSON: the number 1e999 is too large"),
        ('{"items": [], "items": [1]}', "is not JSON: key 'items' stands twice in one object"),
        ("not json", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff", "is not UTF-8: byte 0 is 0xff"),
        ("[" * 200_000, "is nested too deeply"),
    ],
)
def test_a_document_that_does_not_fit_is_no_evidence(bench, schema: str, content, said: str) -> None:
    evidence = bench.act(lambda: bench.write("a.json", content), bench.output("a.json", schema=schema))

    assert evidence.detail == f"output 'out' (a.json): {said}"


def test_a_document_that_fits_is_evidence(bench, schema: str) -> None:
    assert bench.act(lambda: bench.write("a", '{"items": [1]}'), bench.output("a", schema=schema)).ok


def test_every_match_of_a_glob_has_to_fit(bench, schema: str) -> None:
    evidence = bench.act(
        lambda: (bench.write("a.json", '{"items": []}'), bench.write("b.json", "[]")),
        bench.output("*.json", schema=schema),
    )

    assert evidence.detail == (
        "output 'out' (*.json): b.json does not fit its schema: $: [] is not of type 'object'"
    )


def test_an_answer_can_have_a_schema(bench, schema: str) -> None:
    assert bench.act(nothing, bench.output(kind="answer", schema=schema), answer='{"items": []}').ok


def test_many_faults_are_cut_short(bench, schema: str) -> None:
    evidence = bench.act(
        lambda: bench.write("a", json.dumps({"items": ["x" * 1000] * 9})), bench.output("a", schema=schema)
    )

    assert evidence.detail.endswith("(and 6 more)")
    assert len(evidence.detail) < 1200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "schema {path} cannot be read: No such file or directory"),
        ("{", "schema {path} cannot be used: is not JSON: Expecting property name enclosed in double quotes"),
        (
            '{"type": "objct"}',
            "schema {path} cannot be used: 'objct' is not valid under any of the given schemas",
        ),
        (
            '{"$ref": "http://127.0.0.1:9/x"}',
            "schema {path} cannot be used: Unresolvable: http://127.0.0.1:9/x",
        ),
    ],
)
def test_a_schema_that_cannot_be_used_is_the_plans_fault_and_nothing_is_fetched(
    bench, tmp_path: Path, text: str | None, said: str
) -> None:
    pytest.importorskip("jsonschema")
    path = tmp_path / "schema.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(OrchError) as caught:
        bench.act(lambda: bench.write("a", "{}"), bench.output("a", schema=str(path)))

    assert str(caught.value).startswith(said.format(path=path))
