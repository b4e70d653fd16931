"""`AgentConformance`: what every agent kind must keep to, as tests. Subclass it in a file of tests, and run pytest.

Each rule has a name, which its failure says and by which it can be switched off: an engine that is no process of this
machine cannot keep to those about processes. What happens while an act runs is in `conformance_life`, how it is found again in
`conformance_found`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchharness import Finished, Lost, OrchError, Preflight, PreflightRequest, Queued, Running
from orchharness.testing.conformance_found import Found
from orchharness.testing.rules import rule, skip
from orchharness.testing.trial import Trial, plain, word_of

_COUNTS = ("input_tokens", "output_tokens")


class AgentConformance(Found):
    """The rules for an agent kind. A subclass says `plugin`, `kind`, and what acts of it are to do.

    `quick` ends by itself, with success, and repeats its prompt in its answer, its output or a file of its working
    directory. `slow` runs until it is cancelled, and has a child in a session of its own. `failing` ends without success.
    `absent` needs a client that is not installed. Each is a `Work`; a client is best a small program of your own.
    """

    @property
    def ending(self) -> tuple[str, ...]:
        """The works that end by themselves."""
        return ("quick",) if "failure" in self.unsupported else ("quick", "failing")

    # ---- before anything is spawned --------------------------------------------------------------------------

    @rule("preflight")
    def test_a_look_ahead_finds_nothing_wrong_where_the_client_is(self, trial: Trial) -> None:
        """A plan that could work is not kept from running."""
        found = self._looked(trial, "quick")

        assert not found.missing, f"`missing` of the options of `quick`: {found.missing!r}"
        assert not found.fault, f"`fault` of the options of `quick`: {found.fault!r}"

    @rule("absent")
    def test_a_client_that_is_not_there_is_told_before_anything_is_spent(self, trial: Trial) -> None:
        """What cannot be started raises, or is no success; it is not waited for."""
        if trial.host.looks_ahead(self.kind) is not None:
            found = self._looked(trial, "absent")
            assert found.missing or found.fault, (
                "orchharness_preflight finds nothing wrong: say in `missing` what is not installed, and how to install it"
            )
        request = trial.request(self.work("absent"))
        try:
            handle = trial.spawn(request)
        except OrchError:
            assert not self.processes(request), "orchharness_spawn raised, and left processes behind"
            return
        except Exception as error:
            msg = f"orchharness_spawn raised {type(error).__name__}: {error}; raise OrchError with words for the user"
            raise AssertionError(msg) from error
        result = trial.end_of(handle)

        assert isinstance(result, Lost) or not result.ok, f"there is no client, and poll says {result}"

    def _looked(self, trial: Trial, name: str) -> Preflight:
        if trial.host.looks_ahead(self.kind) is None:
            skip("preflight: the plugin does not look ahead; orchharness_preflight is not needed")
        asked = trial.request(self.work(name))
        request = PreflightRequest(
            agent="author", kind=self.kind, cwd=asked.cwd, options=asked.options, env=asked.env
        )
        found: Preflight = trial.within("orchharness_preflight", lambda: trial.host.preflight(request))
        texts = (found.missing, found.fault, found.version, *found.warnings)
        assert isinstance(found.warnings, tuple | list), (
            f"`warnings` are not several texts: {found.warnings!r}"
        )
        assert all(isinstance(text, str) for text in texts), f"not all of it is text: {found}"
        return found

    # ---- what is handed over -----------------------------------------------------------------------------------

    @rule("handle")
    def test_a_handle_is_json_and_the_same_when_it_is_read_back(self, trial: Trial) -> None:
        """It is stored, and read by processes that are not there yet."""
        handle = trial.spawn(trial.request(self.work("quick")))
        data = dict(handle.data)
        try:
            read = json.loads(json.dumps(data, allow_nan=False))
        except (TypeError, ValueError) as error:
            msg = f"its data is not JSON: {error}; keep a name or a number by which your engine finds the act again"
            raise AssertionError(msg) from None

        assert read == data, f"its data comes back from JSON as something else: {data} is then {read}"

    @rule("prompt")
    def test_the_prompt_reaches_the_work(self, trial: Trial) -> None:
        """All of it: nothing is cut off where a line ends."""
        request = trial.request(self.work("quick"))
        assert request.prompt is not None, (
            "`quick` has no prompt; switch the rule off where the kind takes none"
        )
        result = trial.end_of(trial.spawn(request))
        heard = self.heard(request.folder, request.cwd, result)

        assert word_of(request.key) in heard, (
            f"the last line of the prompt of `quick`, {request.prompt.splitlines()[-1]!r}, is in none of its answer, its "
            "output and the files in its working directory: hand all of request.prompt to the client, and let the client "
            "of the test repeat it"
        )

    def heard(self, folder: str, cwd: str, result: Finished | Lost) -> str:
        """What shows what the work was told; for a subclass to say otherwise."""
        paths = [Path(folder, "stdout.log"), Path(folder, "stderr.log"), *sorted(Path(cwd).rglob("*"))]
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
        return "\n".join([*texts, getattr(result, "answer", None) or ""])

    @rule("logs")
    def test_its_output_is_in_the_logs_of_the_act_for_its_owner_only(self, trial: Trial) -> None:
        """`orchharness logs` shows these files, and their growth is the sign of life."""
        request = trial.request(self.work("quick"))
        trial.end_of(trial.spawn(request))
        logs = [
            p for p in (Path(request.folder, f"{name}.log") for name in ("stdout", "stderr")) if p.exists()
        ]

        assert any(log.stat().st_size for log in logs), (
            "neither stdout.log nor stderr.log in request.folder holds anything: let what the client prints go there"
        )
        for log in logs:
            mode = log.stat().st_mode & 0o777
            assert not mode & 0o077, (
                f"{log.name} can be read by others (mode {mode:o}): it must have mode 600"
            )

    # ---- how it ends -------------------------------------------------------------------------------------------

    @rule("success")
    def test_it_runs_and_then_it_is_finished_and_stays_so(self, trial: Trial) -> None:
        """An answer is final: the harness stores it and does not ask again, or asks after a crash."""
        handle = trial.spawn(trial.request(self.work("quick")))
        result = trial.end_of(handle)

        assert isinstance(result, Finished), f"`quick` ends with success, and poll says {result}"
        assert result.ok, f"`quick` ends with success, and poll says {result}"
        for _ in range(3):
            again = trial.poll(handle)
            assert plain(again) == plain(result), f"poll said {result}, and asked again it says {again}"

    @rule("failure")
    def test_a_failure_is_no_success_and_says_why(self, trial: Trial) -> None:
        """`detail` is what the user reads in the report."""
        result = trial.end_of(trial.spawn(trial.request(self.work("failing"))))

        assert isinstance(result, Finished), f"`failing` ends by itself, and poll says {result}"
        assert not result.ok, f"`failing` ends without success, and poll says {result}"
        assert result.detail.strip(), (
            f"`detail` is empty: say in a sentence what went wrong, not only {result}"
        )

    @rule("answer")
    def test_what_a_finished_act_says_is_of_the_types_that_are_promised(self, trial: Trial) -> None:
        """Answer, session and usage go into the journal."""
        for name in self.ending:
            result = trial.end_of(trial.spawn(trial.request(self.work(name))))
            assert isinstance(result, Finished), f"`{name}` ends by itself, and poll says {result}"
            fault = _fault(result)

            assert not fault, f"of `{name}`: {fault}"

    @rule("exit_file")
    def test_the_exit_status_is_kept_in_a_file(self, trial: Trial) -> None:
        """It is there also when nobody watched the end."""
        for name in self.ending:
            request = trial.request(self.work(name))
            result = trial.end_of(trial.spawn(request))
            text = _text(Path(request.folder, "exit"))
            assert text.endswith("\n"), (
                f"`{name}` is over, and the file `exit` in request.folder holds {text!r}: its exit status belongs there, "
                "with a line end, also when nobody watches; LocalProcess sees to that"
            )
            assert isinstance(result, Finished), f"`{name}` ends by itself, and poll says {result}"
            assert result.exit == int(text), f"`exit` says {int(text)}, and poll says {result.exit}"
            assert name != "quick" or text == "0\n", (
                f"`{name}` ends with success, and its exit status is {text!r}"
            )

    @rule("exit_decides")
    def test_the_exit_file_is_believed_more_than_the_engine(self, trial: Trial) -> None:
        """An engine may say for a while that an act runs which is over, or forget it."""
        handle, request = self.running(trial)
        Path(request.folder, "exit").write_text("3\n")

        result = trial.poll(handle)
        assert isinstance(result, Finished), f"there is an `exit` file with status 3, and poll says {result}"
        assert not result.ok, f"there is an `exit` file with status 3, and poll says {result}"

    @rule("elsewhere")
    def test_another_process_gives_the_same_answers(self, trial: Trial) -> None:
        """A session that was ended is gone on with tomorrow."""
        handle = trial.spawn(trial.request(self.work("quick")))
        result = trial.end_of(handle)
        told = trial.elsewhere("poll", handle)["poll"]
        assert told == json.loads(json.dumps(plain(result))), (
            f"poll says {result} here and {told} in another process"
        )

    @rule("takeover")
    def test_another_process_can_watch_and_cancel_it(self, trial: Trial) -> None:
        """The session that spawned it may be gone."""
        running, _ = self.running(trial)
        told = trial.elsewhere("poll", running)["poll"]

        assert told["is"] in {Running.__name__, Queued.__name__}, f"it runs, and another process says {told}"
        assert trial.elsewhere("cancel", running)["cancel"], "another process cannot cancel it"
        trial.end_of(running)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _fault(result: Finished) -> str:
    """What is wrong with the types of an answer; empty when nothing is."""
    said: Mapping[str, Any] = plain(result)
    try:
        json.dumps(said, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"it is not JSON: {error}"
    for name in ("answer", "summary", "session"):
        if not isinstance(said[name], str | None):
            return f"`{name}` is not a text: {said[name]!r:.80}"
    if type(said["ok"]) is not bool:
        return f"`ok` is not True or False: {said['ok']!r:.80}"
    if not isinstance(said["detail"], str):
        return f"`detail` is not a text: {said['detail']!r:.80}"
    if said["exit"] is not None and type(said["exit"]) is not int:
        return f"`exit` is no exit status: {said['exit']!r:.80}"
    if said["trouble"] not in {"", "limited", "refused"} or (said["ok"] and said["trouble"]):
        return f"`trouble` is 'limited' or 'refused', of an act that is not ok: {said['trouble']!r:.80}"
    return _usage_fault(said["usage"]) or (
        "" if said["retry_after"] is None else _number_fault("retry_after", said["retry_after"])
    )


def _usage_fault(usage: Any) -> str:
    if not isinstance(usage, dict):
        return f"`usage` is no mapping: {usage!r:.80}"
    for name in _COUNTS:
        if type(usage.get(name, 0)) is not int or usage.get(name, 0) < 0:
            return f"usage[{name!r}] is no number of tokens: {usage[name]!r:.80}"
    return _number_fault("usage['usd']", usage.get("usd", 0))


def _number_fault(name: str, value: Any) -> str:
    good = type(value) in {int, float} and math.isfinite(value) and value >= 0
    return "" if good else f"`{name}` is no number of 0 or more: {value!r:.80}"
