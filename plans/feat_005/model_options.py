"""Options that choose the model of each agent of this skill.

`--model` is for all agents, `--model-NAME` for one and wins over it; without either an agent has the
model of its definition (agents/NAME.md), and without one there `inherit`: the model of the session.
`--show-models` prints what comes out, so that whoever starts the agents can use it.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

ALIASES = ("sonnet", "opus", "haiku")
ACCEPT_IDS = False
TELL_DEFAULTS = False
AGENTS = Path(__file__).resolve().parent.parent / "agents"
NO_AGENT = re.compile(r"[._]|readme|index|changelog|.*template", re.IGNORECASE)


def default_models() -> dict[str, str]:
    """The model of each agent's definition, by the name of its file."""
    found = {}
    for path in sorted(AGENTS.glob("*.md")):
        if NO_AGENT.match(path.name):
            continue
        head = path.read_text("utf-8-sig", "replace").split("\n---")[0]
        given = re.search(r"^model:[ \t]*[\"']?([^\s\"'#]+)", head, re.MULTILINE)
        name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
        found[name] = given[1] if given and head.startswith("---") else "inherit"
    return found


def model_name(text: str) -> str:
    """The text, if it names a model."""
    known = text in ALIASES
    if ACCEPT_IDS:
        known = known or text == "inherit" or bool(re.fullmatch(r"claude-[a-z0-9][a-z0-9.@:-]*", text))
    if not known:
        wider = ", inherit or a claude-... id" if ACCEPT_IDS else ""
        raise argparse.ArgumentTypeError(f"unknown model {text!r}: give {', '.join(ALIASES)}{wider}")
    return text


def chosen_models(arguments: argparse.Namespace) -> dict[str, str]:
    """Which agent gets which model under these arguments."""
    found = default_models()
    for name, default in found.items():
        own = getattr(arguments, "model_" + name.replace("-", "_"), None)
        found[name] = own or arguments.model or default
    return found


class ShowModels(argparse.Action):
    """Prints the choice that the options before it make, and ends."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, *_rest: Any) -> None:
        """Prints one JSON object of agents and models."""
        print(json.dumps(chosen_models(namespace), indent=2))
        parser.exit()


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a parser."""
    group = parser.add_argument_group("models")
    told = " (default: what each agent's definition says)" if TELL_DEFAULTS else ""
    group.add_argument("--model", type=model_name, metavar="MODEL", help="model of all agents" + told)
    for name, default in default_models().items():
        told = f" (default: {default})".replace("%", "%%") if TELL_DEFAULTS else ""
        group.add_argument(f"--model-{name}", type=model_name, metavar="MODEL", help=f"model of {name}{told}")
    group.add_argument("--show-models", action=ShowModels, nargs=0, help="print the choice as JSON and end")
