import inspect
import re
import sys
from pathlib import Path

import pytest

from orchharness import hookspecs
from orchharness.plugins import PluginHost

SPECS = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "orchharness_spec")}
EXAMPLE = Path(__file__).parents[2] / "plugins" / "orchharness-example"


def parts(docstring):
    """The headings of a docstring in order, each with its text."""
    found, heading = {"": ""}, ""
    for line in inspect.cleandoc(docstring).splitlines():
        match = re.match(r"(When|Result|Raising|Args|Returns|Example):(.*)", line)
        heading = match[1] if match else heading
        found[heading] = f"{found.get(heading, '')}{match[2] if match else line}\n"
    return {name: text.strip() for name, text in found.items()}


def test_the_list_of_hooks_is_the_hooks():
    assert sorted(hookspecs.HOOKS) == sorted(SPECS)
    assert all(name.startswith("orchharness_") for name in SPECS)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_hook_says_when_it_is_called_what_its_result_and_raising_do_and_shows_an_example(name):
    signature = inspect.signature(SPECS[name])
    found = parts(SPECS[name].__doc__)
    wanted = ["", "When", "Result", "Raising", "Args", "Returns", "Example"]
    if not signature.parameters:
        wanted.remove("Args")

    assert list(found) == wanted
    assert all(found.values())
    assert found[""].splitlines()[0].endswith(".")
    assert signature.return_annotation is not signature.empty


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_argument_of_a_hook_is_described_by_name(name):
    found = parts(SPECS[name].__doc__)
    described = re.findall(r"^ *(\w+):", found.get("Args", ""), re.MULTILINE)

    assert described == list(inspect.signature(SPECS[name]).parameters)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_example_of_a_hook_is_a_short_hookimpl_that_compiles(name):
    example = inspect.cleandoc(parts(SPECS[name].__doc__)["Example"])

    compile(example, name, "exec")
    assert example.startswith(f"@hookimpl\ndef {name}(")
    assert len(example.splitlines()) <= 6


def test_every_hook_is_implemented_by_a_plugin_that_is_shipped(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.delitem(sys.modules, "orchharness_example", raising=False)
    import orchharness_example

    host = PluginHost.load([orchharness_example], entry_points=False)
    silent = [name for name in SPECS if not getattr(host._manager.hook, name).get_hookimpls()]

    assert silent == []


def test_the_example_plugin_imports_only_the_public_api():
    text = "\n".join(path.read_text() for path in (EXAMPLE / "orchharness_example").glob("*.py"))
    imported = re.findall(r"^\s*(?:from|import) (orchharness\S*)", text, re.MULTILINE)

    assert set(imported) == {"orchharness", "orchharness_example"}
