"""The report of a run: one self-contained HTML file, made from the plan, the journal and what lies beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchharness.report.material import Places
    from orchharness.report.render import Extras, write_report
    from orchharness.report.view import ReportView, build

__all__ = [
    "Extras",
    "Places",
    "ReportView",
    "build",
    "write_report",
]  # not `render`: the module of that name would stand in its place
_HOME = {
    "Extras": "render",
    "Places": "material",
    "write_report": "render",
    "ReportView": "view",
    "build": "view",
}


def __getattr__(name: str) -> Any:
    """The names are looked up when they are used: a run needs the words of `report.text` long before a report."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
