"""From what critics said to a verdict: exact arithmetic, and nothing but an evaluation is a score."""

from __future__ import annotations

from decimal import Decimal, getcontext, localcontext

import pytest
from build import critic, gate
from hypothesis import given
from hypothesis import strategies as st

from orchharness.core import gating
from orchharness.core.gating import Judged, NotAnEvaluationError
from orchharness.core.plan import Combine

TEN = critic(criteria={f"c{n}": "0.1" for n in range(10)})
TWO = critic(criteria={"a": "0.1", "b": "0.9"})


def scored(*scores: float | str, combine: Combine = Combine.ALL) -> gating.Verdict:
    judged = [Judged(critic=f"c{n}", score=Decimal(str(s)), findings=()) for n, s in enumerate(scores)]
    return gating.decide(gate("G", "A", combine=combine), judged)


def test_ten_tenths_make_exactly_one():
    judged = gating.judge(TEN, {"criteria": dict.fromkeys(TEN.criteria, 1.0)})

    assert judged.score == 1


def test_scores_that_binary_arithmetic_gets_wrong_are_right():
    three = critic(criteria={"a": "0.1", "b": "0.2", "c": "0.7"})
    judged = gating.judge(three, {"criteria": {"a": 1, "b": 1, "c": {"score": 0}}})

    assert judged.score == Decimal("0.3")
    assert judged.score != 0.1 + 0.2


def test_a_threshold_reached_exactly_passes():
    judged = gating.judge(TWO, {"criteria": {"a": 0.9, "b": 0.9}})

    assert gating.decide(gate("G", "A", threshold="0.90"), [judged]).passed
    assert not gating.decide(gate("G", "A", threshold="0.9000000000000001"), [judged]).passed


def test_a_score_a_hair_below_the_threshold_is_never_shown_as_reaching_it():
    verdict = scored("0.89999999999")

    assert (verdict.passed, verdict.reason) == (False, "0.8999 < 0.90")


@pytest.mark.parametrize(
    ("how", "expected"),
    [(Combine.ALL, "0.1"), (Combine.MIN, "0.1"), (Combine.MEAN, "0.4"), (Combine.MEDIAN, "0.3")],
)
def test_an_even_number_of_scores_is_combined_exactly(how, expected):
    assert scored(0.4, 0.1, 0.2, 0.9, combine=how).score == Decimal(expected)


def test_the_median_of_an_odd_number_is_the_middle_one():
    assert scored(0.9, 0.1, 0.4, combine=Combine.MEDIAN).score == Decimal("0.4")


def test_nobodys_decimal_context_changes_a_score():
    with localcontext() as context:
        context.prec = 2
        judged = gating.judge(TWO, {"criteria": {"a": 0.123456789, "b": 0.987654321}})

    assert judged.score == Decimal("0.9012345678")
    assert getcontext().prec == 28


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "nan, not from 0 to 1"),
        (float("inf"), "inf, not from 0 to 1"),
        (Decimal("NaN"), "Decimal('NaN'), not from 0 to 1"),
        (Decimal("sNaN"), "Decimal('sNaN'), not from 0 to 1"),
        (True, "True, not a number"),
        ("0.9", "'0.9', not a number"),
        (None, "None, not a number"),
        ([1], "[1], not a number"),
        (-0.1, "-0.1, not from 0 to 1"),
        (1.0000001, "1.0000001, not from 0 to 1"),
        (92, "92, not from 0 to 1"),
        pytest.param(10**5000, "a number of thousands of digits, not from 0 to 1", id="huge"),
        ("x" * 500, f"'{'x' * 79}…, not a number"),
    ],
)
def test_what_is_no_score_is_an_error_of_the_judge(value, problem):
    for entry in (value, {"score": value, "why": "because"}):
        with pytest.raises(NotAnEvaluationError) as caught:
            gating.judge(critic(), {"criteria": {"q": entry}})

        assert str(caught.value) == f"the score of 'q' is {problem}"


def test_a_decimal_is_a_score():
    assert gating.judge(critic(), {"criteria": {"q": Decimal("0.95")}}).score == Decimal("0.95")


