"""The options of the built-in agent kinds. Imports pydantic: only plans that use such a kind pay for it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class PythonOptions(BaseModel):
    """Options of kind `python`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    call: Annotated[
        str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$", description="module:function to call")
    ]
    args: Annotated[
        list[Any] | dict[str, Any] | None, Field(description="handed to the function as `act.args`")
    ] = None
