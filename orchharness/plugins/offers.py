"""Which plugin offered which kind, and its hooks for that kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from orchharness.core.acts import Kind
from orchharness.errors import PluginError
from orchharness.record import record

_NEEDED = {
    "agent": ("orchharness_spawn", "orchharness_poll", "orchharness_cancel"),
    "critic": ("orchharness_critic",),
}
_OPTIONAL = {"agent": ("orchharness_preflight",), "critic": ()}
# Called with a handle, the others with a request.
_HANDLED = frozenset({"orchharness_poll", "orchharness_cancel"})


@record
class Offer:
    """A kind, and the hooks of the plugin that offered it."""

    kind: Kind
    plugin: str
    hooks: Mapping[str, Callable[[Any], Any]]

    def call(self, hook: str, argument: Any, expected: type | tuple[type, ...]) -> Any:
        """What the hook of this kind returns.

        Raises:
            PluginError: it is not of an expected type.
        """
        result = self.hooks[hook](argument)
        if not isinstance(result, expected):
            msg = f"plugin {self.plugin!r}: {hook} returned {result!r:.200}, which is not what the hook promises"
            raise PluginError(msg)
        return result


def offers_of(manager: pluggy.PluginManager) -> dict[str, dict[str, Offer]]:
    """Role -> name of the kind -> who offers it.

    Raises:
        PluginError: a plugin cannot say its kinds, lacks a hook for one, or offers what another one does.
    """
    offers: dict[str, dict[str, Offer]] = {"agent": {}, "critic": {}}
    for impl in manager.hook.orchharness_agent_kinds.get_hookimpls():
        for kind in _ask(impl):
            first = offers[kind.role].get(kind.name)
            if first is not None:
                msg = f"{kind.role} kind {kind.name!r} is offered by plugin {first.plugin!r} and by plugin {impl.plugin_name!r}"
                raise PluginError(msg)
            hooks = _hooks(manager, kind, impl)
            offers[kind.role][kind.name] = Offer(kind=kind, plugin=impl.plugin_name, hooks=hooks)
    return offers


def _hooks(
    manager: pluggy.PluginManager, kind: Kind, impl: pluggy.HookImpl
) -> dict[str, Callable[[Any], Any]]:
    hooks = {}
    for hook in (*_NEEDED[kind.role], *_OPTIONAL[kind.role]):
        mine = [i for i in getattr(manager.hook, hook).get_hookimpls() if i.plugin is impl.plugin]
        if mine:
            hooks[hook] = caller(mine[0], ("handle" if hook in _HANDLED else "request",))
        elif hook in _NEEDED[kind.role]:
            msg = f"plugin {impl.plugin_name!r} offers {kind.role} kind {kind.name!r} but does not implement {hook}"
            raise PluginError(msg)
    return hooks


def caller(impl: pluggy.HookImpl, names: tuple[str, ...]) -> Callable[..., Any]:
    """The function, called with all arguments by place; as in pluggy, it may take fewer of them."""
    if tuple(impl.argnames) == names:
        return impl.function
    places = [names.index(name) for name in impl.argnames]
    return lambda *arguments: impl.function(*(arguments[place] for place in places))


def _ask(impl: pluggy.HookImpl) -> list[Kind]:
    try:
        kinds: list[Any] = list(impl.function())  # type: ignore[call-overload]
    except Exception as error:
        msg = f"plugin {impl.plugin_name!r} failed to say its kinds: {type(error).__name__}: {error}"
        raise PluginError(msg) from error
    for kind in kinds:
        if not isinstance(kind, Kind) or kind.role not in _NEEDED:
            msg = f"plugin {impl.plugin_name!r}: {kind!r:.200} is not a Kind of role 'agent' or 'critic'"
            raise PluginError(msg)
    return kinds
