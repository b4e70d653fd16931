"""What is used of the protocol's package: `Connection`, `RequestError`, `PROTOCOL_VERSION`.

*   The package's own `__init__` builds models of all messages, which takes 0.7 s of CPU in every act, and nothing here
    uses them: agents of other versions are to be understood as well. So its modules are imported without it. The
    version is pinned.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from types import ModuleType

_known = sys.modules.get("acp")
if _known is None and (_spec := PathFinder.find_spec("acp")) is not None:
    _bare = ModuleType("acp")
    _bare.__path__ = list(_spec.submodule_search_locations or ())
    sys.modules["acp"] = _bare
try:
    from acp.connection import Connection
    from acp.exceptions import RequestError
    from acp.meta import PROTOCOL_VERSION
finally:
    if _known is None:
        sys.modules.pop("acp", None)  # who imports the package after this gets all of it

__all__ = ["PROTOCOL_VERSION", "Connection", "RequestError"]
