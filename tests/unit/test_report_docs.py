"""The page about the report says what is there."""

from __future__ import annotations

import re
from pathlib import Path

from orchharness.plugins import PluginHost
from orchharness.report import changes, graph, material
from orchharness.report.render import TITLES
from orchharness.report.tables import TaskRow
from orchharness.run import reporting

PAGE = (Path(__file__).parents[2] / "docs/report.md").read_text()


def test_its_plugin_makes_the_section_that_it_shows():
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(code, names)
    row = TaskRow(
        id="A", title="", state="passed", reason="", agent="", iterations=2, acts=2, time="3 s", detail="",
        summary="done", inputs=(), more_inputs=0, outputs=(), more_outputs=0, first="",
    )  # fmt: skip

    class View:
        tasks = (row,)

    section = names["orchharness_report_section"](View())

    assert section.title == "Tried more than once"
    assert section.parts[1].rows == (("A", "3 s", "done"),)
    plugin = type(
        "Plugin", (), {"orchharness_report_section": staticmethod(names["orchharness_report_section"])}
    )
    host = PluginHost.load([plugin], entry_points=False)
    assert host.section_plugins == ("Plugin",)


def test_its_numbers_are_those_of_the_code():
    assert f"Above {graph.MOST} items" in PAGE
    assert f"over {changes.LARGEST // 1024} kB" in PAGE
    assert f"last {material.TAIL:,} characters" in PAGE
    assert f"{material.BUDGET:,} in all" in PAGE
    assert (reporting.EVERY, reporting.REFRESH, reporting._REST) == (3.0, 5, 25)
    assert {"Timeline", "Gates", "Graph", "Artifacts", "Acts"} <= set(TITLES.values())
