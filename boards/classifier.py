"""A network on a board: stored images in, the class of each on LEDs, compared with golden's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from boards.selftest import BoardTop, Shown, WordsInTurn
from golden.accelerator.words import frames_of
from golden.inputs.errors import ParameterError
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.accelerator.built import sizes_of
from hw.emit.axi import AxiInstance
from hw.emit.verilog import to_verilog
from hw.parts.ports import Stream

TOP = "classifier"
N_IMAGES = 8
_CLASS_BITS = 4
_SAMPLE_BITS = 8


@dataclass(frozen=True)
class StoredImages:
    """What is stored.

    Parameters
    ----------
    sent
        Beats of all images: tdata, and the end of an image above it.
    expected
        Beats of all results, likewise.
    classes
        Outputs of the network.
    signed
        Whether they are.
    """

    sent: list[int]
    expected: list[int]
    classes: int
    signed: bool


def stored_images(
    network: Network, manifest: dict[str, Any], images: Floats, *, wrong: bool
) -> StoredImages:
    """Return the first of ``images`` ``[n, C, H, W]``, and what a network makes of them.

    Parameters
    ----------
    network, manifest
        What was built.
    images
        In real numbers.
    wrong
        Expect one output that is one off: the comparison must fail.

    Raises
    ------
    ParameterError
        Where the network does not give one output of at most 16 classes.
    """
    shapes = [network.maps[name].shape for name in network.outputs]
    if len(shapes) != 1 or shapes[0][1:] != (1, 1) or shapes[0][0] > 2**_CLASS_BITS:
        rule = f"left out for a network without one output of at most {2**_CLASS_BITS} classes"
        raise ParameterError("board", rule, " and ".join(map(str, shapes)))
    sizes = sizes_of(manifest)
    maps = network.quantize(images[:N_IMAGES])
    (results,) = network.run({network.input: maps}).values()
    expected = frames_of(results, sizes)
    expected[-1, 0, 0] ^= int(wrong)
    gives = network.maps[network.outputs[0]]
    return StoredImages(
        sent=_beats(frames_of(maps, sizes)),
        expected=_beats(expected),
        classes=gives.channels,
        signed=gives.signed,
    )


def _beats(frames: Integers) -> list[int]:
    """Return words ``[F, n, tile]`` as beats, a frame's last one marked."""
    words = []
    for frame in (frames & 255).astype(np.uint8):
        beats = [int.from_bytes(word.tobytes(), "little") for word in frame]
        beats[-1] |= 1 << _SAMPLE_BITS * frame.shape[1]
        words += beats
    return words


class Classifier(Shown):
    """Sends stored images to a network, one after the other for ever, and shows their classes.

    Parameters
    ----------
    manifest
        Of the build; its Verilog module is instantiated by name.
    stored
        Images, and what must come of them.
    hold
        Cycles that a class is shown for.

    LEDs 0 to 3 are the class, 6 changes with every image; 4 lights once all images were right
    to the last bit, 5 as soon as one was not.
    """

    def __init__(self, manifest: dict[str, Any], stored: StoredImages, hold: int) -> None:
        self._manifest = manifest
        self._stored = stored
        self._hold = hold
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = AxiInstance(self._manifest)
        shown = Signal()  # pulse: the class stands, and was shown for long enough
        self._send(m, engine.i, shown)
        chosen, wrong, ended = self._receive(m, engine.o)
        images = sum(word >> self._width(engine.o) for word in self._stored.expected)
        left = Signal(range(self._hold + 1))
        image = Signal(range(images + 1))
        turn = Signal()
        m.d.comb += shown.eq(left == 1)
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.If(ended):
            m.d.sync += [left.eq(self._hold), self.leds[:_CLASS_BITS].eq(chosen), turn.eq(~turn)]
            with m.If(image != images):
                m.d.sync += image.eq(image + 1)
        m.d.comb += self.leds[_CLASS_BITS:].eq(Cat((image == images) & ~wrong, wrong, turn))
        return m

    @staticmethod
    def _width(stream: Stream) -> int:
        return len(stream.payload.data)

    def _send(self, m: Module, o: Stream, shown: Value) -> None:
        width = self._width(o)
        words = WordsInTurn(self._stored.sent, width + 1, endless=True)
        m.submodules.sent = words
        sends = Signal(init=1)
        read = Signal()  # the first word is there a cycle after the reset
        m.d.sync += read.eq(1)
        m.d.comb += [
            o.payload.as_value().eq(words.word),
            o.valid.eq(sends & read),
            words.step.eq(o.valid & o.ready),
        ]
        with m.If(words.step & o.payload.last):
            m.d.sync += sends.eq(0)
        with m.Elif(shown):
            m.d.sync += sends.eq(1)

    def _receive(self, m: Module, i: Stream) -> tuple[Signal, Signal, Signal]:
        """Return class, whether a beat was wrong, and a pulse once the class of an image stands."""
        width = self._width(i)
        words = WordsInTurn(self._stored.expected, width + 1, endless=True)
        m.submodules.expected = words
        samples = width // _SAMPLE_BITS
        beat = Signal(width)
        wanted = Signal(width)
        left = Signal(range(samples + 1))  # samples of the beat to look at
        last = Signal()
        place = Signal(range(self._stored.classes + 1))
        chosen = Signal(_CLASS_BITS, name="class_")
        wrong = Signal()
        ended = Signal()
        best = Signal(_SAMPLE_BITS)
        # Greater as words without sign where the sign is turned over.
        sign = 1 << _SAMPLE_BITS - 1 if self._stored.signed else 0
        sample = Signal(_SAMPLE_BITS)
        m.d.comb += [
            i.ready.eq(left == 0),
            words.step.eq(i.valid & i.ready),
            sample.eq(beat[:_SAMPLE_BITS] ^ sign),
        ]
        m.d.sync += ended.eq((left == 1) & last)
        with m.If(words.step):
            m.d.sync += [
                beat.eq(i.payload.data),
                wanted.eq(words.word),
                last.eq(i.payload.last),
                left.eq(samples),
                wrong.eq(wrong | (i.payload.last != words.word[-1])),
            ]
        with m.If(left != 0):
            m.d.sync += [left.eq(left - 1), beat.eq(beat >> _SAMPLE_BITS)]
            m.d.sync += wanted.eq(wanted >> _SAMPLE_BITS)
            # Channels that there are not may be anything.
            with m.If(place != self._stored.classes):
                m.d.sync += [
                    place.eq(place + 1),
                    wrong.eq(wrong | (beat[:_SAMPLE_BITS] != wanted[:_SAMPLE_BITS])),
                ]
                with m.If((place == 0) | (sample > best)):
                    m.d.sync += [best.eq(sample), chosen.eq(place)]
        with m.If(ended):
            m.d.sync += place.eq(0)
        return chosen, wrong, ended


def classifier(manifest: dict[str, Any], stored: StoredImages, hold: int) -> str:
    """Return Verilog of module `TOP` that shows on a board what the build of ``manifest`` sees."""
    top = BoardTop(Classifier(manifest, stored, hold))
    return to_verilog(top, TOP, top.ports)
