import pytest

from orchharness.core.acts import Evaluation
from orchharness.critics.evaluation import lacking, last_object, read_evaluation, to_record
from orchharness.errors import OrchError

GOOD = '{"criteria": {"clarity": {"score": 0.8, "why": "w"}}, "findings": [{"severity": "minor", "what": "x"}], "total": 0.8}'


def test_an_evaluation_is_read_as_it_was_said():
    evaluation = read_evaluation(GOOD)

    assert evaluation == Evaluation(
        criteria={"clarity": {"score": 0.8, "why": "w"}},
        findings=({"severity": "minor", "what": "x"},),
        total=0.8,
    )
    assert read_evaluation('{"passed": false}') == Evaluation(passed=False)
    assert to_record(Evaluation(passed=True)) == {"criteria": {}, "findings": [], "passed": True}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Expecting value: line 1 column 1 (char 0); it wrote nothing"),
        ("Looks good!", "Expecting value: line 1 column 1 (char 0); it wrote 'Looks good!'"),
        ("\x1b[31m{", "Expecting value: line 1 column 1 (char 0); it wrote '\\x1b[31m{'"),
        (
            '{"passed": true} and more',
            "Extra data: line 1 column 18 (char 17); it wrote '{\"passed\": true} and more'",
        ),
        (
            '{"passed": true, "passed": false}',
            "key 'passed' stands twice in one object; it wrote '{\"passed\": true, \"passed\": false}'",
        ),
        ('{"criteria": {"a": NaN}}', 'NaN is no JSON number; it wrote \'{"criteria": {"a": NaN}}\''),
        (
            '{"criteria": {"a": -Infinity}}',
            '-Infinity is no JSON number; it wrote \'{"criteria": {"a": -Infinity}}\'',
        ),
        ('{"criteria": {"a": 1e999}}', '1e999 is too large; it wrote \'{"criteria": {"a": 1e999}}\''),
        ("[1]", "expected a JSON object, found a list; it wrote '[1]'"),
        ("0.95", "expected a JSON object, found a number; it wrote '0.95'"),
        ('{"score": 1}', "it has neither 'criteria' nor 'findings' nor 'passed'; it wrote '{\"score\": 1}'"),
        (
            '{"criteria": [1]}',
            "'criteria' must map a name to a score, found a list; it wrote '{\"criteria\": [1]}'",
        ),
        ('{"findings": ["x"]}', "'findings' must be a list of objects; it wrote '{\"findings\": [\"x\"]}'"),
        ('{"passed": 1}', "'passed' must be true or false, found a number; it wrote '{\"passed\": 1}'"),
        ("[" * 100_000, f"it is nested too deeply; it wrote {'[' * 200!r}…"),
    ],
)
def test_anything_else_is_an_error_that_shows_what_was_written(text, fault):
    with pytest.raises(OrchError) as caught:
        read_evaluation(text)

    assert str(caught.value) == f"the critic did not answer with an evaluation: {fault}"


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"\n{GOOD}\n",
        f"Here it is:\n```json\n{GOOD}\n```\nDone.",
        f"```\n{GOOD}\n```",
        f'First I thought {{"criteria": {{}}}} but then:\n{GOOD}',
        f"Use {{braces}} and f{{}} with care.\n{GOOD} Thanks!",
        f'```json\n{{"criteria": {{}}}}\n```\nOn second thought:\n```JSON\n{GOOD}\n```',
    ],
)
def test_the_last_object_of_an_answer_is_the_evaluation(answer):
    assert last_object(answer) == GOOD


def test_an_answer_without_an_object_stays_as_it_is():
    assert last_object(" no {object} here ") == "no {object} here"
    assert last_object('{"a": ' * 20_000).startswith('{"a"')


def test_missing_and_impossible_scores_are_named():
    evaluation = Evaluation(criteria={"a": {"score": 1.5}, "b": 0.5, "c": {"score": True}, "d": {"why": "w"}})

    assert lacking(evaluation, ["b"]) == ""
    assert lacking(evaluation, ["b", "x"]) == "there is no criterion 'x' in 'criteria'"
    for name in ("a", "c", "d"):
        assert lacking(evaluation, [name]) == f"the score of criterion {name!r} is not a number from 0 to 1"
