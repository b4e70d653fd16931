"""Runs as OpenTelemetry traces. Nothing of OpenTelemetry is imported before the environment asks for it."""

from orchharness_otel.watcher import Watcher

plugin = Watcher()
