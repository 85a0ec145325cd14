"""`python -m hfstyle` is the `hfstyle` command."""

import sys

from hfstyle.cli import main

if __name__ == "__main__":
    sys.exit(main())
