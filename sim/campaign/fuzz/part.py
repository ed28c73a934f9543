"""The part of the campaign that damages files."""

import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from sim.campaign.fuzz.kills import try_kill
from sim.campaign.fuzz.readers import OF_TORCH, READERS, Files
from sim.campaign.fuzz.sandbox import confined
from sim.campaign.part import Outcome

_FILES, _BATCH = 10_000, 250
"""Damaged files a reader, and of a point."""
_KILLS = "writer, killed"
_KINDS = (*READERS, _KILLS)


@cache
def _samples(reader: str) -> Sequence[Files]:
    return READERS[reader].samples()


def damaged(reader: str, index: int) -> dict[str, bytes]:
    """Return the files of a damaged file's number, the damaged one the first."""
    random = np.random.default_rng([zlib.crc32(reader.encode()), index])
    samples = _samples(reader)
    files = dict(samples[index % len(samples)])
    name = next(iter(files))
    files[name] = READERS[reader].mutation(files[name], random)
    return files


def try_file(reader: str, index: int) -> tuple[bool, str | None]:
    """Read a damaged file; return whether it was refused, and what is wrong if anything."""
    files = damaged(reader, index)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        ended = confined(lambda: READERS[reader].read(folder / next(iter(files))), folder)
        changed = [n for n, content in files.items() if (folder / n).read_bytes() != content]
        left = sorted({path.name for path in folder.iterdir()} - files.keys())
    if changed or left:
        return True, f"leaves {', '.join([*changed, *left])}"
    return ended.status == 2, ended.complaint


class Fuzz:
    """Damaged files: a right result, or one line and exit status 2."""

    name = "fuzz"
    head = ("reader", "files", "right", "refused in one line, or killed", "failures")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for begin in range(0, _FILES, _BATCH):
            yield from (f"{kind} {begin} {_BATCH}" for kind in _KINDS)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"{kind} 0 6" for kind in _KINDS if kind not in OF_TORCH)

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        kind, begin, number = point.rsplit(" ", 2)
        refused, failures = 0, []
        for index in range(int(begin), int(begin) + int(number)):
            was_refused, wrong = try_kill(index) if kind == _KILLS else try_file(kind, index)
            refused += was_refused
            if wrong is not None:
                failures.append(f"{index}: {wrong}")
        return {"files": int(number), "refused": refused, "failures": failures}

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for kind in _KINDS:
            own = [o for point, o in kept.items() if point.rsplit(" ", 2)[0] == kind]
            files, refused = (sum(o[key] for o in own) for key in ("files", "refused"))
            wrong = sum(len(o["failures"]) for o in own)
            counts = (files, files - refused - wrong, refused, wrong)
            rows.append((kind, *(f"{count:,}" for count in counts)))
        return rows
