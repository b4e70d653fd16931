"""The process of one judgement: `python -m orchharness.critics.act FOLDER`.

Reads `critic-request.json`, asks the critic, leaves `evaluation.json`. Ends with 0, or with 1 and the reason on
stderr: one line for what is wrong with the critic's work, a traceback for a bug. Where the engine behind the critic
takes no work or refuses the key, it says so as an agent does, in `agent-result.json`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from orchharness import private
from orchharness.core.acts import Evaluation
from orchharness.critics.evaluation import to_record
from orchharness.critics.request import host_for, read_request
from orchharness.errors import EngineTroubleError, OrchError


def main(words: list[str]) -> int:
    """Judge; the exit status."""
    if len(words) != 1:
        print("usage: python -m orchharness.critics.act FOLDER", file=sys.stderr)  # noqa: T201
        return 2
    folder = Path(words[0])
    try:
        asked = read_request(folder)
        _keep(folder, host_for(asked).critic(asked.request))
    except EngineTroubleError as error:
        _keep_trouble(folder, error)
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except OrchError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the act's own stderr
        return 1
    return 0


def _keep_trouble(folder: Path, error: EngineTroubleError) -> None:
    path = folder / "agent-result.json"
    known = json.loads(path.read_bytes()) if path.exists() else {}  # what it cost until then
    said = {"status": error.trouble, "retry_after": error.retry_after, "summary": str(error)}
    private.write(path, json.dumps(known | said))


def _keep(folder: Path, evaluation: Evaluation) -> None:
    try:
        text = json.dumps(to_record(evaluation), allow_nan=False, default=dict)
    except (ValueError, TypeError) as error:
        msg = f"the critic's evaluation holds what JSON cannot: {error}"
        raise OrchError(msg) from None
    part = folder / "evaluation.json.part"
    private.write(part, text)
    os.replace(part, folder / "evaluation.json")  # noqa: PTH105


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
