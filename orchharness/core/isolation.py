"""What keeps an act that works in a git worktree of its own apart from the repository of its caller."""

from __future__ import annotations

from typing import Final

BRANCH: Final = "ORCH_BRANCH"  # in the environment of acts that work in a worktree: its branch

# By these git is told of another repository than the one it stands in. A session that a hook of git started has them.
# They are those of `git rev-parse --local-env-vars` that name places; what is configuration stays.
PLACES: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
