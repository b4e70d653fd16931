"""The options of kind `acp`. Imports pydantic: only plans that use the kind pay for it."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from orchharness_acp.permissions import DEFAULTS

Rule = Literal["allow", "workspace", "deny"]
ToolKind = Literal[
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"
]


def _words(value: Any) -> Any:
    return shlex.split(value) if isinstance(value, str) else value


def _form(value: Any) -> str:
    return "by kind" if isinstance(value, dict) else "for all"


# Told apart by their form: of a wrong value one fault is told, not one for each form.
Permissions = Annotated[
    Annotated[Rule, Tag("for all")] | Annotated[dict[ToolKind, Rule], Tag("by kind")], Discriminator(_form)
]


class Acp(BaseModel):
    """Options of agent kind `acp`."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[list[str], BeforeValidator(_words), Field(min_length=1)] = Field(
        description="how the agent is started: a list of words, or a text that is split as a shell would, without a shell"
    )
    permissions: Permissions = Field(
        default_factory=lambda: dict(DEFAULTS),  # type: ignore[arg-type]
        description="what is answered when the agent asks: allow, deny, or workspace (only where every path that is named "
        "lies in the working folder); for all, or by kind of tool: kinds that are not named keep their default",
    )
    mode: str | None = Field(
        None, min_length=1, description="the session's mode, by the id that the agent gives it"
    )
    call_timeout: float = Field(
        60,
        gt=0,
        le=3600,
        description="seconds in which the agent must answer each call but the prompt itself",
    )
