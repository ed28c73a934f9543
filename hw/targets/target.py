"""What a target is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from golden.targets import TargetFacts
from hw.targets.adder import AdderRecipe
from hw.targets.cost import CellPrices, CostModel
from hw.targets.device import Device
from hw.targets.memory import MemoryRecipe
from hw.targets.multiplier import InferredMultiplier, MultiplierRecipe
from hw.targets.synthesis import EdalizeFlow, Family


@dataclass(frozen=True, kw_only=True)
class Target:
    """All that is known of a kind of device; nothing outside of `hw.targets` knows one by name.

    Parameters
    ----------
    facts
        Its name, and what its multiplier takes.
    multiplier, memory, adder
        Recipes of its blocks; left to synthesis where none is given.
    nets_take_time
        Whether a signal that many taps share passes registers on its way.
    devices
        Its parts, for plans and for the refusal of what fits none of them.
    cost_model
        Its own; None where nothing is predicted for it.
    prices
        Of its logic cells; only the target in whose cells `hw.predict` counts has to have them.
    synthesis
        How it is synthesised, and placed where nextpnr can; None where that is not known.
    flow
        How others synthesise for it, by Edalize.
    models
        Behavioural Verilog of primitives that its recipes instantiate and Yosys has no simulation
        model of, by their names. They go with every build that has one.

    Raises
    ------
    ValueError
        Where a device is another target's.
    """

    facts: TargetFacts
    multiplier: MultiplierRecipe = field(default_factory=InferredMultiplier)
    memory: MemoryRecipe = field(default_factory=MemoryRecipe)
    adder: AdderRecipe = field(default_factory=AdderRecipe)
    nets_take_time: bool = True
    devices: Sequence[Device] = ()
    cost_model: CostModel | None = None
    prices: CellPrices | None = None
    synthesis: Family | None = None
    flow: EdalizeFlow | None = None
    models: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for device in self.devices:
            if device.target != self.name:
                raise ValueError(f"Device must be of {self.name}, not of {device.target}")

    @property
    def name(self) -> str:
        """As ``--target`` has it."""
        return self.facts.name

    @property
    def largest(self) -> Device | None:
        """The part with the most block RAM, if parts are known."""
        return max(self.devices, key=lambda device: device.kbits, default=None)
