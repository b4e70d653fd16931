"""`orchharness schema`: the JSON Schema of plans, with the options of the kinds that are installed here."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from orchharness.cli import UsageError
from orchharness.cli.plans import host_of
from orchharness.cli.project import root_above


def schema(asked: argparse.Namespace) -> int:
    """Print the schema, or write it to the file that `-o` names."""
    from orchharness.planfile.export import json_schema

    here = Path.cwd()
    root = Path(asked.root).absolute() if asked.root else root_above(here)[0]
    host = host_of(root, [here if here.is_relative_to(root) else root])
    text = json.dumps(json_schema(host.kinds, host.critic_kinds), indent=2, ensure_ascii=False) + "\n"
    if asked.output is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(asked.output).write_text(text, "utf-8")
    except OSError as error:
        msg = f"-o {asked.output!r}: {error.strerror}"
        raise UsageError(msg) from None
    return 0
