"""The options of agent kind `codex`."""

from typing import Literal

from pydantic import Field

from orchharness import ClientOptions


class Codex(ClientOptions):
    """Options of agent kind `codex`."""

    sandbox: Literal["read-only", "workspace-write", "danger-full-access"] = Field(
        "workspace-write",
        description="what commands of the agent may touch; what is beyond it is denied, nobody is asked",
    )
    network: bool = Field(
        default=False, description="whether commands in the sandbox `workspace-write` reach the network"
    )
    add_dirs: list[str] = Field(
        default_factory=list,
        description="folders that commands may write to besides the task's own and its outputs'",
    )
    profile: str | None = Field(
        None, min_length=1, description="a profile of the user's configuration of codex"
    )
    effort: str | None = Field(
        None, min_length=1, description="how much the model thinks: `low`, `medium`, `high`, …"
    )
    append_system_prompt: str | None = Field(None, description="instructions after the client's own")