@pytest.mark.parametrize(
    ("evaluation", "problem"),
    [
        ({"criteria": {"a": 1}}, "no score for 'b'"),
        ({}, "no score for 'a', 'b'"),
        ({"criteria": {"a": 1, "b": 1, "tone": 1}}, "unknown criterion 'tone'"),
        ({"criteria": {"a": 1, "tone": 1}}, "no score for 'b'; unknown criterion 'tone'"),
        (
            {"criteria": {"a": 1, "b": 1, **{f"x{n}": 1 for n in range(9)}}},
            "unknown criterion 'x0', 'x1', 'x2', 'x3', 'x4' and 4 more",
        ),
        ({"criteria": {"a": 1, "b": 1, 7: 1}}, "unknown criterion 7"),
        ({"criteria": [0.9]}, "`criteria` is [0.9], not a mapping"),
        ({"criteria": None}, "`criteria` is None, not a mapping"),
        ("fine", "it is 'fine', not a mapping"),
        (None, "it is None, not a mapping"),
    ],
)
def test_criteria_that_do_not_match_are_an_error_of_the_judge(evaluation, problem):
    with pytest.raises(NotAnEvaluationError) as caught:
        gating.judge(TWO, evaluation)

    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("findings", "problem"),
    [
        ("all fine", "`findings` is 'all fine', not a list"),
        (["bad"], "finding 1 is 'bad', not a mapping with a text `what`"),
        ([{"severity": "major"}], "finding 1 is {'severity': 'major'}, not a mapping with a text `what`"),
        ([{"what": "x"}], "finding 1 has severity None, not critical, major or minor"),
        (
            [{"what": "x", "severity": "blocker"}],
            "finding 1 has severity 'blocker', not critical, major or minor",
        ),
        (
            [{"what": "x", "severity": ["major"]}],
            "finding 1 has severity ['major'], not critical, major or minor",
        ),
    ],
)
def test_a_finding_without_a_severity_or_a_text_is_an_error_of_the_judge(findings, problem):
    for judge in (lambda e: gating.judge(critic(criteria={}), e), gating.judge_checks):
        with pytest.raises(NotAnEvaluationError) as caught:
            judge({"passed": True, "findings": findings})

        assert str(caught.value) == problem


@pytest.mark.parametrize("passed", ["yes", 1, [True]])
def test_whether_it_holds_is_true_or_false(passed):
    for judge in (lambda e: gating.judge(critic(criteria={}), e), gating.judge_checks):
        with pytest.raises(NotAnEvaluationError, match=r"`passed` is .*, not true or false"):
            judge({"passed": passed})


def test_checks_must_say_whether_they_hold():
    with pytest.raises(NotAnEvaluationError, match="the checks did not say whether they hold"):
        gating.judge_checks({})
    with pytest.raises(NotAnEvaluationError, match="it is 3, not a mapping"):
        gating.judge_checks(3)


def test_a_critic_with_criteria_is_taken_by_its_scores_alone():
    judged = gating.judge(critic(), {"criteria": {"q": 1}, "passed": "of course not"})

    assert (judged.passed, judged.score) == (None, 1)


def test_a_failed_check_without_a_finding_is_still_a_failed_check():
    verdict = gating.decide(gate("G", "A"), [gating.judge_checks({"passed": False})])

    assert (verdict.passed, verdict.reason) == (False, "check failed")


def test_a_finding_without_words_is_shown_as_a_question_mark():
    said = gating.judge_checks({"passed": False, "findings": [{"severity": "major", "what": " \n "}]})

    assert gating.decide(gate("G", "A"), [said]).reason == "check failed: ?"


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ("1", "1.00"),
        ("0", "0.00"),
        ("0.9", "0.90"),
        ("0.90", "0.90"),
        ("0.855", "0.855"),
        ("0.12345", "0.1234"),
        ("0.99999", "0.9999"),
        ("0.00001", "0.00"),
        ("1E-30", "0.00"),
        ("-0.0", "-0.00"),
    ],
)
def test_scores_are_cut_and_never_rounded_up(score, text):
    assert gating.as_text(Decimal(score)) == text


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.sampled_from(Combine))
def test_a_combined_score_lies_between_the_least_and_the_greatest(scores, how):
    score = scored(*scores, combine=how).score
    exact = [Decimal(str(s)) for s in scores]

    assert min(exact) <= score <= max(exact)


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10))
def test_the_weighted_sum_is_what_fractions_say(scores):
    from fractions import Fraction

    judged = gating.judge(TEN, {"criteria": dict(zip(TEN.criteria, scores, strict=True))})
    exact = sum(Fraction(1, 10) * Fraction(repr(s)) for s in scores)

    assert abs(Fraction(judged.score) - exact) < Fraction(1, 10**40)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_anything_a_critic_says_is_an_evaluation_or_an_error_and_never_a_crash(said):
    for evaluation in (
        said,
        {"criteria": said},
        {"criteria": {"q": 1}, "findings": said},
        {"criteria": {"q": 1}, "total": said},
    ):
        for judge in (
            lambda e: gating.judge(critic(), e),
            lambda e: gating.judge(critic(criteria={}), e),
            gating.judge_checks,
        ):
            try:
                judged = judge(evaluation)
            except NotAnEvaluationError:
                continue

            assert judged.score is None or 0 <= judged.score <= 1
