"""Writes a module from its specification: `engineer.py specs/cart.md shop/cart.py [--register]`.

With `--register` the module is also added to the package's `__init__.py`, which reads the file and writes it
again: two engineers who did that at the same moment would lose one of the two lines.
"""

import re
import sys
from pathlib import Path

_FUNCTION = re.compile(
    r"^- `(?P<name>\w+)(?P<arguments>\(.*?\))`: (?P<says>.+)\n"
    r"  `(?P<result>.+)`\n"
    r"  for example `(?P<example>.+)` gives `(?P<gives>.+)`$",
    re.MULTILINE,
)


def module_of(specification: str) -> str:
    """The text of the module that the specification asks for."""
    title = specification.splitlines()[0].partition(": ")[2]
    functions = [
        f"def {found['name']}{found['arguments']}:\n"
        f'    """{found["says"].capitalize()}.\n\n'
        f'    >>> {found["example"]}\n    {found["gives"]}\n    """\n'
        f"    return {found['result']}\n"
        for found in _FUNCTION.finditer(specification)
    ]
    return "\n\n".join([f'"""{title.capitalize()}."""\n', *functions])


def register(module: Path) -> None:
    """Adds the module to its package."""
    package = module.with_name("__init__.py")
    package.write_text(f"{package.read_text()}from shop.{module.stem} import *\n")


def main(arguments: list[str]) -> None:
    """Writes the module."""
    specification, module = Path(arguments[0]), Path(arguments[1])
    module.write_text(module_of(specification.read_text()))
    if "--register" in arguments:
        register(module)
    print(f"{module}: written from {specification}")


if __name__ == "__main__":
    main(sys.argv[1:])
