"""Beats through a build's Verilog under Icarus, without cocotb: compiled and run in a second."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BENCH = Path(__file__).with_name("beats.v")


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """What is sent to a build, and what is waited for.

    Parameters
    ----------
    words
        Beats as integers, the lowest slot in the low bits.
    in_bits, out_bits
        Of a beat that goes in, and of one that comes out.
    out_beats
        To come.
    frame
        Beats that go in from a tlast to the next.
    patience, settle
        Cycles without a beat after which the run ends: before all came, and after.
    events
        Whether the build tells of tlast that is misplaced.
    """

    words: Sequence[int]
    in_bits: int
    out_bits: int
    out_beats: int
    frame: int
    patience: int
    settle: int
    events: bool = True


@dataclass(frozen=True)
class Pace:
    """How often a source and a sink pause.

    Parameters
    ----------
    source, sink
        Probabilities of a pause in a cycle.
    seed
        Of the pauses.
    """

    source: float = 0.0
    sink: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class Seen:
    """What came of it.

    Attributes
    ----------
    beats
        Of each the cycle, from the first beat taken on, tlast, and the data in hexadecimal digits.
    taken
        Beats that were taken.
    broken
        Times that rules of streams were broken, or a bit that counts was unknown.
    events
        That were told.
    """

    beats: list[list[str]]
    taken: int
    broken: int
    events: int


def run_beats(
    manifest: Mapping[str, Any],
    sources: Sequence[Path],
    stimulus: Stimulus,
    paces: Sequence[Pace],
    work: Path,
) -> Iterator[Seen]:
    """Yield what comes of a stimulus at each pace.

    The build of ``manifest``, whose Verilog is ``sources``, is compiled once, in ``work``.
    """
    work.mkdir(exist_ok=True)
    lines = "".join(f"{word:x}\n" for word in stimulus.words)
    (work / "in.hex").write_text(lines, encoding="utf-8")
    macros = {
        "TOP": manifest["top"],
        "CLOCK": manifest["clock"],
        "RESET": manifest["reset"]["name"],
        "ACTIVE": int(manifest["reset"]["active"] == "high"),
        "IN_BITS": stimulus.in_bits,
        "OUT_BITS": stimulus.out_bits,
        "IN_BEATS": len(stimulus.words),
        "OUT_BEATS": stimulus.out_beats,
        "FRAME": stimulus.frame,
        "PATIENCE": stimulus.patience,
        "SETTLE": stimulus.settle,
    } | ({"EVENTS": 1} if stimulus.events else {})
    defined = [f"-D{key}={value}" for key, value in macros.items()]
    files = [str(path.resolve()) for path in (_BENCH, *sources)]
    command = ["iverilog", "-g2012", "-o", "bench.vvp", *defined, *files]
    subprocess.run(command, cwd=work, check=True)
    for pace in paces:
        values = {
            "pause_in": round(1000 * pace.source),
            "pause_out": round(1000 * pace.sink),
            "seed": pace.seed,
        }
        run = ["vvp", "-n", "bench.vvp", *(f"+{name}={value}" for name, value in values.items())]
        subprocess.run(run, cwd=work, check=True, stdout=subprocess.DEVNULL)
        *beats, end = (work / "out.txt").read_text(encoding="utf-8").split("\n")[:-1]
        taken, _, broken, events = map(int, end.split()[1:])
        yield Seen([beat.split() for beat in beats], taken, broken, events)
