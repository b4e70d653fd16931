"""Why this file exists: the gallery's sample project has tests of its own, which are not this project's.

They run in the fresh copies of the sample that the gallery's plans make, where the modules they test are written.
"""

collect_ignore = ["plans/gallery/sample"]
pytest_plugins = ["pytester"]  # only the topmost conftest may name plugins
