"""An evaluation as text: read strictly, since a judge that says something else has not judged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from orchharness.core.acts import Evaluation
from orchharness.errors import OrchError

_SHOWN = 200
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL | re.IGNORECASE)


def strict_json(text: str | bytes) -> Any:
    """The JSON value.

    Raises:
        ValueError: it is not JSON, a key stands twice in an object, or a number is not finite.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        msg = "it is nested too deeply"
        raise ValueError(msg) from None


def read_evaluation(text: str) -> Evaluation:
    """The evaluation that the text is, and nothing beside it.

    Raises:
        OrchError: it is none; the message shows how the text begins.
    """
    try:
        return _evaluation(strict_json(text))
    except ValueError as error:
        msg = f"the critic did not answer with an evaluation: {error}; it wrote {shown(text)}"
        raise OrchError(msg) from None


def last_object(answer: str) -> str:
    """The text of the last JSON object in an agent's answer, alone, in a fence or after other words; else all of it."""
    answer = answer.strip()
    for text in (*reversed(_FENCE.findall(answer)), answer):
        found = _last_span(text.strip())
        if found:
            return found
    return answer


def lacking(evaluation: Evaluation, criteria: Iterable[str]) -> str:
    """What is wrong with the criteria, in words for whoever wrote them; empty when nothing is."""
    for name in criteria:
        given = evaluation.criteria.get(name)
        score: Any = given.get("score") if isinstance(given, dict) else given
        if given is None:
            return f"there is no criterion {name!r} in 'criteria'"
        if type(score) not in (int, float) or not 0 <= score <= 1:
            return f"the score of criterion {name!r} is not a number from 0 to 1"
    return ""


def to_record(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as a JSON object; what is not said is left out."""
    record: dict[str, Any] = {"criteria": dict(evaluation.criteria), "findings": list(evaluation.findings)}
    if evaluation.passed is not None:
        record["passed"] = evaluation.passed
    if evaluation.total is not None:
        record["total"] = evaluation.total
    return record


def shown(text: str) -> str:
    """The beginning of untrusted text, on one line, with everything unprintable escaped."""
    return repr(text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "") if text.strip() else "nothing"


def _evaluation(value: Any) -> Evaluation:
    # ValueError throughout: whatever is wrong with the text goes one way out.
    if not isinstance(value, dict):
        msg = f"expected a JSON object, found {_type(value)}"
        raise ValueError(msg)  # noqa: TRY004
    if not {"criteria", "findings", "passed"} & value.keys():
        msg = "it has neither 'criteria' nor 'findings' nor 'passed'"
        raise ValueError(msg)
    criteria, findings, passed = value.get("criteria", {}), value.get("findings", []), value.get("passed")
    if not isinstance(criteria, dict):
        msg = f"'criteria' must map a name to a score, found {_type(criteria)}"
        raise ValueError(msg)  # noqa: TRY004
    if not isinstance(findings, list) or not all(isinstance(finding, dict) for finding in findings):
        msg = "'findings' must be a list of objects"
        raise ValueError(msg)
    if not isinstance(passed, bool | None):
        msg = f"'passed' must be true or false, found {_type(passed)}"
        raise ValueError(msg)  # noqa: TRY004
    total = value.get("total", value.get("score"))
    return Evaluation(criteria=criteria, findings=tuple(findings), passed=passed, total=total)


def _last_span(text: str) -> str:
    decoder = json.JSONDecoder()
    found, place = "", text.find("{")
    while place >= 0:
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found = text[place:end]
        place = text.find("{", end)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"key {twice!r} stands twice in one object"
        raise ValueError(msg)
    return found


def _refuse(name: str) -> Any:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"{text} is too large"
        raise ValueError(msg)
    return number


def _type(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )
