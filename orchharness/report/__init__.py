"""The report of a run: one self-contained HTML file, made from the plan and the journal's records alone."""

from orchharness.report.render import render, write_report
from orchharness.report.view import ReportView, build

__all__ = ["ReportView", "build", "render", "write_report"]
