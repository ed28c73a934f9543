"""The line engines by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from golden.design import LineDesign
from golden.direct import DirectDesign
from hw.direct.core import DirectCore


@dataclass(frozen=True)
class Engine:
    """A line engine: the design that describes one, and the core that is built from it."""

    design: type[LineDesign]
    core: type[DirectCore]


ENGINES: Mapping[str, Engine] = {
    "direct": Engine(DirectDesign, DirectCore),
}
