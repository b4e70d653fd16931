"""How the site is made of the Markdown pages: `make docs`. The pages stay readable where Markdown is shown as it is.

The source folder is the whole project, so that links between pages are the same on the site and in the repository:
README, CHANGELOG and the pages beside plans and plugins belong to the site.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "orchharness"
author = "orchharness"
extensions = ["myst_parser", "orch_site"]
root_doc = "docs/README"
include_patterns = [
    *("README.md", "CHANGELOG.md", "docs/*.md"),
    *("plans/gallery/README.md", "plans/gallery/sample/README.md", "plans/feat_005/README.md"),
    *("plugins/*/README.md", "tests/chaos/README.md", "tests/agents/README.md"),
]
exclude_patterns = [".*", "docs/_*", "build", "dist", "orchharness", "plans/recordings", "**/__pycache__"]
templates_path = ["_templates"]

nitpicky = True
smartquotes = False
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
highlight_language = "text"

html_theme = "furo"
html_title = "orchharness"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "first.html"}
html_copy_source = False
html_show_sourcelink = False
