"""What operators with kernels share: weights, biases, factors, groups, the range of sums."""

from dataclasses import dataclass
from functools import cached_property

from golden.inputs.errors import ParameterError
from golden.network.operator import Operator, check_clip, check_count, check_shape
from golden.network.rescale import Rescale
from golden.network.window import bounds
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True, eq=False, kw_only=True)
class Kernels(Operator):
    """Sums of products with kernels, scaled.

    Parameters
    ----------
    weight
        int64 ``[O, C / groups, K_h, K_w]``, a zero point of theirs taken off.
    bias
        int64 ``[O]``, at the sums' scale.
    rescale
        One factor, or one an output.
    clip
        Of the results: a ReLU, or what the words hold.
    groups
        Of channels that keep apart.
    """

    weight: Integers
    bias: Integers
    rescale: Rescale
    clip: Interval
    groups: int = 1

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        (data,) = self.takes
        if self.weight.ndim != 4 or self.weight.size == 0:
            raise ParameterError("weight", "[O, C / groups, K_h, K_w]", self.weight.shape)
        outputs = len(self.weight)
        if self.groups < 1 or data.channels % self.groups or outputs % self.groups:
            rule = f"a divisor of {data.channels} and {outputs} channels"
            raise ParameterError("groups", rule, self.groups)
        inputs = data.channels // self.groups
        check_shape("weight", self.weight.shape[:2], (outputs, inputs))
        check_shape("bias", self.bias.shape, (outputs,))
        if (count := len(self.rescale.multiplier)) not in (1, outputs):
            raise ParameterError("multiplier", f"1 or {outputs} numbers", count)
        check_clip(self.clip, self.gives)

    @cached_property
    def channel_sums(self) -> list[Interval]:
        """Range of each output's sum, over all maps and positions."""
        data = Interval.union([self.takes[0].centred, Interval(0, 0)])
        pairs = zip(bounds(self.weight, data), self.starts, strict=True)
        return [reach + Interval.of(start) for reach, start in pairs]

    @property
    def starts(self) -> Integers:
        """What sums begin with, ``[O, ...]``."""
        return self.bias

    def totals(self, x: Integers) -> Integers:
        """Return the sums of a map, before they are scaled."""
        raise NotImplementedError

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        return self.rescale.apply(self.totals(maps[0]), self.gives.zero_point, self.clip)

    @property
    def sums(self) -> Interval:
        """See `Operator`."""
        return Interval.union(self.channel_sums)

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return self.clip

    @property
    def products(self) -> int:
        """See `Operator`."""
        return int(self.weight[0].size) * self.gives.channels * self.gives.height * self.gives.width
