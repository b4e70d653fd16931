"""The options that all clients on a command line have. Imports pydantic: only plans that use such a kind pay for it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _plain_environment(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            msg = f"{name!r} is no name of an environment variable"
            raise ValueError(msg)
        if name.startswith("ORCH_"):
            msg = f"{name!r}: names with ORCH_ are the harness's own"
            raise ValueError(msg)
        if "${" in value:
            msg = f"{name!r}: the client inherits the caller's environment; values of it are named in the `env` of a task"
            raise ValueError(msg)
    return env


class ClientOptions(BaseModel):
    """Options of every agent that is a client on a command line; a kind adds its own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = Field(
        None, min_length=1, description="the model, as the client names it; default: the client's own"
    )
    program: str | None = Field(
        None,
        min_length=1,
        description="the program to execute: a name on the PATH, or a path; default: the client's name",
    )
    args: list[str] = Field(
        default_factory=list, description="more words for the command line, before the prompt"
    )
    env: Annotated[dict[str, str], AfterValidator(_plain_environment)] = Field(
        default_factory=dict,
        description="environment variables of the client; not for secrets: they are in the plan",
    )
