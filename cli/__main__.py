"""`python -m cli`: the same as `twofold`."""

import sys

from cli.app import main

if __name__ == "__main__":
    sys.exit(main())
