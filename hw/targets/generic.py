"""No device in particular: all is left to synthesis, and counted as if for ECP5."""

from golden.targets import FACTS
from hw.targets.ecp5 import CELLS
from hw.targets.target import Target

GENERIC = Target(facts=FACTS["generic"], nets_take_time=False, cost_model=CELLS)
