"""Plan files: YAML → `core.plan.Plan`, with every problem of the file at its place. Nothing of the plan is run."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchharness.core.plan import EMPTY

if TYPE_CHECKING:
    from orchharness.core.acts import Kind
    from orchharness.core.plan import Plan

__all__ = ["fragments_of", "no_garbage", "read_plan"]


@contextmanager
def no_garbage() -> Iterator[None]:
    """For what builds much and drops little: looking for garbage all the while was a fifth of a large plan's time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def read_plan(  # noqa: PLR0913 - one argument for each thing that a plan's meaning depends on
    path: Path,
    *,
    root: Path,
    kinds: Mapping[str, Kind],
    critic_kinds: Mapping[str, Kind],
    variables: Mapping[str, str] = EMPTY,
    cwd: Path | None = None,
    text: bytes | None = None,
    strict: bool = False,
    files: Mapping[str, bytes] = EMPTY,
) -> Plan:
    """The plan of that file.

    Args:
        path: the plan file.
        root: the project's root, which is the workspace of a plan without `copy`.
        kinds: the installed agent kinds by name.
        critic_kinds: the installed critic kinds by name.
        variables: values given with `--orch-var`.
        cwd: where the command was typed; default: the current folder.
        text: the bytes of the file, when they are not to be read from `path`.
        strict: whether a warning is a problem.
        files: those of its fragments, by absolute path.

    Raises:
        PlanError: with all problems of the file.
    """
    # Here and not at the top: sessions without plans must not pay for what reading one needs.
    from orchharness.planfile.reading import Places, read

    places = Places(path=path, root=root, cwd=cwd or Path.cwd(), files=files)
    with no_garbage():
        return read(
            places, kinds=kinds, critic_kinds=critic_kinds, variables=variables, data=text, strict=strict
        )


def fragments_of(texts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Absolute path -> bytes of all fragments that these plans (absolute path -> bytes) include."""
    found: dict[str, bytes] = {}
    for path, text in texts.items():
        if b"include" in text:
            from orchharness.planfile.reading import included

            found |= included(Path(path), text)
    return found
