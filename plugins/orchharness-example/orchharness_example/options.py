"""The options of the kinds: unknown or wrong ones are refused with their place in the plan."""

from pydantic import BaseModel, ConfigDict, Field


class Fill(BaseModel):
    """Options of agent kind `fill`."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description="what to answer; {prompt} stands for the task's prompt")
    seconds: float = Field(0.0, ge=0, description="how long to think about it")


class WordList(BaseModel):
    """Options of critic kind `wordlist`."""

    model_config = ConfigDict(extra="forbid")

    forbid: list[str] = Field(min_length=1, description="words that must not be in an artifact")
