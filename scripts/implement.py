"""Synthesis, place and route of a build: ``python scripts/implement.py build/NAME.json``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.command import run

if __name__ == "__main__":
    sys.exit(run())
