"""The options of agent kind `claude`."""

from typing import Annotated, Literal

from pydantic import Field

from orchharness import ClientOptions

Tool = Annotated[str, Field(pattern=r"^[A-Za-z*]")]
Folder = Annotated[str, Field(pattern=r"^[^-]")]


class Claude(ClientOptions):
    """Options of agent kind `claude`."""

    permission_mode: Literal["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "plan"] = (
        Field(
            "acceptEdits",
            description="what the agent may do unasked; nobody is there to ask, so the rest is denied",
        )
    )
    allowed_tools: list[Tool] = Field(
        default_factory=list, description="tools that are allowed besides, as `Bash(git log:*)` or `WebFetch`"
    )
    denied_tools: list[Tool] = Field(
        default_factory=list, description="tools that are taken away, whatever else is said"
    )
    denials: Literal["fail", "note"] = Field(
        "fail",
        description="what a denied tool does to the act: `fail`, or a `note` where the agent may find another way",
    )
    add_dirs: list[Folder] = Field(
        default_factory=list,
        description="folders that tools may use besides the task's own and its inputs and outputs",
    )
    system_prompt: str | None = Field(None, description="in place of the client's system prompt")
    append_system_prompt: str | None = Field(None, description="after the client's system prompt")
    max_turns: int | None = Field(
        None, ge=1, description="turns after which the client stops, and the act fails"
    )
    max_budget_usd: float | None = Field(
        None, gt=0, description="USD of one act after which the client stops, and it fails"
    )
