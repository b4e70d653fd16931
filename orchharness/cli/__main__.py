"""`python -m orchharness.cli`."""

import sys

from orchharness.cli import main

sys.exit(main())
