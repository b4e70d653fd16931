"""`run`: a list of words, or a text that is split as a shell would; `shell: true` keeps one text.

A text is split before anything is rendered, so that a value never becomes two words. Templates survive as one word.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

from orchharness.core.plan import Command, is_template
from orchharness.planfile.context import Context
from orchharness.planfile.nodes import Node, Scalar, Sequence
from orchharness.planfile.problems import FieldError
from orchharness.planfile.shapes import Fields
from orchharness.planfile.templates import ANY_SCOPE, Scope, Use
from orchharness.planfile.values import describe, no_boolean, text_of

_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_MARK: Final = re.compile("\0(\\d+)\0")
_SHELL: Final = re.compile(
    r"&&|\|\|?|&|(?:[0-9]|&)?>{1,2}(?:&?\S*)|<{1,3}\S*|[^;]*;|[^$`]*(?:\$[A-Za-z_{(]|`).*"
)
_CURLY: Final = frozenset("\u201c\u201d\u2018\u2019\u201e")  # quotation marks of a word processor
_MAX_COMMAND: Final = 128 << 10  # Linux takes no longer word, and splitting one would take ever longer
_SHELL_BLIND: Final = ("inputs", "outputs", "findings")


def read_command(context: Context, fields: Fields, scope: Scope = ANY_SCOPE) -> Command | None:
    """The command of a mapping with `run` (and `shell`); None when there is none or it is wrong (noted)."""
    node = fields.get("run")
    if node is None:
        if "shell" in fields and "run" not in fields:
            context.problems.add(
                fields.key("shell"), "'shell' without 'run': write 'run: \"the command\"' beside it"
            )
        return None
    try:
        command = _shell_command(node) if fields.get("shell") else _plain_command(node)
    except FieldError as error:
        context.problems.add(error.node, f"run: {error.message}")
        return None
    _check_words(context, command, node, scope)
    return command


def split_words(text: str) -> list[str]:
    """The words of a command line; a template is never taken apart.

    Raises:
        ValueError: a quotation is not closed.
    """
    if not is_template(text):
        return shlex.split(text)
    templates: list[str] = []

    def keep(match: re.Match[str]) -> str:
        templates.append(match.group())
        return f"\0{len(templates) - 1}\0"

    words = shlex.split(_TEMPLATE.sub(keep, text))
    return [_MARK.sub(lambda m: templates[int(m.group(1))], word) for word in words]


def _plain_command(node: Node) -> Command:
    if isinstance(node, Sequence):
        words = [_word(item) for item in node.items]
    else:
        what = "a command: a list of words, or a text"
        text = no_boolean(text_of(node, what), what, numbers=False).text
        if len(text) > _MAX_COMMAND:
            raise FieldError(node, "the command is longer than 128 KiB: put it into a file, and run that")
        if "\n" in text.strip():
            raise FieldError(
                node, "two or more lines: write 'shell: true' beside it, or one command as a list of words"
            )
        try:
            words = split_words(text)
        except ValueError as error:
            raise FieldError(node, f"cannot be split into words ({error}): write a list of words") from None
        _refuse_shell_words(text, words, node)
    if not words or not words[0].strip():
        raise FieldError(node, "the command is empty")
    return Command(argv=tuple(words))


def _refuse_shell_words(text: str, words: list[str], node: Node) -> None:
    """Without a shell `a && b` hands `&&` and `b` to `a`, and `$HOME` stays as it is: hardly ever what was meant."""
    if words and words[0][:1] in _CURLY:
        raise FieldError(node, f"{words[0][:1]} is no quote for a command: write ' or \"")
    suspects = {word for word in words if _SHELL.fullmatch(word)}
    # What is in quotes is meant as it is: the words are looked at once more, with their quotation marks.
    found = next((raw for raw in _raw_words(text) if raw in suspects), None) if suspects else None
    if found is not None:
        what = f"{found!r} is for a shell, and there is none"
        raise FieldError(node, f"{what}: write 'shell: true' beside it, or a list of words")


def _raw_words(text: str) -> list[str]:
    """The words with their quotation marks, as far as they can be told."""
    try:
        return shlex.split(_TEMPLATE.sub("x", text), posix=False)
    except ValueError:
        return []


def _word(node: Node) -> str:
    if not isinstance(node, Scalar):
        one = "a list is the words of one command: for more write more tasks, or lines with 'shell: true'"
        raise FieldError(node, f"expected a word, found {describe(node)} ({one})")
    if not node.text and not node.plain:
        return ""
    return text_of(node, "a word").text


def _shell_command(node: Node) -> Command:
    if not isinstance(node, Scalar):
        raise FieldError(node, f"with 'shell: true' expected one text, found {describe(node)}")
    text = no_boolean(text_of(node, "one text"), "one text", numbers=False).text
    if not text.strip():
        raise FieldError(node, "the command is empty")
    return Command(argv=(text,), shell=True)  # noqa: S604 - only says so, nothing is run here


def _check_words(context: Context, command: Command, node: Node, scope: Scope) -> None:
    for place, word in enumerate(command.argv):
        if not is_template(word):
            continue
        at = node.items[place] if isinstance(node, Sequence) else node
        uses = context.templates.check(word, at, scope)
        if command.shell:
            _refuse_in_shell(context, at, uses)


def _refuse_in_shell(context: Context, node: Node, uses: frozenset[Use]) -> None:
    for name in sorted({use.name for use in uses if use.name in _SHELL_BLIND}):
        variable = {
            "inputs": "$ORCH_INPUT_<NAME>",
            "outputs": "$ORCH_OUTPUT_<NAME>",
            "findings": "$ORCH_FINDINGS",
        }[name]
        context.problems.add(
            node, f'run: a shell text takes no {name}: use "{variable}" from the environment'
        )
