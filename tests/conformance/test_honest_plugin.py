"""What keeps to the rules passes: the plugin that `new-plugin` writes, by the suite's own words."""

from __future__ import annotations

from honest import Honest


class TestHonest(Honest):
    pass
