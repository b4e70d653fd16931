"""What the site has that Markdown alone has not: the order of the pages, and parts that are made from the code.

* `docs/README.md` is a plain list of links under headings. The headings and their order become the side bar.
* A fenced block `{reference} NAME` is replaced by what `orch_reference` makes.
* A fenced block `{shot} NAME` is replaced by the picture that `docs/screenshots.py` made, if it could.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from orch_reference import PAGES
from sphinx.util.docutils import SphinxDirective

INDEX = "docs/README"
LINKED_FROM_PAGES = {"plans/gallery/sample/README"}
SHOTS = Path(__file__).parents[1] / "_static" / "shots"
_REFERENCE = re.compile(r"^```\{reference\} (\w+)\n```$", re.MULTILINE)
_SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class Shot(SphinxDirective):
    """A picture for a light page, or one for a light and one for a dark page; the content is its caption."""

    required_arguments = 1
    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """The figure; a remark where there is no picture, since no browser was there to take it."""
        name, caption = self.arguments[0], " ".join(self.content)
        there = list(sorted(SHOTS.glob(f"{name}.*")) + sorted(SHOTS.glob(f"{name}-*.*")))
        if not there:
            told = f"Picture left out: {caption} `make screenshots` takes it where there is a browser."
            return list(self.parse_text_to_nodes(told))
        return [self._figure(path, caption) for path in there]

    def _figure(self, path: Path, caption: str) -> nodes.Node:
        only = [f"only-{mode}" for mode in ("light", "dark") if path.stem.endswith(f"-{mode}")]
        image = nodes.image(uri=f"/docs/_static/shots/{path.name}", alt=caption, classes=["shot"])
        return nodes.figure("", image, nodes.caption(caption, caption), classes=only)


def _read(app: Any, name: str, source: list[str]) -> None:
    """The text of a page, with what is made put in."""
    del app
    if name in LINKED_FROM_PAGES:
        source[0] = f"---\norphan: true\n---\n\n{source[0]}"
    source[0] = _REFERENCE.sub(lambda found: PAGES[found[1]](), source[0])
    if name == INDEX:
        source[0] += "\n" + "\n".join(_trees(source[0]))


def _trees(index: str) -> Iterator[str]:
    """The lists of links of the index, as the tree of pages that Sphinx wants."""
    for title, body in _SECTION.findall(index):
        pages = re.findall(r"^\* \[[^\]]+\]\(([^)#]+\.md)\)", body, re.MULTILINE)
        yield "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])


def _outdated(app: Any, env: Any, *_: object) -> list[str]:
    """Pages that are made from the code are always read again."""
    del app
    return [name for name in env.found_docs if _REFERENCE.search(Path(env.doc2path(name)).read_text())]


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls it once."""
    app.add_directive("shot", Shot)
    app.connect("source-read", _read)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
