"""What both conformance suites share: rules that have names, and what every kind must declare.

pytest is not imported here: it is there when a suite runs, and needs plain classes and plain asserts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar, NoReturn
from unittest import SkipTest

from orchharness import Kind, OrchError, PluginHost
from orchharness.testing.trial import Trial

_ODD = "no_such_option_of_any_kind"


def rule(name: str) -> Callable[[Callable[[Any, Trial], None]], Any]:
    """Make a test of the method: it gets the acts of the test, and can be switched off by the name of its rule."""

    def mark(check: Callable[[Any, Trial], None]) -> Any:
        def test(self: Conformance, tmp_path: Path) -> None:
            if name in self.unsupported:
                skip(f"{name}: {self.unsupported[name]}")
            trial = Trial(self, tmp_path)
            try:
                check(self, trial)
            except AssertionError as error:
                error.args = (f"rule {name!r}: {error}",)
                raise
            except SkipTest:
                raise
            except Exception as error:
                msg = f"rule {name!r}: the plugin raised {type(error).__name__}: {error}"
                raise AssertionError(msg) from error
            finally:
                trial.close()

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        test.rule = name  # type: ignore[attr-defined]
        return test

    return mark


def skip(reason: str) -> NoReturn:
    """Leave the test out. pytest 9.0.0 and 9.0.1 take `SkipTest` for a failure, so its own way is used."""
    pytest = sys.modules.get("pytest")
    if pytest is not None:
        pytest.skip(reason)
    raise SkipTest(reason)


class Conformance:
    """What a subclass says of its plugin.

    `plugin` is its module, or the dotted name of it; `kind` one of the kinds it offers. `unsupported` switches rules
    off: name -> the reason, which is shown. `limit` is how many seconds anything may take.
    """

    plugin: ModuleType | str
    kind: str
    unsupported: Mapping[str, str] = MappingProxyType({})
    limit: float = 20.0
    role: ClassVar[str] = "agent"
    sample_options: Callable[[], Mapping[str, Any]]  # a suite says which options are right

    def __init_subclass__(cls) -> None:
        rules = {getattr(value, "rule", None) for base in cls.__mro__ for value in vars(base).values()} - {
            None
        }
        for name, reason in cls.unsupported.items():
            if name not in rules:
                msg = f"{cls.__name__}.unsupported: there is no rule {name!r}; there are: {', '.join(sorted(map(str, rules)))}"
                raise OrchError(msg)
            if not str(reason or "").strip():
                msg = f"{cls.__name__}.unsupported: {name!r} needs a reason, as a text: it is shown with the skip"
                raise OrchError(msg)

    @property
    def module(self) -> str:
        """The dotted name of the plugin's module: other processes import it by that."""
        found = self._said("plugin", "the plugin's module, or its dotted name")
        return found.__name__ if isinstance(found, ModuleType) else str(found)

    def options_of_kind(self, host: PluginHost) -> type[Any] | None:
        """The pydantic model of the kind's options; None where it has none."""
        options = self.offered(host).options
        return options() if options is not None else None

    def offered(self, host: PluginHost) -> Kind:
        """The kind, as the plugin offers it."""
        kinds = self._kinds(host)
        name = self._said("kind", "the name of the kind that is tested")
        assert name in kinds, (
            f"{self.module} offers no {self.role} kind {name!r}: return Kind(name={name!r}, role={self.role!r}) from "
            "orchharness_agent_kinds, below @hookimpl"
        )
        return kinds[name]

    def checked(self, host: PluginHost, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the harness hands them on: checked, with defaults, as JSON types."""
        model = self.options_of_kind(host)
        if model is None:
            assert not options, f"kind {self.kind!r} has no options, so it cannot be given {sorted(options)}"
            return {}
        found: dict[str, Any] = model.model_validate(dict(options)).model_dump(mode="json")
        return found

    def _kinds(self, host: PluginHost) -> Mapping[str, Kind]:
        return host.kinds if self.role == "agent" else host.critic_kinds

    def _said(self, name: str, what: str) -> Any:
        found = getattr(self, name, None)
        assert found is not None, f"{type(self).__name__} does not say `{name}`: {what}"
        return found

    # ---- what is declared ----------------------------------------------------------------------------------

    @rule("kinds")
    def test_its_kind_is_offered_once_and_no_other_is_touched(self, trial: Trial) -> None:
        """The kind is declared, beside all that are built in and installed here."""
        alone = PluginHost.load(entry_points=False)
        try:
            self.offered(trial.host)
            self.offered(PluginHost.load([sys.modules[self.module]]))
        except OrchError as error:
            msg = f"it cannot be used beside what is installed here: {error}"
            raise AssertionError(msg) from None

        for before, after in ((alone.kinds, trial.host.kinds), (alone.critic_kinds, trial.host.critic_kinds)):
            assert all(after.get(name) == kind for name, kind in before.items()), (
                "it replaces a built-in kind"
            )

    @rule("options")
    def test_unknown_options_are_refused_and_the_others_have_a_schema(self, trial: Trial) -> None:
        """A typing error in a plan is told with its place, and editors know the options."""
        import json

        from pydantic import ValidationError

        model = self.options_of_kind(trial.host)
        given = dict(self.sample_options())
        if model is None:
            assert not given, f"kind {self.kind!r} has no options: give Kind its model, as Kind(options=…)"
            return
        model.model_validate(given)
        schema = model.model_json_schema()

        json.dumps(schema, allow_nan=False)
        assert schema.get("type") == "object", (
            f"the options of a kind are an object, not {schema.get('type')!r}"
        )
        try:
            model.model_validate({**given, _ODD: 1})
        except ValidationError:
            return
        msg = f'the options take any key: write `model_config = ConfigDict(extra="forbid")` into {model.__name__}'
        raise AssertionError(msg)

    @rule("start_up")
    def test_plans_without_its_kind_do_not_wait_for_pydantic(self, trial: Trial) -> None:
        """Importing the plugin is done in every session, whatever its plans use."""
        modules = trial.elsewhere("import")["modules"]

        assert "pydantic" not in modules, (
            f"importing {self.module} imports pydantic, for which every session then waits: import the model of the "
            "options inside of the function that Kind(options=…) names"
        )
