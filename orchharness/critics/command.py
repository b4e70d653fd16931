"""Critic kind `command`: a program that prints an evaluation, or writes it to the file `ORCH_RESULT` names."""

from __future__ import annotations

from pathlib import Path

from orchharness.core.acts import CriticRequest, Evaluation
from orchharness.critics.evaluation import read_evaluation
from orchharness.critics.execute import Job, ending, environment, run
from orchharness.errors import OrchError

_LIMIT = 4 << 20  # bytes of an evaluation


def judge(request: CriticRequest) -> Evaluation:
    """Run the critic's command; what it printed on stderr is in the act's log.

    Raises:
        OrchError: it cannot be started, ended with failure, or its answer is no evaluation.
    """
    env = environment(request.env)
    log = Path(request.folder, "critic-stdout.log")
    status = run(Job(argv=request.argv, shell=request.shell, cwd=request.cwd, env=env, log=log))
    if status:
        msg = f"critic {request.critic!r}: its command ended with {ending(status)}"
        raise OrchError(msg)
    written = env.get("ORCH_RESULT", "")
    return read_evaluation((_text(Path(written)) if written else "") or _text(log))


def _text(path: Path) -> str:
    if not path.is_file():
        return ""
    if path.stat().st_size > _LIMIT:
        msg = f"the critic's answer is larger than {_LIMIT // (1 << 20)} MiB"
        raise OrchError(msg)
    text = path.read_text(encoding="utf-8", errors="replace")
    return text if text.strip() else ""
