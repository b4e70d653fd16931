"""Runs of a plan that never happen: the real orchestrator on a virtual clock.

Pure: what a plan, earlier runs and the user say comes in as values. Nothing is spawned, nothing is written.
"""
