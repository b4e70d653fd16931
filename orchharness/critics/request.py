"""`critic-request.json`: what the act of a judgement reads, and the plugins it needs for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from orchharness.core.acts import CriticRequest
from orchharness.errors import OrchError, PluginError
from orchharness.plugins import PluginHost
from orchharness.record import record


@record
class Asked:
    """A request, and the paths of the conftest files whose hooks the session had."""

    request: CriticRequest
    plugins: tuple[str, ...] = ()


def read_request(folder: Path) -> Asked:
    """The request in the act's folder.

    Raises:
        OrchError: there is none, or it is not one.
    """
    path = folder / "critic-request.json"
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        values = {f.name: record[f.name] for f in fields(CriticRequest) if f.name in record}
        for name in ("argv", "criteria", "checks"):
            values[name] = tuple(values.get(name) or ())
        values["artifacts"] = {name: tuple(paths) for name, paths in (values.get("artifacts") or {}).items()}
        return Asked(request=CriticRequest(**values), plugins=tuple(record.get("plugins") or ()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        msg = f"{path} is not a critic's request: {error}"
        raise OrchError(msg) from None


def host_for(asked: Asked) -> PluginHost:
    """The plugins. Installed ones are looked up only when the built-ins and the conftests do not suffice.

    Raises:
        PluginError: a plugin cannot be imported, or none offers the kind.
    """
    modules = [(path, _import(path)) for path in asked.plugins]
    host = _host(modules, entry_points=False)
    agent = asked.request.agent.get("kind")
    if asked.request.kind in host.critic_kinds and (agent is None or agent in host.kinds):
        return host
    return _host(modules, entry_points=True)


def _host(modules: Sequence[tuple[str, ModuleType]], *, entry_points: bool) -> PluginHost:
    host = PluginHost.load(entry_points=entry_points)
    for path, module in modules:
        host.register(module, path)
    return host


def _import(path: str) -> ModuleType:
    import sys
    from hashlib import sha256
    from importlib.util import module_from_spec, spec_from_file_location

    package = _dotted(Path(path))
    if package is not None:
        return _import_member(path, *package)
    name = f"_orchharness_conftest_{sha256(path.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"plugin {path!r} is no Python file"
        raise PluginError(msg)
    module = module_from_spec(spec)
    sys.modules[name] = module
    folder = str(Path(path).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as pytest does for a conftest
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        msg = f"plugin {path!r} cannot be imported: {type(error).__name__}: {error}"
        raise PluginError(msg) from error
    return module


def _dotted(path: Path) -> tuple[str, str] | None:
    """The folder and the dotted name by which a module of a package is imported; None for one that is in none."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    in_package = path.name != "conftest.py" and folder != path.parent
    return (str(folder), ".".join(parts)) if in_package else None


def _import_member(path: str, folder: str, name: str) -> ModuleType:
    import sys
    from importlib import import_module

    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return import_module(name)
    except Exception as error:
        msg = f"plugin {path!r} cannot be imported: {type(error).__name__}: {error}"
        raise PluginError(msg) from error
