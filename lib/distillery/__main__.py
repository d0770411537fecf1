"""`python -m distillery` is the command line."""

from __future__ import annotations

import sys

from distillery.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
