"""Which files judge: what a command names, and what a script imports from beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from orchharness.core.plan import Command

_MOST = 200  # files one script may bring in
_SHELLS = {"sh", "bash", "dash", "zsh"}


def words_of(command: Command) -> list[str]:
    """The words in which files may be named; a shell's text is split as a shell would, as far as that goes."""
    if command.shell:
        return _shell_words(command.argv[0])
    argv = list(command.argv)
    texts = [argv[n + 1] for n, w in enumerate(argv[:-1]) if w == "-c" and Path(argv[0]).name in _SHELLS]
    return argv + [word for text in texts for word in _shell_words(text)]


def module_files(words: Sequence[str], bases: Iterable[Path]) -> list[Path]:
    """The file of a module that `python -m NAME` finds below one of the folders."""
    names = [words[n + 1] for n, w in enumerate(words[:-1]) if w == "-m"]
    found = []
    for name in names:
        stem = name.replace(".", "/")
        ways = (b / p for b in bases for p in (f"{stem}.py", f"{stem}/__main__.py"))
        found += [path for path in ways if path.is_file()][:1]
    return found


def with_imports(scripts: Iterable[Path]) -> list[Path]:
    """The files, and the modules that Python scripts among them import from their own folder.

    A script is judged with by its frozen copy, which finds its modules beside it only when they are frozen too.
    """
    found: dict[Path, None] = {}
    for script in scripts:
        found[script] = None
        if script.suffix == ".py":
            _follow(script, found)
    return list(found)


def _follow(script: Path, found: dict[Path, None]) -> None:
    queue, most = [script], len(found) + _MOST
    while queue and len(found) < most:
        path = queue.pop()
        for name in sorted(_imported(path)):
            package = path.parent / name
            files = sorted(package.rglob("*.py")) if (package / "__init__.py").is_file() else []
            files += [path.parent / f"{name}.py"]
            fresh = [f for f in files if f not in found and f.is_file()]
            found.update(dict.fromkeys(fresh))
            queue += fresh


def _imported(path: Path) -> set[str]:
    """The first names of what the file imports; nothing when it does not parse, which running it will tell."""
    import ast

    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").partition(".")[0]
            names.update({module} if module else {alias.name for alias in node.names})
    return names - {""}


def _shell_words(text: str) -> list[str]:
    import shlex  # costs 2 ms

    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
