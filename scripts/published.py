"""Write docs/published.md and its picture of what is kept: ``python scripts/published.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.published import FIGURES, ROOFLINES, markdown, read_frames, read_pages, rooflines
from hw.emit.files import write_files

if __name__ == "__main__":
    frames, pages = read_frames(), read_pages()
    written = {"published.md": markdown(frames, pages).encode()}
    written[ROOFLINES.name] = rooflines(frames, pages)
    write_files(written, FIGURES.parent)
