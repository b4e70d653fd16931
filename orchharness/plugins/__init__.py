"""The plugins of a session: who offered which kind, and calls that reach that plugin alone."""

from __future__ import annotations

from orchharness.plugins.host import PluginHost

__all__ = ["PluginHost"]
