"""The plugins of a session: who offered which kind, and calls that reach that plugin alone.

Built-in kinds are plugins like any other, loaded by dotted name, so that nothing here depends on them.
Once the kinds are known the set of plugins is closed: a plan was checked against exactly these.
A hook that hangs is not interrupted here: whoever calls holds the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy

from orchharness import hookspecs
from orchharness.core.acts import (
    CriticRequest,
    Evaluation,
    Finished,
    Handle,
    Kind,
    Lost,
    Preflight,
    Queued,
    Running,
    Unknown,
)
from orchharness.core.section import Section, Text
from orchharness.errors import PluginError
from orchharness.hookspecs import HOOKS, PROJECT
from orchharness.plugins.offers import Offer, caller, offers_of

if TYPE_CHECKING:
    from orchharness.core.acts import PollResult, PreflightRequest, SpawnRequest
    from orchharness.core.events import Event
    from orchharness.core.orchestrator import RunView
    from orchharness.report.view import ReportView

BUILT_IN = ("orchharness.agents.builtin", "orchharness.critics.builtin")
_POLLED = (Queued, Running, Unknown, Finished, Lost)


class PluginHost:
    """All plugins of this process. Cheap to make; kinds are asked for when they are first used."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._versions: dict[str, str] = {}
        self._offers: dict[str, dict[str, Offer]] | None = None
        self._watchers: list[tuple[str, Callable[[Any, Any], Any]]] | None = None

    @classmethod
    def load(cls, extra: Iterable[object] = (), *, entry_points: bool = True) -> PluginHost:
        """A host with the built-ins, the installed plugins (unless `entry_points` is False) and `extra`.

        Raises:
            PluginError: a plugin cannot be imported, or breaks the rules of the hooks.
        """
        from importlib import import_module

        host = cls()
        for name in BUILT_IN:
            host.register(import_module(name), name)
        if entry_points:
            host._load_installed()
        for plugin in extra:
            host.register(plugin, str(getattr(plugin, "__name__", None) or type(plugin).__name__))
        return host

    def register(self, plugin: object, name: str) -> bool:
        """Add a plugin; one without our hooks, or that is there already, is left out.

        Returns:
            Whether it was added.

        Raises:
            PluginError: its hooks are wrong, the name is taken, or plans have been read already.
        """
        hooks = [n for n in dir(plugin) if n.startswith("orchharness_") and _is_hook(plugin, n)]
        if not hooks or self._manager.is_registered(plugin):
            return False
        if self._offers is not None:
            msg = f"plugin {name!r} came after the plans were read; put its hooks into a conftest.py at the root"
            raise PluginError(msg)
        unmarked = [n for n in hooks if not hasattr(getattr(plugin, n), "orchharness_impl")]
        if unmarked:
            msg = f"plugin {name!r}: {unmarked[0]} is not marked; write @orchharness.hookimpl above it"
            raise PluginError(msg)
        try:
            self._manager.register(plugin, name)
        except ValueError as error:
            msg = f"plugin {name!r} cannot be added: {error}"
            raise PluginError(msg) from None
        except pluggy.PluginValidationError as error:
            msg = f"plugin {name!r} is not as the hooks ask: {error}"
            raise PluginError(msg) from None
        self._check(plugin, name)
        self._watchers = None
        return True

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The agent kinds, by name."""
        return MappingProxyType({name: offer.kind for name, offer in self._offered["agent"].items()})

    @property
    def critic_kinds(self) -> Mapping[str, Kind]:
        """The critic kinds, by name."""
        return MappingProxyType({name: offer.kind for name, offer in self._offered["critic"].items()})

    def versions(self) -> dict[str, str]:
        """Plugin name -> version; a plugin that is a file without one gets the digest of the file."""
        found = {"orchharness": _own_version()}
        for name, plugin in self._manager.list_name_plugin():
            if plugin is not None and name not in BUILT_IN:
                found[name] = self._versions.get(name) or _version_of(plugin)
        return found

    def looks_ahead(self, kind: str) -> str | None:
        """The plugin that looks at agents of that kind before anything is spawned; None: nobody does."""
        offer = self._offer("agent", kind)
        return offer.plugin if "orchharness_preflight" in offer.hooks else None

    def preflight(self, request: PreflightRequest) -> Preflight:
        """What the plugin of its kind finds before the first spawn; nothing when it does not look."""
        offer = self._offer("agent", request.kind)
        if "orchharness_preflight" not in offer.hooks:
            return Preflight()
        found: Preflight = offer.call("orchharness_preflight", request, Preflight)
        return found

    def spawn(self, request: SpawnRequest) -> Handle:
        """Start the act through the plugin of its kind. Whatever the plugin raises goes through."""
        offer = self._offer("agent", request.kind)
        handle: Handle = offer.call("orchharness_spawn", request, Handle)
        if handle.kind != request.kind:
            msg = f"plugin {offer.plugin!r}: the handle of a {request.kind!r} act says kind {handle.kind!r}"
            raise PluginError(msg)
        return handle

    def poll(self, handle: Handle) -> PollResult:
        """How the act is doing."""
        result: PollResult = self._offer("agent", handle.kind).call("orchharness_poll", handle, _POLLED)
        return result

    def cancel(self, handle: Handle) -> bool:
        """Ask for the end of the act's tree; True when nothing of it is left."""
        result: bool = self._offer("agent", handle.kind).call("orchharness_cancel", handle, bool)
        return result

    def critic(self, request: CriticRequest) -> Evaluation:
        """The evaluation of the critic of that kind, as it was meant."""
        result: Evaluation = self._offer("critic", request.kind).call(
            "orchharness_critic", request, Evaluation
        )
        return result

    def update(self, event: Event, run: RunView) -> list[tuple[str, str]]:
        """Tell every plugin that watches, in the order of registration.

        Returns:
            Plugin name and error text of each that raised.
        """
        if self._watchers is None:
            impls = _in_order(self._manager.hook.orchharness_update)
            self._watchers = [(impl.plugin_name, caller(impl, ("event", "run"))) for impl in impls]
        failed: list[tuple[str, str]] = []
        if self._watchers:
            from orchharness.core.views import read_only

            event = read_only(event)
        for name, watch in self._watchers:
            try:
                watch(event, run)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - pytest's own `fail` and `skip` are no Exceptions
                failed.append((name, f"{type(error).__name__}: {error}"))
        return failed

    @property
    def report_sections(self) -> Callable[[ReportView], list[tuple[str, Section]]] | None:
        """Asks every plugin for its section of the report; None when none has one."""
        impls = _in_order(self._manager.hook.orchharness_report_section)
        if not impls:
            return None
        return lambda view: [
            (impl.plugin_name, section) for impl in impls if (section := _section(impl, view)) is not None
        ]

    @property
    def section_plugins(self) -> tuple[str, ...]:
        """The plugins that may add a section to the report, in their order there."""
        impls = _in_order(self._manager.hook.orchharness_report_section)
        return tuple(impl.plugin_name for impl in impls)

    def mute(self) -> None:
        """Tell nobody any more what happens: somebody who was told did not come back."""
        self._watchers = []

    def _offer(self, role: str, kind: str) -> Offer:
        offered = self._offered[role]
        if kind not in offered:
            msg = f"unknown {role} kind {kind!r}; installed: {', '.join(sorted(offered))}"
            raise PluginError(msg)
        return offered[kind]

    @property
    def _offered(self) -> dict[str, dict[str, Offer]]:
        if self._offers is None:
            self._offers = offers_of(self._manager)
        return self._offers

    def _check(self, plugin: object, name: str) -> None:
        for hook in self._manager.get_hookcallers(plugin) or ():
            mine = [impl for impl in hook.get_hookimpls() if impl.plugin is plugin]
            if not hook.has_spec() and not mine[0].optionalhook:
                msg = f"plugin {name!r}: there is no hook {hook.name!r}; the hooks are {', '.join(HOOKS)}"
                raise PluginError(msg)
            if mine[0].hookwrapper or mine[0].wrapper:
                msg = f"plugin {name!r}: {hook.name} is a hook wrapper; acts go to one plugin alone, write a plain hook"
                raise PluginError(msg)

    def _load_installed(self) -> None:
        from importlib.metadata import entry_points

        for entry in sorted(entry_points(group=PROJECT), key=lambda e: (e.name, e.value)):
            source = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
            try:
                plugin = entry.load()
            except Exception as error:
                msg = f"plugin {entry.name!r} of {source} cannot be imported: {type(error).__name__}: {error}"
                raise PluginError(msg) from error
            if self.register(plugin, entry.name) and entry.dist:
                self._versions[entry.name] = entry.dist.version


