"""The options of agent kind `pi`."""

from typing import Annotated, Literal

from pydantic import Field

from orchharness import ClientOptions

Tool = Annotated[str, Field(pattern=r"^[^,\s-][^,\s]*$")]


class Pi(ClientOptions):
    """Options of agent kind `pi`."""

    provider: str | None = Field(
        None, min_length=1, description="who serves the model: `anthropic`, `openai`, or one of yours"
    )
    thinking: Literal["off", "minimal", "low", "medium", "high", "xhigh"] | None = Field(
        None, description="how much the model thinks"
    )
    allowed_tools: list[Tool] = Field(
        default_factory=list,
        description="the only tools there are, as [read, grep]; default: read, bash, edit, write",
    )
    system_prompt: str | None = Field(None, description="in place of the client's system prompt")
    append_system_prompt: str | None = Field(None, description="after the client's system prompt")
    counts_tokens: bool = Field(
        default=True,
        description="whether the provider counts tokens; an answer without them was cut, and the act fails",
    )
