"""Which files of a workspace a path or glob means.

Patterns are relative, with `/`. `*`, `?` and `[...]` stand for names within one folder, hidden ones
included; `**` stands for any number of folders, as the last part for everything below. A path that names a
folder means everything below it. `[...]` also matches itself: `pages/[id].tsx` is a file name, too.

Links are followed where the pattern names them; `**` does not descend into links, so there are no loops.
Where a link leaves the workspace, nothing behind it is listed: the link itself is the match, and the caller
sees that it leads outside. `.git` and the `skip` folder (the run directory) only match when they are named.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from orchharness.record import record
from orchharness.workspace.files import inside, relative

_NEVER = ".git"
_NOT_LISTABLE = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}


def is_glob(pattern: str) -> bool:
    """Whether the pattern can mean several files."""
    return any(sign in pattern for sign in "*?[")


def find(workspace: str, patterns: Iterable[str], skip: str | None = None) -> list[str]:
    """The relative paths that match any pattern, sorted: files, and whatever else is no folder.

    Args:
        workspace: The folder to look in.
        patterns: Relative paths or globs.
        skip: Absolute path of a folder that is not descended into.

    Raises:
        OrchError: a pattern is absolute or leaves the workspace.
    """
    root = os.path.realpath(workspace)
    search = _Search(root, os.path.realpath(skip) if skip else None, set())
    for pattern in dict.fromkeys(patterns):
        parts = relative(pattern).split("/") if relative(pattern) else ["**"]
        search.look("", _without_repeats(parts))
    return sorted(search.found)


def find_named(workspace: str, name: str, skip: str | None = None, *, limit: int = 20_000) -> list[str]:
    """Up to three places below the workspace that hold a file of that name, among the first `limit` entries."""
    search, found = _Search(os.path.realpath(workspace), os.path.realpath(skip) if skip else None, set()), []
    for seen, (folder, entry) in enumerate(search.tree("")):
        if entry.name == name and entry.is_file(follow_symlinks=False):
            found.append(posixpath.join(folder, name))
        if seen >= limit or len(found) == 3:
            break
    return found


def _without_repeats(parts: Sequence[str]) -> list[str]:
    """`**/**` is `**`, which matters: each one multiplies the work."""
    return [part for i, part in enumerate(parts) if part != "**" or parts[i - 1 : i] != ["**"]]


@record(kw_only=False)
class _Search:
    """One search in one workspace; `found` collects the matches."""

    root: str
    skip: str | None
    found: set[str]

    def look(self, at: str, parts: Sequence[str]) -> None:
        """Add what `parts` mean below the folder or file `at`."""
        if not parts:
            self._end(at)
            return
        head, rest = parts[0], parts[1:]
        if not is_glob(head):
            self.look(posixpath.join(at, head), rest)
        elif not self._enter(at):
            return
        elif head == "**":
            self._everywhere(at, rest)
        else:
            self._here(at, head, rest)

    def tree(self, at: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Everything below the folder that is no folder, with the folder it is in; links are not followed."""
        folders = [at]
        while folders:
            folder = folders.pop()
            for entry in self._entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(posixpath.join(folder, entry.name))
                else:
                    yield folder, entry

    def _end(self, at: str) -> None:
        """The pattern is used up: a file is a match, a folder means everything below it."""
        if os.path.isdir(self._absolute(at)):
            if self._enter(at):
                self._everywhere(at, ())
        elif os.path.lexists(self._absolute(at)):
            self.found.add(at)

    def _everywhere(self, at: str, rest: Sequence[str]) -> None:
        """`**`: the rest in this folder and in every one below, or simply everything."""
        if not rest:
            self.found.update(posixpath.join(folder, entry.name) for folder, entry in self.tree(at))
            return
        folders = [at]
        while folders:
            folder = folders.pop()
            self.look(folder, rest)
            folders += [
                posixpath.join(folder, e.name)
                for e in self._entries(folder)
                if e.is_dir(follow_symlinks=False)
            ]

    def _here(self, at: str, head: str, rest: Sequence[str]) -> None:
        """The names in one folder that match; a folder whose name matches is only a way to the rest."""
        for entry in self._entries(at):
            if entry.name == head or fnmatchcase(entry.name, head):
                if rest:
                    self.look(posixpath.join(at, entry.name), rest)
                elif not entry.is_dir(follow_symlinks=False):
                    self.found.add(posixpath.join(at, entry.name))

    def _enter(self, at: str) -> bool:
        """Whether the folder may be listed; a link that leaves the workspace is itself the match."""
        allowed = inside(os.path.realpath(self._absolute(at)), self.root)
        if not allowed:
            self.found.add(at)
        return allowed

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in the folder; nothing when it is none, is gone, or cannot be read."""
        try:
            with os.scandir(self._absolute(folder)) as entries:
                return [e for e in entries if e.name != _NEVER and e.path != self.skip]
        except OSError as error:
            if error.errno not in _NOT_LISTABLE:
                raise
            return []

    def _absolute(self, at: str) -> str:
        return posixpath.join(self.root, at) if at else self.root
