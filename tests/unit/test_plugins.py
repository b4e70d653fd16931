import subprocess
import sys
import types
from importlib import metadata
from types import SimpleNamespace

import pytest

import orchharness
from orchharness import (
    CriticRequest,
    Evaluation,
    Finished,
    Handle,
    Kind,
    Preflight,
    PreflightRequest,
    Running,
    SpawnRequest,
    hookimpl,
)
from orchharness.errors import PluginError
from orchharness.plugins import PluginHost


def plugin(name="mine", *, version=None, **functions):
    """A module with these functions as hooks: `kinds=` is `orchharness_agent_kinds`."""
    module = types.ModuleType(name)
    for short, function in functions.items():
        hook = {"kinds": "agent_kinds"}.get(short, short)
        setattr(module, f"orchharness_{hook}", hookimpl(function))
    if version:
        module.__version__ = version
    return module


def agent(name="mine", kind="aider", **more):
    functions = {
        "kinds": lambda: [Kind(name=kind)],
        "spawn": lambda request: Handle(kind=kind, data={"by": name, "key": request.key}),
        "poll": lambda handle: Running(handle.data["by"]),
        "cancel": lambda handle: True,
        **more,
    }
    return plugin(name, **functions)


def critic(name="mine", kind="strict", **more):
    functions = {
        "kinds": lambda: [Kind(name=kind, role="critic")],
        "critic": lambda request: Evaluation(criteria={"by": name}),
        **more,
    }
    return plugin(name, **functions)


def host(*plugins):
    return PluginHost.load(plugins, entry_points=False)


def request(kind="aider"):
    return SpawnRequest(key="k", act="T.i1.a1", kind=kind, folder="/f", cwd="/f")


def critic_request(kind="strict"):
    return CriticRequest(
        key="k", act="G", gate="G", critic="c", kind=kind, iteration=1, folder="/f", cwd="/f", workspace="/f"
    )


# ---- kinds -------------------------------------------------------------------------------------------------


def test_the_built_in_kinds_are_there():
    loaded = host()

    assert set(loaded.kinds) == {"command", "python"}
    assert set(loaded.critic_kinds) == {"checks", "command", "agent"}
    assert loaded.kinds["python"].options().__name__ == "PythonOptions"


def test_a_plugin_that_comes_before_the_kinds_are_asked_for_counts():
    loaded = host()

    assert loaded.register(agent(), "late")
    assert "aider" in loaded.kinds


def test_a_plugin_that_comes_after_the_plans_were_read_is_an_error():
    loaded = host()
    assert loaded.kinds
    with pytest.raises(PluginError) as caught:
        loaded.register(agent(), "sub/conftest.py")

    assert str(caught.value) == (
        "plugin 'sub/conftest.py' came after the plans were read; put its hooks into a conftest.py at the root"
    )


def test_a_plugin_without_our_hooks_is_left_out_at_any_time():
    loaded = host()

    assert loaded.kinds
    assert not loaded.register(types.ModuleType("other"), "other")
    assert "other" not in loaded.versions()


def test_the_same_plugin_twice_is_there_once_and_another_of_its_name_is_an_error():
    loaded, mine = host(), agent()

    assert loaded.register(mine, "mine")
    assert not loaded.register(mine, "again")
    with pytest.raises(PluginError, match="plugin 'mine' cannot be added: "):
        loaded.register(critic(), "mine")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (agent("one"), agent("two"), "agent kind 'aider' is offered by plugin 'one' and by plugin 'two'"),
        (critic("one"), critic("two"), "critic kind 'strict' is offered by plugin 'one' and by plugin 'two'"),
        (
            agent("one", kind="command"),
            plugin("two", update=lambda: None),
            "agent kind 'command' is offered by plugin 'orchharness.agents.builtin' and by plugin 'one'",
        ),
    ],
)
def test_a_kind_that_is_offered_twice_names_both_plugins(first, second, message):
    loaded = host(first, second)
    with pytest.raises(PluginError) as caught:
        loaded.kinds  # noqa: B018

    assert str(caught.value) == message


def test_an_agent_and_a_critic_may_have_one_name():
    loaded = host(agent("one", kind="same"), critic("two", kind="same"))

    assert "same" in loaded.kinds
    assert "same" in loaded.critic_kinds


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            plugin(kinds=lambda: 1 / 0),
            "plugin 'mine' failed to say its kinds: ZeroDivisionError: division by zero",
        ),
        (
            plugin(kinds=lambda: None),
            "plugin 'mine' failed to say its kinds: TypeError: 'NoneType' object is not iterable",
        ),
        (plugin(kinds=lambda: ["aider"]), "plugin 'mine': 'aider' is not a Kind of role 'agent' or 'critic'"),
        (
            plugin(kinds=lambda: [Kind(name="aider")], spawn=lambda request: None, poll=lambda handle: None),
            "plugin 'mine' offers agent kind 'aider' but does not implement orchharness_cancel",
        ),
        (
            plugin(kinds=lambda: [Kind(name="strict", role="critic")]),
            "plugin 'mine' offers critic kind 'strict' but does not implement orchharness_critic",
        ),
    ],
)
def test_a_plugin_whose_kinds_are_wrong_is_named(made, message):
    loaded = host(made)
    with pytest.raises(PluginError) as caught:
        loaded.critic_kinds  # noqa: B018

    assert str(caught.value) == message


