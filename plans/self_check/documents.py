"""The documentation holds: links lead somewhere, and every plan and plugin shown in it can be used.

Run in the root of the project. A fenced YAML block that begins with the language version is a plan, a Python block
with hooks is a plugin: the plans of a document may use its kinds.
"""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from orchharness import testing
from orchharness.errors import OrchError
from orchharness.planfile import read_plan
from orchharness.plugins import PluginHost

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SKIPPED = {"skill", "sample", ".venv", "node_modules"}


def documents(root: Path) -> list[Path]:
    """The Markdown files that are written by people."""
    found = [*root.glob("*.md"), *(p for d in ("docs", "plans", "plugins") for p in (root / d).rglob("*.md"))]
    return sorted(p for p in found if not _SKIPPED.intersection(p.relative_to(root).parts))


def dead_links(path: Path) -> Iterator[str]:
    """Links to files that are not there, and to headings that nobody wrote."""
    text = _FENCED.sub("", path.read_text())
    for link in _LINK.findall(text):
        target, _, heading = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue  # leads out of the project, and this check works offline
        file = path.parent / target if target else path
        if not file.exists():
            yield f"{path}: {link} leads nowhere"
        elif heading and heading not in headings(file):
            yield f"{path}: {file.name} has no heading #{heading}"


def headings(path: Path) -> set[str]:
    """The anchors of a document."""
    titles = re.findall(r"^#+ +(.+)$", _FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def unusable(path: Path, root: Path, packages: list[ModuleType]) -> Iterator[str]:
    """Plans and plugins shown in the document that are none."""
    blocks = _FENCED.findall(path.read_text())
    shown = [text for language, text in blocks if language == "python" and "@hookimpl" in text]
    if not any(
        "orchharness.testing" in text for text in shown
    ):  # a page that tells how to get it brings it itself
        packages = [*packages, testing]
    try:
        host = PluginHost.load([*packages, *map(_module, shown)], entry_points=False)
        kinds, critics = host.kinds, host.critic_kinds
    except OrchError as error:
        yield f"{path}: {error}"
        return
    for language, text in blocks:
        if language == "yaml" and text.startswith("orchharness:"):
            place = root / "plans/gallery/shown.plan.yaml"  # where there is a `sample` to copy
            try:
                read_plan(place, root=root, kinds=kinds, critic_kinds=critics, text=text.encode())
            except OrchError as error:
                yield f"{path}: this plan cannot be read:\n{text}{error}"


def _module(text: str) -> ModuleType:
    module = ModuleType("shown")
    exec(compile(text, "shown.py", "exec"), vars(module))  # noqa: S102 - the project's own documents
    return module


def main() -> int:
    """0 when all is well; everything that is not is said."""
    root = Path.cwd()
    for package in root.glob("plugins/*/"):
        sys.path.insert(0, str(package))
    packages = [import_module(p.parent.name) for p in root.glob("plugins/*/orchharness_*/__init__.py")]
    found = documents(root)
    wrong = [fault for path in found for fault in dead_links(path)]
    wrong += [fault for path in found for fault in unusable(path, root, packages)]
    print("\n".join(wrong) or f"{len(found)} documents", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
