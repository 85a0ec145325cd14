"""The studio, as `python app.py` and a Hugging Face Space start it. Takes the options of `hfstyle app`."""

import sys

from hfstyle.cli import main

if __name__ == "__main__":
    sys.exit(main(["app", *sys.argv[1:]]))
