"""Dense lines: every output channel is a sum over input channels, each under its own kernel.

    y[o, i] = bias[o] + sum_c sum_k weight[o, c, k] * (x[c, (i + k) mod N] + pe[c, (i + k) mod N])

Each engine does the part that it needs once for an input line once, keeps the result for all the
channels of a frame, and adds up where adding is cheapest: the transforms' engines between the
transforms, so that an output line takes one product a word and input line, and one transform back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from golden.inputs.errors import ParameterError, check_range
from golden.line.design import LineDesign
from golden.line.options import EngineOption
from golden.line.weights import LineWeights, check_weights, correlate
from golden.numbers.interval import Integers, Interval


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


UNITS = EngineOption(name="products", help="Units P that multiply side by side, a divisor of C_in.")


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
