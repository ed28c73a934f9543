"""``python -m parc_hdl``."""

import sys

from parc_hdl.command import run

if __name__ == "__main__":
    sys.exit(run())
