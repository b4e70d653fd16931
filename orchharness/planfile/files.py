"""Files that define the plan: found beside it, recorded, and (for prompts) read. Their text is data."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from orchharness.core.plan import is_template
from orchharness.planfile.context import Context
from orchharness.planfile.near import nearest
from orchharness.planfile.nodes import Mapping, Node, Scalar
from orchharness.planfile.problems import FieldError, SaidError
from orchharness.planfile.schema import PROMPT_FILE
from orchharness.planfile.templates import ANY_SCOPE, Scope
from orchharness.planfile.values import no_boolean, text_of

MAX_BYTES: Final = 5 << 20
_FROM_VARIABLE: Final = re.compile(r"\s*\{\{\s*vars\.([A-Za-z_]\w*)\s*\}\}", re.ASCII)
_PROMPT: Final = "text, or {file: path}"
_MAX_LISTED: Final = 500  # names of a folder that a guess looks at
_TEXT_SUFFIXES: Final = (".md", ".markdown", ".txt", ".j2", ".jinja", ".jinja2", ".rst")


class Rubric(NamedTuple):
    """A prompt that judges, and the absolute paths of the files that hold it: one, or none."""

    text: str | None = None
    files: tuple[str, ...] = ()


def definition(context: Context, node: Node, what: str = "a file beside the plan") -> str:
    """The absolute path of a file that defines the plan; it is recorded as one.

    Raises:
        FieldError: there is no such file.
    """
    text = context.templates.render(node, what)
    folder = folder_of(context, node)
    if folder is context.plan_dir and text.startswith(("/", "~")):
        raise FieldError(node, f"{text!r} is absolute: write it relative to the plan file")
    return _record(context, node, text, folder)


def read_prompt(context: Context, node: Node | None, scope: Scope = ANY_SCOPE) -> str | None:
    """The text of a prompt, from the plan or from its file; None when there is none or it is wrong (noted)."""
    return read_rubric(context, node, scope).text


def read_rubric(context: Context, node: Node | None, scope: Scope = ANY_SCOPE) -> Rubric:
    """A prompt with the file that it stands in; what is wrong is noted."""
    if node is None:
        return Rubric()
    try:
        text, where, files = _prompt_text(context, node)
    except SaidError:
        return Rubric()
    except FieldError as error:
        context.problems.add(error.node, error.message)
        return Rubric()
    context.templates.check(text, node, scope, where)
    return Rubric(text, files)


def folder_of(context: Context, node: Node) -> Path:
    """What a path is relative to: where the command was typed, if it begins with a variable given there."""
    match = _FROM_VARIABLE.match(node.text) if isinstance(node, Scalar) else None
    return context.cwd if match and match.group(1) in context.given else context.plan_dir


def existing_file(folder: Path, text: str) -> Path | None:
    """The file of that name in the folder, if the text names one."""
    if not text.strip() or "\n" in text or len(text) > 1_024:
        return None
    path = folder / text
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def guess_file(folder: Path, text: str) -> str:
    """`; did you mean 'x'?` when a name in the folder of that path is near, else nothing."""
    before, slash, name = text.rpartition("/")
    try:
        with os.scandir(folder / before) as entries:
            known = [entry.name for entry, _ in zip(entries, range(_MAX_LISTED), strict=False)]
    except (OSError, ValueError):
        return ""
    near = nearest(name, sorted(known))
    return f"; did you mean {before + slash + near!r}?" if near and near != name else ""


def absolute(path: Path) -> str:
    """The absolute path without `.` and `..`; links are not followed."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links


def _record(context: Context, node: Node, text: str, folder: Path) -> str:
    if existing_file(folder, text) is None:
        what = "plan" if context.fragment is None else "fragment"
        if text.strip() and "\0" not in text and len(text) <= 1_024 and (folder / text).is_dir():
            raise FieldError(node, f"{text!r} is a folder: name a file in it")
        where = f"beside the {what}{guess_file(folder, text)} (paths here are relative to the {what} file)"
        raise FieldError(node, f"there is no file {text!r} {where}")
    path = absolute(folder / text)
    context.definitions[path] = None
    return path


def _prompt_text(context: Context, node: Node) -> tuple[str, str, tuple[str, ...]]:
    """The text, what to say before a problem in it, and the file it stands in."""
    if isinstance(node, Mapping):
        fields = PROMPT_FILE.read(node, context.problems)
        if fields.broken:
            raise SaidError
        if "file" not in fields:
            raise FieldError(node, "prompt: write the text, or {file: path}")
        name = fields.at("file")
        path = definition(context, name)
        return _read(context, Path(path), name), f"{context.templates.render(name)}: ", (path,)
    try:
        text = no_boolean(text_of(node, _PROMPT), _PROMPT, numbers=False).text
    except FieldError as error:
        raise FieldError(error.node, f"prompt: {error.message}") from None
    if not text.strip():
        raise FieldError(node, "prompt: the text is empty")
    if existing_file(context.plan_dir, text) is not None:
        path = _record(context, node, text, context.plan_dir)
        return _read(context, Path(path), node), f"{text}: ", (path,)
    if text.endswith(_TEXT_SUFFIXES) and not any(c.isspace() for c in text) and not is_template(text):
        guess = guess_file(context.plan_dir, text)
        what = f"prompt: {text!r} looks like a file, but there is none of that name beside the plan{guess}"
        raise FieldError(node, what)
    return text, "", ()


def _read(context: Context, path: Path, node: Node) -> str:
    name = os.path.relpath(path, context.plan_dir)
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise FieldError(node, f"{name!r} cannot be read: {error.strerror}") from None
    if data is None:
        raise FieldError(node, f"{name!r} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FieldError(node, f"{name!r} is not UTF-8 text (byte {error.start})") from None
