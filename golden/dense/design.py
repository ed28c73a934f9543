"""Dense lines: every output channel is a sum over input channels, each under its own kernel.

    y[o, i] = bias[o] + sum_c sum_k weight[o, c, k] * (x[c, (i + k) mod N] + pe[c, (i + k) mod N])

Each engine does the part that it needs once for an input line once, keeps the result for all the
channels of a frame, and adds up where adding is cheapest: the transforms' engines between the
transforms, so that an output line takes one product a word and input line, and one transform back.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from golden.direct.design import MACS, DirectDesign, pairing_option
from golden.fermat.design import FermatDesign
from golden.fermat.plan import Fold, apply_all
from golden.fermat.ring import Ring, limbs_of, rings
from golden.fft.design import FftDesign, multiply
from golden.inputs.errors import ParameterError, check_range
from golden.line.design import LineDesign
from golden.line.options import Option
from golden.line.weights import LineWeights, check_weights, correlate
from golden.numbers.fixed import SQ, Fixed
from golden.numbers.interval import Integers, Interval, partial_sums, wrap


@dataclass(frozen=True, eq=False)
class DenseWeights(LineWeights):
    """Integer parameters of a dense layer along one axis.

    As `LineWeights`, but with ``weight`` ``[C_out, C_in, N]`` and ``pe`` ``[groups * C_in, N]``:
    each group of output channels has its own input channels.
    """

    @property
    def groups(self) -> int:
        """Groups of channels that do not mix with each other's."""
        return int(self.pe.shape[0] // self.weight.shape[1])

    def group(self, number: int) -> "DenseWeights":
        """Return what belongs to one group."""

        def part(array: Integers) -> Integers:
            return np.split(array, self.groups)[number]

        return DenseWeights(part(self.weight), part(self.pe), part(self.bias))

    def start(self) -> Integers:
        """Return the start table ``[C_out, N]``: bias and all embeddings' correlations.

        Exact: below 2^31 + 65536 * 256 * 2^34 < 2^59.
        """
        parts = (self.group(number) for number in range(self.groups))
        tables = [p.bias[:, None] + correlate(p.pe, p.weight).sum(axis=1) for p in parts]
        return np.concatenate(tables)


def check_dense_weights(
    arrays: Mapping[str, npt.NDArray[np.generic]],
    *,
    length: int,
    channels: int,
    groups: int,
    in_channels: int,
    data_bits: int,
    weight_bits: int,
    requantized: Interval | None,
    key: Callable[[str], str] = str,
) -> DenseWeights:
    """Hold ``arrays`` to the formats and return them: see `golden.line.weights.check_weights`."""
    return mixing(
        check_weights(
            arrays,
            length=length,
            channels=channels,
            mixed=(groups, in_channels),
            data_bits=data_bits,
            weight_bits=weight_bits,
            requantized=requantized,
            key=key,
        )
    )


def mixing(weights: LineWeights) -> DenseWeights:
    """Return ``weights`` as those of a dense layer."""
    return DenseWeights(**{field.name: getattr(weights, field.name) for field in fields(weights)})


UNITS = Option(name="products", help="Units P that multiply side by side, a divisor of C_in.")


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseDesign(LineDesign):
    """What every dense engine is told beside `LineDesign`'s parameters; ``channels`` is C_out.

    Input lines come as a line engine's do: ``rows`` of input channel 0, then of channel 1, and so
    on; results leave so, by output channels. A group is held whole, since every output channel of
    it needs every input channel, while the next one comes in.

    Parameters
    ----------
    in_channels
        C_in, of a group.
    groups
        Groups that the channels are cut in, one after the other, and that do not mix.
    products
        Units P that multiply side by side, each for C_in / P input channels; a divisor of C_in.
    streamed
        Whether weights arrive on the port for every frame anew, one output channel at a time, and
        so need room for two channels instead of two whole sets.
    """

    in_channels: int
    groups: int = 1
    products: int = 1
    streamed: bool = False

    def __post_init__(self) -> None:
        check_range("in_channels", self.in_channels, 1, 65536)
        if self.groups < 1 or self.channels % self.groups:
            rule = f"a divisor of the output channels ({self.channels})"
            raise ParameterError("groups", rule, self.groups)
        if self.products < 1 or self.in_channels % self.products:
            rule = f"a divisor of the input channels ({self.in_channels})"
            raise ParameterError("products", rule, self.products)
        super().__post_init__()
        if self.streamed and self.weights is not None:
            raise ParameterError("streamed", "false with weights in ROM", "true")

    @property
    def stored_channels(self) -> int:
        """Output channels of a set of weights."""
        return 1 if self.streamed else self.channels

    def _check_weights(self, weights: LineWeights) -> None:
        check_dense_weights(
            weights.arrays(),
            length=self.length,
            channels=self.channels,
            groups=self.groups,
            in_channels=self.in_channels,
            data_bits=self.data_bits,
            weight_bits=self.weight_bits,
            requantized=self.output_range if self.requantization else None,
        )

    @property
    def summands(self) -> int:
        """Products that a sum is made of: a kernel's taps for every input channel."""
        return self.in_channels * self.length

    @property
    def mixing(self) -> dict[str, int | bool]:
        """What dense engines have among the manifest's parameters."""
        return {
            "in_channels": self.in_channels,
            "groups": self.groups,
            "products": self.products,
            "streamed": self.streamed,
        }

    @property
    def terms_per_unit(self) -> int:
        """Input channels that a unit multiplies: unit p has those from p * this on."""
        return self.in_channels // self.products

    @property
    def input_words(self) -> int:
        """Words of an input line as it is held."""
        return self.length

    @property
    def turns(self) -> int:
        """Turns of as many cycles as a held line has words, that an output line takes."""
        return self.terms_per_unit

    @property
    def cycles_per_group(self) -> int:
        """Cycles between groups of output lines in steady state."""
        return self.input_words * self.turns

    @property
    def channels_per_group(self) -> int:
        """Output channels of a group."""
        return self.channels // self.groups

    @property
    def cycles_of_input(self) -> int:
        """Cycles that a group of channels takes to come in."""
        return self.input_words * self.in_channels * self.groups_per_channel

    @property
    def cycles_of_output(self) -> int:
        """Cycles that the products of a group of channels take."""
        return self.cycles_per_group * self.channels_per_group * self.groups_per_channel

    @property
    def work_per_group(self) -> int:
        """Multiply-accumulates that a group of output lines stands for."""
        return self.lanes * self.length * self.summands

    def model(self, lines: Integers, weights: LineWeights | None = None) -> Integers:
        """Return what the hardware gives for whole frames, bit for bit.

        Parameters
        ----------
        lines
            int64 ``[frames * groups * C_in * rows, N]`` in order of arrival.
        weights
            `DenseWeights` in effect; needed only where they arrive on the port.

        Returns
        -------
        int64 ``[frames * C_out * rows, N]``
        """
        weights = weights or self.weights
        if weights is None:
            raise ValueError("Model must be given the weights that the port was")
        rows = self.lines_per_channel
        assert isinstance(weights, DenseWeights)
        parts = [weights.group(number) for number in range(self.groups)]
        frames = lines.reshape(-1, self.groups, self.in_channels, rows, self.length)
        sums = [
            self.accumulate(group, part)
            for frame in frames
            for group, part in zip(frame, parts, strict=True)
        ]
        by_channel = np.stack(sums).reshape(-1, self.channels, rows, self.length)
        results = (by_channel + weights.start()[:, None]).reshape(-1, self.length)
        channel = np.array([self.channel_of(line) for line in range(len(results))], dtype=np.int64)
        return self.finish(results, weights, channel)


def _divisors(number: int) -> Iterator[int]:
    return (d for d in range(1, number + 1) if number % d == 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseDirectDesign(DenseDesign, DirectDesign):
    """Chains of ``macs`` taps side by side: N multiplications a sample and output channel."""

    pairing: ClassVar[str] = "pairing"
    """``products`` are the chains."""
    options: ClassVar[tuple[Option, ...]] = (MACS, UNITS, pairing_option(pairing))

    @property
    def turns(self) -> int:
        """Passes whose sums are added up to a line of results."""
        return self.terms_per_unit * self.passes

    @property
    def coefficient_stride(self) -> int:
        """Weights of an output channel in the engine's store."""
        return self.in_channels * self.padded_length

    @property
    def coefficient_words(self) -> int:
        """Weights of an output channel on the port: those of the store, zeros and all."""
        return self.coefficient_stride

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the kernels of each output channel one after the other."""
        return {"weight": self.padded(weights.weight).reshape(len(weights.weight), -1)}

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """The chains, and how many."""
        return super().own_parameters | self.mixing

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums of a group ``[C_in, rows, N]``: ``[C_out, rows, N]``."""
        sums = np.stack(
            [
                self.correlated(lines, kernels[:, None], self.constants(kernels)[:, None]).sum(0)
                for kernels in weights.weight
            ]
        )
        # In pairs, only the result need fit its bits.
        start = weights.start()[:, None]
        return wrap(sums + start, self.accumulator.bits) - start if self.in_pairs else sums


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseFermatDesign(DenseDesign, FermatDesign):
    """Products added up modulo 2^b + 1 between the transforms; exact.

    Where no ring of few multipliers holds the sum over all input channels, it is cut in ``parts``
    of as many input channels each: every part has a transform back of its own, and the results are
    added up, exactly, behind it.

    Parameters
    ----------
    parts
        A divisor of C_in / P; None takes the fewest with the fewest multipliers.
    """

    options: ClassVar[tuple[Option, ...]] = (
        *FermatDesign.options,
        UNITS,
        Option(name="parts", help="Shares of a unit's channels, each with a way back of its own."),
    )

    parts: int | None = None

    def __post_init__(self) -> None:
        units = self.in_channels // max(self.products, 1)
        if self.parts is not None and (self.parts < 1 or units % self.parts):
            rule = f"a divisor of the input channels of a unit ({units})"
            raise ParameterError("parts", rule, self.parts)
        super().__post_init__()

    def _part_range(self, parts: int) -> Interval:
        """Range of the sums of one of ``parts``."""
        share = self.terms_per_unit // parts
        if self.weights is None:
            product = self.data * Interval.signed(self.weight_bits)
            return product.scaled(self.products * share * self.length)
        # A part takes its share of every unit's input channels.
        shape = (self.channels, self.products, parts, share * self.length)
        by_part = np.moveaxis(self.weights.weight.reshape(shape), 2, 1)
        rows = by_part.reshape(self.channels * parts, -1)
        return partial_sums(rows, self.data)[-1]

    @cached_property
    def _choice(self) -> tuple[Ring, int]:
        """Ring and parts: the fewest multipliers count most, then parts."""
        choices = [
            (limbs_of(ring.bits), ring.needs_root_of_two, parts, ring.bits, ring)
            for ring in rings(self.length)
            for parts in _divisors(self.terms_per_unit)
            if self.ring in (None, ring.bits) and self.parts in (None, parts)
        ]
        for *_, parts, _, ring in sorted(choices, key=lambda choice: choice[:-1]):
            if ring.holds(self._part_range(parts)):
                return ring, parts
        least = self._part_range(self.parts or self.terms_per_unit)
        rule = f"a length whose ring holds |y| <= {least.max_abs}"
        raise ParameterError("length", rule, self.length)

    @property
    def transform_ring(self) -> Ring:
        """The ring that the engine works in."""
        return self._choice[0]

    @property
    def n_parts(self) -> int:
        """Parts that the sum over input channels is cut in."""
        return self._choice[1]

    @cached_property
    def reduced(self) -> Interval:
        """Range of a part's sums."""
        return self._part_range(self.n_parts)

    @cached_property
    def bin_sum(self) -> Fold:
        """Brings the sum of a part's products to about the ring's bits again."""
        share = self.in_channels // self.n_parts
        return Fold(self.transform_ring.bits, self.product.o.scaled(share))

    @property
    def inverse_entry(self) -> Interval:
        """Range of the words that enter the way back."""
        return self.bin_sum.o

    @property
    def coefficient_words(self) -> int:
        """Words of an output channel's spectra."""
        return self.summands

    @property
    def coefficient_stride(self) -> int:
        """The same."""
        return self.summands

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the spectra of each output channel one after the other."""
        spectra = self.spectrum(weights.weight.reshape(-1, self.length))
        return {"spectrum": spectra.reshape(len(weights.weight), -1)}

    @property
    def own_parameters(self) -> dict[str, Any]:
        """As the line engine's, and how many units there are, and parts."""
        return super().own_parameters | self.mixing | {"parts": self.n_parts}

    @property
    def _dtype(self) -> type:
        return np.int64 if self.bin_sum.i.bits < np.iinfo(np.int64).bits else super()._dtype

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums of a group ``[C_in, rows, N]``, by way of every word the hardware holds."""
        held = self.fold.apply(self.forward.apply(lines.astype(self._dtype)))
        spectra: Integers = self.coefficients(weights)["spectrum"].astype(self._dtype)
        by_part = (self.products, self.n_parts, -1, self.length)
        held = held.reshape(*by_part[:-1], *held.shape[1:])
        sums = []
        for words in spectra:
            h = words.reshape(*by_part[:-1], 1, self.length)
            products = self.product.apply(held, h).sum(axis=(0, 2))
            back = self.inverse.apply(self.bin_sum.apply(products))
            sums.append(apply_all(self.reductions, back).sum(axis=0))
        return np.stack(sums).astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseFftDesign(DenseDesign, FftDesign):
    """Products added up, unrounded, between the transforms; the error bounded by proof."""

    options: ClassVar[tuple[Option, ...]] = (*FftDesign.options, UNITS)

    @property
    def input_words(self) -> int:
        """Words of an input line as it is held: the points of the transform."""
        return self.size

    @property
    def coefficient_words(self) -> int:
        """Words of an output channel's spectra."""
        return self.in_channels * self.size

    @property
    def coefficient_stride(self) -> int:
        """The same."""
        return self.coefficient_words

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """As the line engine's, and how many units there are."""
        return super().own_parameters | self.mixing

    @property
    def operand(self) -> SQ:
        """Shape of a held bin's parts."""
        return self.formats.sections[self.flow.middle].operand

    @property
    def total(self) -> SQ:
        """Shape of the sum of all products, before it is rounded.

        It reaches no further than what it is rounded to. Nor do sums of fewer products, since the
        other lines may be 0.
        """
        entry = self.formats.sections[self.flow.middle + 1].entry
        return SQ(entry.i_bits, self.operand.f_bits + self.spectrum_f_bits)

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Return results of a group ``[C_in, rows, N]``; no sum leaves 2^62."""
        odd = self.lanes % 2
        rows = lines.shape[1]
        groups = lines.reshape(self.in_channels, -1, self.lanes, self.length)
        filled = np.pad(groups, ((0, 0), (0, 0), (0, odd), (0, 0)))
        held = self.ahead(filled.reshape(self.in_channels, -1, 2, self.length))
        results = []
        for words in self.words(weights):
            products = multiply(held, self.spectra_of(words[:, None]))
            total = Fixed(products.raw.sum(axis=0), self.total)
            back = self.behind(total)
            out = back.reshape(-1, self.lanes + odd, self.length)[:, : self.lanes]
            results.append(out.reshape(rows, self.length))
        return np.stack(results)
