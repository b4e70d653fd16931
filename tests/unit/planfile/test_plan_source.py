"""Texts that are no plan, hostile ones, and how problems are shown."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

from orchharness.errors import PlanError
from orchharness.planfile import read_plan
from orchharness.planfile.nodes import Scalar, to_python
from orchharness.planfile.paths import may_meet
from orchharness.planfile.problems import Problems
from orchharness.planfile.source import read_tree

ONE = "orchharness: 1\n"


def test_a_problem_is_shown_with_its_place_its_line_and_a_caret(read):
    with pytest.raises(PlanError) as caught:
        read(f"{ONE}tasks:\n  lint: {{run: x, depends_on: [y]}}\n")

    assert str(caught.value) == textwrap.dedent("""\
        x.plan.yaml:3:18: unknown key 'depends_on' in a task: write 'needs'
              lint: {run: x, depends_on: [y]}
                             ^""")


def test_the_path_is_shown_as_people_know_it(read, project):
    def shown(**options):
        with pytest.raises(PlanError) as caught:
            read("", "plans/x.plan.yaml", **options)
        return caught.value.problems[0].location.path

    assert shown() == "plans/x.plan.yaml"
    assert shown(cwd=project / "plans") == "x.plan.yaml"
    assert shown(cwd=project / "src") == "plans/x.plan.yaml"
    assert shown(cwd=project / "src", root=project / "src") == str(project / "plans/x.plan.yaml")


def test_all_problems_are_said_at_once_sorted_by_place(problems):
    found = problems(f"{ONE}tasks:\n  b: {{run: x, needs: [c]}}\n  a: {{}}\nvars: 3\n")

    assert found == [
        "3:23: needs: unknown id 'c' (there are: 'b', 'a')",
        "4:3: task 'a' does nothing: write 'run: the command' or 'agent: NAME'",
        "5:7: vars: expected a mapping, found the number 3: write {NAME: …}",
    ]


def test_a_file_that_is_not_there(project):
    with pytest.raises(PlanError, match=r"^no\.plan\.yaml: cannot be read: No such file or directory$"):
        read_plan(project / "no.plan.yaml", root=project, cwd=project, kinds={}, critic_kinds={})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"orchharness: 1\ntasks: \xff\n", "2:8: this is not UTF-8: save the file as UTF-8"),
        (b"a: \0\0", "1:4: this is no text file: it holds NUL bytes"),
        (b"\x89PNG\r\n\x1a\n\0", "3:1: this is no text file: it holds NUL bytes"),
        (b"# " + b"x" * (5 << 20), "1:1: larger than 5 MiB: a plan is a text that people read"),
        (b"a: " + b"[" * 50_000, "1:103: nested more than 100 deep"),
        (b"{a: " * 50_000, "1:401: nested more than 100 deep"),
        (b"- " * 50_000, "1:201: nested more than 100 deep"),
    ],
    ids=["latin-1", "NUL", "a picture", "too large", "brackets", "braces", "dashes"],
)
def test_a_file_that_is_no_plan(problems, data, message):
    assert problems(data) == [message]


def test_aliases_cannot_grow_without_bound(problems):
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )

    assert problems(bomb) == ["6:15: the aliases of this file stand for too much: write less with them"]


def test_aliases_cannot_be_nested_too_deeply(problems):
    deep = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 120))

    assert problems(deep) == ["100:12: the aliases of this file stand for too much: write less with them"]


def test_a_small_alias_is_welcome(read):
    plan = read(f"{ONE}tasks:\n  a: {{run: x, retry: &r {{attempts: 2}}}}\n  b: {{run: y, retry: *r}}\n")

    assert plan.tasks["b"].retry.attempts == 2


def test_more_than_100000_tasks_are_refused(problems):
    text = f"{ONE}tasks:\n" + "".join(f" t{n}: {{run: x}}\n" for n in range(100_001))

    assert problems(text) == ["2:1: more than 100000 tasks: split the plan"]


def test_thousands_of_problems_are_cut_off(problems):
    text = f"{ONE}tasks:\n" + "".join(f" t{n}: {{run: x, needs: [nobody{n}]}}\n" for n in range(3_000))
    found = problems(text)

    assert len(found) == 1001
    assert "1002:25: more than 1000 problems: the others are not shown" in found[-2:]


def test_ten_thousand_tasks_are_read_in_time(read):
    text = f"{ONE}tasks:\n  s00000: {{run: [/bin/true]}}\n" + "".join(
        f'  s{n:05d}: {{run: ["/bin/true"], needs: [s{n - 1:05d}]}}\n' for n in range(1, 10_000)
    )
    start = time.process_time()
    plan = read(text)
    took = time.process_time() - start

    assert len(plan.tasks) == 10_000
    assert took < 3  # measured: 0.6; the limit is generous because machines of tests are slow


def test_a_long_chain_of_writers_of_one_file_is_checked_in_time(read):
    text = f"{ONE}tasks:\n  s0: {{run: x, writes: [f]}}\n" + "".join(
        f"  s{n}: {{run: x, writes: [f, 'd{n}/*.md'], needs: [s{n - 1}]}}\n" for n in range(1, 3_000)
    )
    start = time.process_time()
    read(text)

    assert time.process_time() - start < 3


def test_a_plain_plan_imports_nothing_heavy(project):
    (project / "x.plan.yaml").write_text(f"{ONE}tasks: {{a: {{run: [echo, '{{{{ plan_dir }}}}']}}}}\n")
    code = (
        "import sys; from pathlib import Path; from orchharness.planfile import read_plan\n"
        "assert 'yaml' not in sys.modules\n"
        f"p = Path({str(project)!r}); read_plan(p / 'x.plan.yaml', root=p, kinds={{}}, critic_kinds={{}})\n"
        "print([m for m in ('pydantic', 'jinja2', 'rich', 'asyncio', 'subprocess', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("No", "No"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-12", -12),
        ("012", 12),
        ("0o17", 15),
        ("0x1f", 31),
        ("1_000", "1_000"),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", float("-inf")),
        ("2026-01-31", "2026-01-31"),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_words_mean_what_yaml_1_2_says(text, value):
    assert Scalar(1, 1, text, plain=True).value == value
    assert type(Scalar(1, 1, text, plain=True).value) is type(value)


def test_every_key_and_value_knows_its_place():
    tree = read_tree("a:\n  b: [x, 'y z']\nc: |\n  text\n", Problems("x"))
    key, value = tree.entries["a"][1].entries["b"]

    assert (key.line, key.column, value.line, value.column) == (2, 3, 2, 6)
    assert [(item.line, item.column) for item in value.items] == [(2, 7), (2, 10)]
    assert to_python(tree) == {"a": {"b": ["x", "y z"]}, "c": "text\n"}


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a.md", "a.md", True),
        ("a.md", "b.md", False),
        ("*.md", "a.md", True),
        ("*.md", "docs/a.md", False),
        ("**", "docs/a.md", True),
        ("**/*.md", "a.md", True),
        ("docs/**/a.md", "docs/a.md", True),
        ("docs/**/a.md", "docs/x/y/a.md", True),
        ("docs/**", "src/**", False),
        ("docs", "docs/a.md", True),
        ("docs/*.md", "docs/a*", True),
        ("a*c", "*b", False),
        ("a*", "*b", True),
        ("[ab].md", "b.md", True),
        ("?.md", "ab.md", False),
        ("src/*/x", "src/y/*", True),
        ("**/a/**", "b/**/c", True),
    ],
)
def test_two_patterns_meet_when_one_file_can_match_both(one, other, meet):
    assert may_meet(one, other) is meet
    assert may_meet(other, one) is meet


@pytest.mark.parametrize(
    "template",
    [
        "{{ " + "(" * 5_000 + ")" * 5_000 + " }}",
        "{{ " + "9" * 5_000 + " }}",
        "{% for x in vars %}",
        "{{ a.b.c[",
        "{% include 'x' %}",
        "{{ ''.__class__ }}{{ x }}",
        "{% block a %}{% endblock %}{% block a %}{% endblock %}",
        "{# x",
    ],
)
def test_a_hostile_template_is_a_problem_with_a_place(problems, template):
    assert problems(f"{ONE}tasks: {{a: {{run: [echo, '{template.replace(chr(39), chr(39) * 2)}']}}}}\n")
    assert problems(f"{ONE}tasks: {{a: {{run: x, cwd: '{template.replace(chr(39), chr(39) * 2)}'}}}}\n")


def test_a_template_of_a_path_cannot_grow_without_bound(problems):
    text = "{{ 'x' " + "| replace('x', 'xxxxxxxxxx') " * 20 + "}}"

    assert problems(f'{ONE}tasks: {{a: {{run: x, cwd: "{text}"}}}}\n') == [
        "2:26: cwd: template: replace makes too much of it"
    ]


def test_yaml_without_its_c_parser_gives_the_same(read, problems, monkeypatch):
    import yaml

    text = f"{ONE}tasks:\n  a: {{run: [echo, 1:30], needs: [b]}}\n  b: {{run: 'x'}}\n"
    with_c = read(text)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)

    assert read(text) == with_c
    assert problems(b"a: " + b"[" * 50_000) == ["1:103: nested more than 100 deep"]
    assert problems(f'{ONE}tasks: {{a: {{run: "\\uD800"}}}}\n') == [
        "2:18: this text holds half of a character (a lone surrogate)"
    ]


def test_what_a_plan_holds_moves_no_cursor_in_a_message(problems):
    assert problems('orchharness: 1\ntasks: {a: "\\e[31mred"}\n') == [
        "2:12: a task: expected a mapping, found the text '\\x1b[31mred': write {run: \\x1b[31mred}",
    ]
