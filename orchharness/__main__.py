"""`python -m orchharness`: the command `orchharness`, where its script is not on the PATH."""

import sys

from orchharness.cli import main

if __name__ == "__main__":
    sys.exit(main())
