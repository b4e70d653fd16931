"""The command `orchharness`: how runs stand, and what can be done about them, from any terminal.

Rules that hold here:
  * What only looks never writes, never takes a lock, and needs neither the plan file nor its plugins.
  * Everything an agent or a critic wrote is data: cleaned and bounded before a terminal sees it.
  * Nothing heavy is imported before a command needs it: the answer to `status` should be there at once.
A new command is one module with a function that takes the parsed arguments, and one entry in `parser`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from orchharness.cli.parser import parse
from orchharness.errors import OrchError

WRONG_USE, FAILED, STOPPED = 2, 1, 130


class UsageError(OrchError):
    """The command was given what it cannot mean: exit status 2."""


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words ask (default: those of the command line); the exit status."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # names of files may hold what the terminal's encoding does not know
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    asked = parse(sys.argv[1:] if words is None else words)
    if asked is None:
        return 0
    try:
        status = asked.command(asked)
        sys.stdout.flush()
    except UsageError as error:
        return _said(error, WRONG_USE)
    except OrchError as error:
        return _said(error, FAILED)
    except BrokenPipeError:  # the reader has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    return int(status)


def _said(error: OrchError, status: int) -> int:
    sys.stderr.write(f"orchharness: {error}\n")
    return status
