"""What a plan will do, told before anything is spent: what runs at once, what bounds it, what is spawned.

Rules that hold here:
  * Everything follows from the `Plan` alone: no files, no clock, nothing is run or asked.
  * Nothing here forbids anything. It is advice, with the reasons beside it.
  * Times are the plan's own estimates. A task without one is named, never guessed in silence.
"""

from __future__ import annotations

from orchharness.explain.analysis import explain
from orchharness.explain.facts import Explanation
from orchharness.explain.formats import FORMATS, render

__all__ = ["FORMATS", "Explanation", "explain", "render"]