def _is_hook(plugin: object, name: str) -> bool:
    value = getattr(plugin, name, None)
    marked = hasattr(value, "orchharness_impl")
    return marked or (name in HOOKS and callable(value) and not hasattr(value, "orchharness_spec"))


def _in_order(hook: pluggy.HookCaller) -> list[pluggy.HookImpl]:
    """As they were registered; those that say `tryfirst` before all, `trylast` behind."""
    return sorted(hook.get_hookimpls(), key=lambda impl: impl.trylast - impl.tryfirst)


def _section(impl: pluggy.HookImpl, view: ReportView) -> Section | None:
    """What the plugin adds to the report; that it failed is told there, too."""
    try:
        found: Any = caller(impl, ("view",))(view)
        if found is None or isinstance(found, Section):
            return found
        fault = f"returned {found!r:.200}, which is no Section"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - pytest's own `fail` and `skip` are no Exceptions
        fault = f"raised {type(error).__name__}: {error}"
    return Section(impl.plugin_name, (Text(f"orchharness_report_section of this plugin {fault}"),))


def _own_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("orchharness")
    except PackageNotFoundError:
        return "not installed"


def _version_of(plugin: object) -> str:
    version = getattr(plugin, "__version__", None)
    path = getattr(plugin, "__file__", None)
    if version is not None or path is None:
        return str(version or "")
    from hashlib import sha256
    from pathlib import Path

    try:
        return f"sha256:{sha256(Path(path).read_bytes()).hexdigest()}"
    except OSError:
        return ""
