"""`accelerate launch train.py METHOD [options]`: see `train.py --help`."""

import sys

from hfstyle.training.main import main

if __name__ == "__main__":
    sys.exit(main())
