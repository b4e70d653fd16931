"""A plugin whose engine is no process of this machine: a folder of jobs, which somebody works off elsewhere."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from pathlib import Path

from orchharness import (
    Finished,
    Handle,
    Kind,
    OrchError,
    PollResult,
    Running,
    SpawnRequest,
    Unknown,
    hookimpl,
)


def _options():
    from pydantic import create_model

    return create_model("Job", __config__={"extra": "forbid"}, queue=(str, ...), does=(str, "answer"))


@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="queue", options=_options)]


@hookimpl
def orchharness_spawn(request: SpawnRequest) -> Handle:
    queue = Path(request.options["queue"])
    if not queue.is_dir():
        msg = f"there is no queue {str(queue)!r}"
        raise OrchError(msg)
    with suppress(FileExistsError), (queue / f"{request.key}.job").open("x") as job:
        json.dump({"does": request.options["does"], "prompt": request.prompt}, job)
    return Handle(kind="queue", data={"queue": str(queue), "job": request.key})


@hookimpl
def orchharness_poll(handle: Handle) -> PollResult:
    queue, job = Path(handle.data["queue"]), handle.data["job"]
    if not queue.is_dir():
        return Unknown("the queue does not answer")
    with suppress(FileNotFoundError):
        said = json.loads((queue / f"{job}.end").read_text())
        return Finished(ok=said["ok"], detail=said["detail"], answer=said["answer"])
    return Running()


@hookimpl
def orchharness_cancel(handle: Handle) -> bool:
    queue, job = Path(handle.data["queue"]), handle.data["job"]
    if not queue.is_dir():
        return False
    _end(queue, job, ok=False, detail="cancelled")
    return True


def work_off(queue: Path, stop: threading.Event) -> None:
    """What the engine does, until it is stopped."""
    while not stop.is_set():
        for path in queue.glob("*.job"):
            with suppress(ValueError):  # half written
                job = json.loads(path.read_text())
                if job["does"] == "answer":
                    _end(queue, path.stem, ok=True, answer=job["prompt"])
                elif job["does"] == "fail":
                    _end(queue, path.stem, ok=False, detail="it cannot be done")
        time.sleep(0.02)


def _end(queue: Path, job: str, **said) -> None:
    """The first end of a job is the one that stays, and it is there as a whole."""
    part = queue / f"{job}.{threading.get_ident()}"
    part.write_text(json.dumps({"detail": "", "answer": None, **said}))
    with suppress(FileExistsError):
        (queue / f"{job}.end").hardlink_to(part)
    part.unlink()  # written again, it would be the end that is written
