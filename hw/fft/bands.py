"""Where bins of maps in bands meet their spectra: each with that of the negative frequency."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib.wiring import In, Out

from golden.fft.flow import TransformFlow
from golden.fft.plane import PlaneFft
from hw.fft.beats import AHEAD, PARTS, Beats, BeatSignature, complexes
from hw.fft.product import ExactProduct, factor_layout, operands, round_sum
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, View, view
from hw.primitives.memory import Memory

MIRRORING = 4
"""Cycles from a beat that lets another leave to that one, a word's way to its memory included."""
_WRITING = AHEAD + 1
"""Cycles from a beat's `early` to its word in the memory."""
ADDING = 1
"""Cycles for the sum of a bin's two products, and as many for its rounding."""


def own_depth(flow: TransformFlow) -> int:
    """Return the words that a memory has which delays bins until their mirrored ones are there."""
    return min(1 << (flow.mirror_span + MIRRORING + _WRITING).bit_length(), flow.size)


class MirrorStage(Component):
    """Gives every bin together with that of the negative frequency.

    Bins come in an order in which the two are at most `mirror_span` places apart. So as many wait,
    and leave in the cycles after their block, come what may, with no more input.

    One beat a cycle; a block's first leaves `MIRRORING` cycles after the one `mirror_span` places
    behind it.

    Members
    -------
    i : In, `BeatSignature`
        With half a unit added where rounding drops bits.
    o : Out, `BeatSignature` of operands
        The bin, and the other as second one.
    """

    i: Beats
    o: Beats

    def __init__(self, design: PlaneFft) -> None:
        self._flow = design.flow
        self._shapes = design.formats.sections[design.flow.middle]
        self._target = design.target
        super().__init__(
            {
                "i": In(BeatSignature(self._shapes.leaves, 1)),
                "o": Out(BeatSignature(self._shapes.operand, 2)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.place = place = Counter(self._flow.size)
        m.d.comb += place.step.eq(self.i.early)
        leaves = self._leave(m, place)
        own = Signal(range(self._flow.size))
        step = delay_valid(m, leaves, MIRRORING - 1, name="leaves")
        with m.If(step):
            m.d.sync += own.eq(own + 1)
        m.d.comb += self.o.early.eq(delay_valid(m, step, 1, name="left"))
        word = operands(m, complexes(self.i.z), self._shapes)
        write = (
            delay_valid(m, self.i.early, _WRITING, name="write"),
            delay(m, place.value, _WRITING, name="w_addr"),
            delay(m, word, 1, name="word"),
        )
        depths = (own_depth(self._flow), self._flow.size)
        for number, address in enumerate((own, self._mirrored(own))):
            memory = Memory(depth=depths[number], width=len(word), target=self._target)
            m.submodules["mirrored" if number else "own"] = memory
            r_addr = delay(m, address, 1, name=f"r_addr_{number}")
            m.d.comb += [
                memory.w_en.eq(write[0]),
                memory.w_addr.eq(write[1]),
                memory.w_data.eq(write[2]),
                memory.r_en.eq(1),
                memory.r_addr.eq(r_addr),
                self.o.z[number].as_value().eq(memory.r_data),
            ]
        return m

    def _leave(self, m: Module, place: Counter) -> Value:
        """Return whether a bin leaves: with one that comes so much later, or after its block."""
        span = self._flow.mirror_span
        far = Signal()  # a block's beats have come that let others leave
        ends = Signal()
        rest = Signal()  # what waits of a complete block leaves
        m.submodules.left = left = Counter(span)
        m.d.comb += [ends.eq(self.i.early & place.last), left.step.eq(rest)]
        with m.If(rest & left.last):
            m.d.sync += rest.eq(0)
        with m.If(self.i.early & (place.value == span - 1)):
            m.d.sync += far.eq(1)
        with m.If(ends):
            m.d.sync += [far.eq(0), rest.eq(1)]
        return (self.i.early & far) | rest

    def _mirrored(self, place: Value) -> Value:
        """Return the place of the negative frequency: of either axis, what counts below a 0."""
        assert self._flow.row is not None
        column_bits = self._flow.row.bit_length() - 1
        return Cat(_flipped(place[:column_bits]), _flipped(place[column_bits:]))


def _flipped(place: Value) -> Value:
    """Return ``place`` with all bits below its highest 0 turned about."""
    return Cat(place[bit] ^ ~place[bit + 1 :].all() for bit in range(len(place)))


def bands_latency(flow: TransformFlow) -> int:
    """Cycles that meeting two spectra takes more than meeting one does, with all registers."""
    return flow.mirror_span + MIRRORING + ADDING


def meet_spectra(m: Module, design: PlaneFft, bins: Beats, factors: list[View]) -> Beats:
    """Multiply both bins of ``bins`` by their ``factors``, and add the products up.

    ``bins`` are `o` of `MirrorStage`, with the factors' registers allowed for. The second product's
    conjugate is what is added.
    """
    shapes = design.formats.sections[design.flow.middle]
    products = []
    for number, factor in enumerate(factors):
        m.submodules[f"product_with_{number}"] = product = ExactProduct(
            operand=shapes.operand,
            total=design.total,
            factor_bits=design.spectrum_bits,
            pairs=1,
            target=design.target,
        )
        m.d.comb += [product.i[0].eq(bins.z[number]), product.factor.eq(factor)]
        products.append(product.o[0])
    own, other = products
    entry = design.formats.sections[design.flow.middle + 1].entry
    beats = BeatSignature(entry, 1).create(path=("sums",))
    cycles = ExactProduct.latency_on(design.target, operand_bits=shapes.operand.width) + 2 * ADDING
    m.d.comb += beats.early.eq(delay_valid(m, bins.early, cycles, name="sum"))
    for part, total in zip(PARTS, (own.re + other.re, own.im - other.im), strict=True):
        word = Signal(design.total.width, name=f"sum_{part}", reset_less=True)
        m.d.sync += word.eq(total)
        dropped = design.total.f_bits - entry.f_bits
        round_sum(m, word.as_signed(), dropped, beats.z[0][part], beats.carry[0][part])
    return beats


def factors_of(m: Module, word: Value, bits: int) -> list[View]:
    """Return both spectra's words of ``word`` as the multipliers take them, a cycle later."""
    factors = []
    for number in range(2):
        re, im = (word[(2 * number + part) * bits :][:bits].as_signed() for part in range(2))
        factor = view(factor_layout(bits), name=f"factor_{number}", reset_less=True)
        m.d.sync += [factor.re.eq(re), factor.difference.eq(im - re), factor.total.eq(re + im)]
        factors.append(factor)
    return factors