def test_an_unknown_kind_says_which_are_installed():
    loaded = host(agent())
    with pytest.raises(PluginError) as spawned:
        loaded.spawn(request("aidr"))
    with pytest.raises(PluginError) as judged:
        loaded.critic(critic_request("aider"))

    assert str(spawned.value) == "unknown agent kind 'aidr'; installed: aider, command, python"
    assert str(judged.value) == "unknown critic kind 'aider'; installed: agent, checks, command"


# ---- hooks that are not as they must be --------------------------------------------------------------------


def test_a_hook_without_the_mark_or_of_an_unknown_name_or_with_unknown_arguments_is_an_error():
    unmarked = types.ModuleType("unmarked")
    unmarked.orchharness_spawn = lambda request: None
    cases = {
        unmarked: "plugin 'x': orchharness_spawn is not marked; write @orchharness.hookimpl above it",
        plugin(spwan=lambda request: None): (
            "plugin 'x': there is no hook 'orchharness_spwan'; the hooks are orchharness_agent_kinds, "
            "orchharness_preflight, orchharness_spawn, orchharness_poll, orchharness_cancel, "
            "orchharness_critic, orchharness_update, orchharness_report_section"
        ),
    }
    for made, message in cases.items():
        with pytest.raises(PluginError) as caught:
            host().register(made, "x")
        assert str(caught.value) == message

    with pytest.raises(PluginError, match=r"plugin 'x' is not as the hooks ask: (.|\n)*reqest"):
        host().register(plugin(spawn=lambda reqest: None), "x")


def test_a_hook_wrapper_is_refused():
    def around(request):
        return (yield)

    wrapper = types.ModuleType("wrapper")
    wrapper.orchharness_spawn = hookimpl(around, wrapper=True)
    with pytest.raises(PluginError, match="orchharness_spawn is a hook wrapper"):
        host().register(wrapper, "x")


# ---- dispatch ----------------------------------------------------------------------------------------------


def test_an_act_goes_to_the_plugin_of_its_kind_alone():
    def never(**_):
        raise AssertionError

    loaded = host(
        agent("one", kind="a"), agent("two", kind="b"), plugin("three", spawn=lambda request: never())
    )
    handle = loaded.spawn(request("b"))

    assert handle == Handle(kind="b", data={"by": "two", "key": "k"})
    assert loaded.poll(handle) == Running("two")
    assert loaded.cancel(handle) is True
    assert host(critic("one"), critic("two", kind="other")).critic(critic_request("other")).criteria == {
        "by": "two"
    }


def test_what_a_plugin_raises_goes_through():
    with pytest.raises(ZeroDivisionError):
        host(agent(spawn=lambda request: 1 / 0)).spawn(request())


@pytest.mark.parametrize(
    ("change", "call", "message"),
    [
        ({"spawn": lambda request: None}, lambda h: h.spawn(request()), "orchharness_spawn returned None"),
        (
            {"poll": lambda handle: "done"},
            lambda h: h.poll(Handle(kind="aider", data={})),
            "orchharness_poll returned 'done'",
        ),
        (
            {"cancel": lambda handle: None},
            lambda h: h.cancel(Handle(kind="aider", data={})),
            "orchharness_cancel returned None",
        ),
        (
            {"preflight": lambda request: "fine"},
            lambda h: h.preflight(PreflightRequest(agent="a", kind="aider", cwd="/f")),
            "orchharness_preflight returned 'fine'",
        ),
        (
            {"spawn": lambda request: Handle(kind="other", data={})},
            lambda h: h.spawn(request()),
            "the handle of a 'aider' act says kind 'other'",
        ),
    ],
)
def test_a_result_of_a_wrong_type_names_plugin_and_hook(change, call, message):
    with pytest.raises(PluginError) as caught:
        call(host(agent(**change)))

    assert str(caught.value).startswith(f"plugin 'mine': {message}")


