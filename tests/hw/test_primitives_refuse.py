# amaranth: UnusedElaboratable=no
# A component that refuses its parameters is never elaborated.
"""Parameters that components refuse."""

import re
from collections.abc import Callable

import pytest

from golden.fermat import plan
from golden.numbers.interval import Interval
from hw.fermat.butterfly import Butterfly
from hw.line.weights_port import WeightsPort
from hw.parts.beat_delay import BeatDelay
from hw.parts.counter import Counter
from hw.parts.tables import Table

BYTE = Interval.signed(8)
WIDTHS = {"coefficient_bits": 4, "start_bits": 8, "scale_bits": 0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Counter(0), "Size must be at least 1, not 0"),
        (
            lambda: BeatDelay(depth=0, width=3, target="generic"),
            "Depth must be at least 1, not 0",
        ),
        (
            lambda: Butterfly(plan.Butterfly(3, 1, 36, 24, BYTE), lanes=1, target="generic"),
            "Radix must be 2, not 3",
        ),
        (
            lambda: Table(words=[1, 2], depth=3, width=3, target="generic"),
            "Words must number 3, not 2",
        ),
        (
            lambda: WeightsPort(channels=1, words=4, length=5, stride=6, **WIDTHS),
            "Words must be at least 5, not 4",
        ),
    ],
)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
