"""Write docs/published.md of docs/published.json: ``python scripts/published.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.published import FIGURES, markdown, read_frames
from hw.emit.files import write_files

if __name__ == "__main__":
    write_files({"published.md": markdown(read_frames()).encode()}, FIGURES.parent)
