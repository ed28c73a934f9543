"""``python -m hw.sweep``."""

import sys

from hw.command import run_command
from hw.sweep.command import main

if __name__ == "__main__":
    sys.exit(run_command(main, str(__package__)))
