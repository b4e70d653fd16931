"""The options of kind `scripted`. Imports pydantic: only plans that use the kind pay for it."""

from __future__ import annotations

import signal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

# What an action means that is written as one word.
_BARE: dict[str, Any] = {
    "babble": 0.0,
    "exit": 1,
    "fork": "child",
    "garbage": "binary",
    "hang": None,
    "ignore": ["TERM"],
    "lie": None,
    "limited": None,
    "refused": "401",
    "signal": "KILL",
    "write": None,
}


def _fault(text: str) -> PydanticCustomError:
    return PydanticCustomError("scripted", text.replace("{", "{{").replace("}", "}}"))


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


def _as_action(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in _BARE:
        raise _fault(f"there is no action {value!r} in one word: {', '.join(_BARE)}")
    return {value: _BARE[value]}


def _signal(value: str) -> str:
    name = value.upper().removeprefix("SIG")
    if not hasattr(signal, f"SIG{name}"):
        raise _fault(f"there is no signal {value!r}")
    return name


Seconds = Annotated[float, Field(ge=0)]
Signal = Annotated[str, BeforeValidator(_signal)]
Texts = dict[str, str]


class _Action(BaseModel):
    """One thing that is done: exactly one key."""

    model_config = ConfigDict(extra="forbid")

    append: Texts | None = Field(None, description="add these texts to these files")
    babble: Seconds | None = Field(None, description="print without end, with pauses of so many seconds")
    exit: Annotated[int, Field(ge=0, le=255)] | None = Field(None, description="end at once with this status")
    fork: Literal["child", "session", "daemon"] | None = Field(None, description="leave a process behind")
    hang: None = Field(None, description="do nothing, for ever")
    ignore: Annotated[list[Signal], BeforeValidator(_as_list)] | None = Field(
        None, description="signals that it does not end of"
    )
    limited: Seconds | None = Field(
        None, description="say that its engine takes no work, for so many seconds where a number is given"
    )
    refused: str | None = Field(None, description="say that its engine does not know the caller, and why")
    say: str | None = Field(None, description="print this")
    signal: Signal | None = Field(None, description="send itself this signal")
    sleep: Seconds | None = Field(None, description="do nothing for so many seconds")
    slow: Seconds | None = Field(None, description="take so many seconds, and show signs of life")
    wait: str | None = Field(None, description="do nothing until there is a file of that path")
    write: Texts | None = Field(None, description="write these texts to these outputs or paths")

    @model_validator(mode="after")
    def _one(self) -> _Action:
        if len(self.model_fields_set) != 1:
            raise _fault("an action has one key; write several actions as a list")
        return self

    @model_serializer
    def _key(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class AgentAction(_Action):
    """What an agent can do."""

    garbage: Literal["binary", "json", "truncated", "empty"] | None = Field(
        None, description="write this kind of garbage to every declared output"
    )
    lie: None = Field(None, description="claim success and write nothing")
    result: dict[str, Any] | str | None = Field(
        None, description="leave this in ORCH_RESULT; a text as it is"
    )
    score: Any = Field(None, description="write this score for its own work wherever one could be looked for")


class CriticAction(_Action):
    """What a critic can do."""

    answer: str | None = Field(None, description="answer with this text instead of an evaluation")
    evaluation: dict[str, Any] | None = Field(None, description="answer with this instead of scores")
    findings: list[dict[str, Any]] | None = Field(None, description="the findings of its evaluation")
    score: Any = Field(None, description="one score for all criteria, or one for each")
    total: Any = Field(None, description="the total that it states")


class _Rule(BaseModel):
    """When something is done. What is not given fits every act."""

    model_config = ConfigDict(extra="forbid")

    gate: Annotated[list[str], BeforeValidator(_as_list)] | None = None
    iteration: Annotated[list[int], BeforeValidator(_as_list)] | None = None
    attempt: Annotated[list[int], BeforeValidator(_as_list)] | None = None


class AgentRule(_Rule):
    """A rule of an agent's script."""

    task: Annotated[list[str], BeforeValidator(_as_list)] | None = None
    do: Annotated[list[Annotated[AgentAction, BeforeValidator(_as_action)]], BeforeValidator(_as_list)]


class CriticRule(_Rule):
    """A rule of a critic's script."""

    sample: Annotated[list[int], BeforeValidator(_as_list)] | None = None
    do: Annotated[list[Annotated[CriticAction, BeforeValidator(_as_action)]], BeforeValidator(_as_list)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    starts: str | None = Field(
        None, description="the file that gets one line for each start, beside the plan"
    )


class Agent(_Options):
    """Options of agent kind `scripted`."""

    script: Annotated[list[AgentRule], BeforeValidator(_as_list)] = Field(
        default=[], description="the first rule that fits says what is done"
    )


class Critic(_Options):
    """Options of critic kind `scripted`."""

    script: Annotated[list[CriticRule], BeforeValidator(_as_list)] = Field(
        default=[], description="the first rule that fits says what is done"
    )
    scores: list[Any] = Field(default=[1.0], min_length=1, description="the score of each iteration")
