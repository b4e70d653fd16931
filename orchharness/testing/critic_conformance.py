"""`CriticConformance`: what every critic kind must keep to, as tests. Subclass it in a file of tests, and run pytest."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from orchharness import CriticRequest
from orchharness.testing.rules import Conformance, rule
from orchharness.testing.trial import Trial

_SEVERITIES = ("critical", "major", "minor")
_TEXTS = MappingProxyType({"guide.text": "A guide.\n\nIt has some words, and a second paragraph.\n"})


class CriticConformance(Conformance):
    """The rules for a critic kind. A subclass says `plugin`, `kind`, `options`, and what is to be judged.

    `artifacts` maps `TASK.output` to a text; `criteria` are the names that the gate wants scores of.
    """

    role: ClassVar[str] = "critic"
    options: Mapping[str, Any] = MappingProxyType({})
    artifacts: Mapping[str, str] = _TEXTS
    criteria: tuple[str, ...] = ("clarity",)

    def sample_options(self) -> Mapping[str, Any]:
        """Options that are right."""
        return self.options

    def request(self, trial: Trial) -> CriticRequest:
        """A judgement of the artifacts, whose copies are read-only files."""
        folder = trial.folder / "judgement"
        copies = {}
        for name, text in self.artifacts.items():
            copy = folder / "artifacts" / name / "1.txt"
            copy.parent.mkdir(parents=True)
            copy.write_text(text, encoding="utf-8")
            copy.chmod(0o444)
            copies[name] = (str(copy),)
        return CriticRequest(
            key=secrets.token_hex(16),
            act="G-guide.i1.conformance.a1",
            gate="G-guide",
            critic="conformance",
            kind=self.kind,
            iteration=1,
            folder=str(folder),
            cwd=str(trial.folder),
            workspace=str(trial.folder),
            criteria=self.criteria,
            artifacts=copies,
            options=self.checked(trial.host, self.options),
        )

    def judged(self, trial: Trial) -> dict[str, Any]:
        """The evaluation, given by a process of its own, as in a run."""
        found: dict[str, Any] = trial.elsewhere("critic", self.request(trial))["evaluation"]
        return found

    @rule("scores")
    def test_every_criterion_of_the_gate_has_a_score(self, trial: Trial) -> None:
        """A score that is missing, or no number from 0 to 1, is an error of the judgement."""
        found = self.judged(trial)
        if isinstance(found["passed"], bool) and not found["criteria"]:
            return  # it only holds or does not hold
        for name in self.criteria:
            given = found["criteria"].get(name)
            score: Any = given.get("score") if isinstance(given, dict) else given
            good = type(score) in {int, float} and math.isfinite(score) and 0 <= score <= 1

            assert good, (
                f"criterion {name!r} has no score from 0 to 1, but {score!r:.80}: give one for each of request.criteria"
            )

    @rule("findings")
    def test_findings_say_what_is_wrong_and_of_which_task(self, trial: Trial) -> None:
        """They are what the next iteration is given."""
        found = self.judged(trial)
        json.dumps(found, allow_nan=False)
        tasks = {name.partition(".")[0] for name in self.artifacts}
        for finding in found["findings"]:
            assert isinstance(finding, dict), f"a finding is no mapping: {finding!r:.80}"
            what, task = finding.get("what"), finding.get("task")
            assert isinstance(what, str), f"a finding does not say `what`: {finding!r:.200}"
            assert what.strip(), f"a finding does not say `what`: {finding!r:.200}"
            severity = finding.get("severity")
            assert severity in _SEVERITIES, (
                f"a finding has severity {severity!r}, not {', '.join(_SEVERITIES)}"
            )
            assert task is None or task in tasks, (
                f"a finding is about task {task!r}; judged are {sorted(tasks)}"
            )

    @rule("artifacts")
    def test_what_is_judged_is_not_changed(self, trial: Trial) -> None:
        """Another critic judges the same copies."""
        request = self.request(trial)
        before = _digests(request)
        trial.elsewhere("critic", request)

        assert _digests(request) == before, (
            "it changed, added or removed a file beside the artifacts that it judges"
        )


def _digests(request: CriticRequest) -> dict[str, str]:
    root = Path(request.folder, "artifacts")
    return {str(p): sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}
