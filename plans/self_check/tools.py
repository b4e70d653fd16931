"""Are the tools there that the other tasks need? `tools.py MODULE...` names all that are missing, at once."""

import importlib.util
import sys


def main(modules: list[str]) -> int:
    """0 when all of them can be imported."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"self-check: {sys.executable} has no {', '.join(missing)}: "
            "install this checkout with its tools, pip install -e '.[dev]'",
            file=sys.stderr,
        )
        return 1
    print(f"{', '.join(modules)}: there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