def test_only_the_plugin_of_the_kind_looks_before_the_first_spawn_and_one_without_the_hook_finds_nothing():
    asked = PreflightRequest(agent="author", kind="b", cwd="/f", options={"model": "small"})
    loaded = host(
        agent("one", kind="a"),
        agent("two", kind="b", preflight=lambda request: Preflight(version=request.options["model"])),
    )

    assert loaded.preflight(asked) == Preflight(version="small")
    assert loaded.looks_ahead("b") == "two"
    assert loaded.preflight(PreflightRequest(agent="author", kind="a", cwd="/f")) == Preflight()
    assert loaded.looks_ahead("a") is None
    assert loaded.looks_ahead("command") is None


def test_a_hook_may_take_fewer_arguments():
    loaded = host(agent(poll=lambda: Finished(ok=True)))

    assert loaded.poll(Handle(kind="aider", data={})) == Finished(ok=True)


def test_a_plugin_may_be_an_object_with_methods():
    class Watcher:
        seen = ()

        @hookimpl
        def orchharness_update(self, run, event):
            self.seen += ((event, run),)

    watcher = Watcher()

    assert host(watcher).update("event", "run") == []
    assert watcher.seen == (("event", "run"),)


# ---- update ------------------------------------------------------------------------------------------------


def test_every_watcher_is_told_in_the_order_of_registration_whatever_the_others_raise():
    told = []

    class Abort(BaseException):
        pass

    def fails(event):
        told.append("one")
        raise ValueError(event)

    def aborts():
        told.append("two")
        raise Abort("now")

    loaded = host(
        plugin("one", update=fails),
        plugin("two", update=aborts),
        plugin("three", update=lambda event, run: told.append(run)),
    )

    assert loaded.update("e", "r") == [("one", "ValueError: e"), ("two", "Abort: now")]
    assert told == ["one", "two", "r"]


def test_an_interrupt_within_a_watcher_is_an_interrupt():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host(plugin(update=interrupted)).update("e", "r")


def test_a_watcher_that_comes_later_is_told_too():
    told, loaded = [], host()

    assert loaded.update("e", "r") == []
    loaded.register(plugin(update=lambda event: told.append(event)), "mine")  # noqa: PLW0108 - a hook needs names
    assert loaded.update("f", "r") == []
    assert told == ["f"]


# ---- installed plugins -------------------------------------------------------------------------------------


class Entry:
    group = "orchharness"

    def __init__(self, name, loads, dist=("aider-plugin", "1.2")):
        self.name, self.value, self._loads = name, f"{name}_module", loads
        self.dist = SimpleNamespace(name=dist[0], version=dist[1])

    def load(self):
        if isinstance(self._loads, Exception):
            raise self._loads
        return self._loads


@pytest.fixture
def installed(monkeypatch):
    def install(*entries):
        monkeypatch.setattr(
            metadata, "entry_points", lambda group: list(entries) if group == "orchharness" else []
        )

    return install


def test_installed_plugins_are_loaded_with_their_versions(installed):
    installed(Entry("zed", critic("z"), ("zed-plugin", "3")), Entry("aider", agent()))
    loaded = PluginHost.load([plugin("conftest", update=lambda: None, version="7")])

    assert "aider" in loaded.kinds
    assert "strict" in loaded.critic_kinds
    assert list(loaded.versions().items())[1:] == [("aider", "1.2"), ("zed", "3"), ("conftest", "7")]
    assert "orchharness" in loaded.versions()


def test_an_installed_plugin_that_cannot_be_imported_is_named_with_its_package(installed):
    installed(Entry("aider", ImportError("No module named 'x'")))
    with pytest.raises(PluginError) as caught:
        PluginHost.load()

    assert str(caught.value) == (
        "plugin 'aider' of aider-plugin 1.2 cannot be imported: ImportError: No module named 'x'"
    )


def test_installed_plugins_are_not_looked_for_when_not_wanted(installed):
    installed(Entry("aider", ImportError("never")))

    assert "aider" not in host().kinds


def test_a_plugin_that_is_a_file_without_version_is_known_by_its_bytes(tmp_path):
    conftest = plugin("conftest", update=lambda: None)
    conftest.__file__ = str(tmp_path / "conftest.py")
    (tmp_path / "conftest.py").write_bytes(b"x = 1\n")

    assert host(conftest).versions()["conftest"] == (
        "sha256:9e26bf369911c45c243c684147b23fc9e1dcfcf257d299a1c632016a6fcd33f4"
    )


# ---- the public API ----------------------------------------------------------------------------------------


def test_every_public_name_is_there_and_another_is_not():
    assert all(getattr(orchharness, name) for name in orchharness.__all__)
    assert set(orchharness.__all__) <= set(dir(orchharness))
    with pytest.raises(AttributeError, match="module 'orchharness' has no attribute 'nothing'"):
        orchharness.nothing  # noqa: B018


def test_importing_the_package_imports_nothing_of_it():
    code = "import sys, orchharness; print([m for m in sys.modules if m.startswith('orchharness.') or m == 'pluggy'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert done.stdout == "[]\n"
