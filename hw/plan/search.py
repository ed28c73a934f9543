"""The search: one option for each unit, so that all fit and the slowest is as fast as can be.

Layers of a kind are dealt out to one unit or several, evenly. For a bound on the cycles that an
image may take, each unit's cheapest options are those that no other one undercuts in everything;
sums of them over all units are made unit by unit, and what is undercut or does not fit is dropped
as it appears. The least bound with a sum that fits is found by bisection over the options' cycles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np

from golden.inputs.errors import ParameterError
from hw.plan.choices import RefusedOption, options_of, reasons, sliced
from hw.plan.forms import FORMS
from hw.plan.goal import RESOURCES, Figures, Goal, Plan
from hw.plan.network import PlannedLayer, PlannedNetwork
from hw.plan.option import Option, Predictions, serving
from hw.plan.sums import Choices, Deal, UnitSums
from hw.predict import reservation
from hw.targets.cost import Cost

_SLICES = 8
"""Slices that layers are cut in where block RAMs limit."""
_OTHER_SLICES = (16, 4, 2)
"""The same where nothing fits else."""


class Planner:
    """Finds plans for a network.

    Parameters
    ----------
    network
        What to plan.
    goal
        What for.
    known
        Predictions that another planner made.

    Attributes
    ----------
    refused
        By layers of a kind, named after the smallest, why an engine is in none of their options.

    Raises
    ------
    ParameterError
        Where no engine can do some layer.
    """

    def __init__(
        self, network: PlannedNetwork, goal: Goal, known: Predictions | None = None
    ) -> None:
        self.network = network
        self.goal = goal
        self._known = known or Predictions(goal.device.target)
        self.refused: dict[str, dict[str, str]] = {}
        kinds: dict[str, list[PlannedLayer]] = {}
        for layer in network.layers:
            kinds.setdefault(layer.kind, []).append(layer)
        self._kinds = [(layers, self._options(layers)) for layers in kinds.values()]
        self.ways = [self._dealings(*kind) for kind in self._kinds]

    def alone(self, engine: str) -> "Planner":
        """Return the planner for one of the engines, which takes this one's predictions."""
        return Planner(self.network, replace(self.goal, engines=(engine,)), self._known)

    def _options(self, layers: Sequence[PlannedLayer]) -> list[Option]:
        smallest = min(layers, key=lambda layer: layer.channels)
        goal = self.goal
        usable = goal.device.usable
        refused: list[RefusedOption] = []
        found = options_of(
            smallest,
            engines=goal.engines,
            storages=goal.storages,
            most=usable,
            known=self._known,
            refused=refused,
        )
        options = undominated(list(found))
        if why := reasons(refused, options):
            self.refused[smallest.name] = why
        if options:
            return options
        shape = "{height} x {width}".format_map(smallest.options)
        rule = f"able to do {smallest.name} ({smallest.form}, {shape}) in {_of_cost(usable)}"
        rule += reservation(goal.device.target)
        said = "".join(f"; {engine}: {reason}" for engine, reason in why.items())
        raise ParameterError("engines", rule, ",".join(goal.engines) + said)

    def _dealings(
        self, layers: Sequence[PlannedLayer], options: Sequence[Option]
    ) -> list[list[Choices]]:
        """Return the ways to deal ``layers`` out to units, and choices for each kind of unit."""
        ways = []
        apart = not FORMS[layers[0].form].joins
        for dealt in deal(layers):
            for storage in self.goal.storages:
                if storage == "reloaded" or not (apart and _shared(dealt)):
                    ways.append(self._way_of(options, dealt, storage))
        return [way for way in ways if all(choices.options for choices in way)]

    def _way_of(
        self, options: Sequence[Option], dealt: Sequence[Deal], storage: str
    ) -> list[Choices]:
        alike: dict[tuple[int, ...], list[Deal]] = {}
        for layers in dealt:
            alike.setdefault(tuple(layer.channels for layer in layers), []).append(layers)
        way = []
        for deals in alike.values():
            units = (_kept(option, deals[0], storage, self.goal.storages[0]) for option in options)
            way.append(Choices(tuple(unit for unit in units if unit), tuple(deals)))
        return way

    @property
    def bounds(self) -> list[int]:
        """Cycles an image that some option takes, in order."""
        taken = [c.cycles for ways in self.ways for way in ways for c in way]
        return [int(cycles) for cycles in np.unique(np.concatenate(taken))]

    def sums(self, bound: float, budget: Figures) -> UnitSums:
        """Return what sets of units take that need up to ``bound`` cycles and fit ``budget``."""
        shares = 1 / np.maximum(self.goal.budget(bound), 1)
        fronts = []
        for ways in self.ways:
            parts = [_way_within(way, bound, budget, shares) for way in ways]
            fronts.append(UnitSums.of_all(parts).fitting(budget, shares))
        if not all(front.picks for front in fronts):
            return UnitSums(np.empty((0, len(RESOURCES))), [])
        least = [front.figures.min(axis=0) for front in fronts]
        total = UnitSums.nothing()
        for number, front in enumerate(fronts):
            left = budget - sum(least[number + 1 :])
            total = total.plus(front, left).fitting(left, shares)
        return total

    def cheapest(self, bound: float) -> Plan | None:
        """Return the plan of up to ``bound`` cycles that takes the least of the device, if any.

        Shares of multipliers, LUTs and block RAMs are added.
        """
        return self._plan(self.sums(bound, self.goal.budget(bound)))

    def fastest(self) -> Plan:
        """Return the plan of most images a second.

        Where block RAMs limit it, layers are cut in slices, if that is faster: it moves more.

        Raises
        ------
        ParameterError
            Where none fits the device.
        """
        plan = self._fastest()
        if "reloaded" in self.goal.storages and (plan is None or "block RAMs" in self.limits(plan)):
            plan = self._sliced(plan, _SLICES)
            for most in _OTHER_SLICES:
                plan = plan or self._sliced(None, most)
        return plan or self._too_small()

    def _sliced(self, plan: Plan | None, most: int) -> Plan | None:
        """Return what is faster, ``plan`` or one with layers in slices, and plan so from now on."""
        whole = self.ways
        self.ways = [
            self._dealings(layers, [*options, *sliced(options, most)])
            for layers, options in self._kinds
        ]
        other = self._fastest()
        if plan is None or (other is not None and other.fps > plan.fps):
            return other
        self.ways = whole
        return plan

    def _fastest(self) -> Plan | None:
        bounds = self.bounds
        low, high = -1, len(bounds) - 1
        best = self.cheapest(bounds[high])
        if best is None:
            return self._limited_by_traffic(bounds[high])
        while high - low > 1:
            middle = (low + high) // 2
            if (plan := self.cheapest(bounds[middle])) is not None:
                best, high = plan, middle
            else:
                low = middle
        if low >= 0 and (other := self._limited_by_traffic(bounds[low])) is not None:
            best = max(best, other, key=lambda plan: plan.fps)
        return best

    def _limited_by_traffic(self, bound: float) -> Plan | None:
        """Return the plan of up to ``bound`` cycles that moves the least, if any."""
        if self.goal.bandwidth is None:
            return None
        sums = self.sums(bound, self._without_traffic(bound))
        if not sums.picks:
            return None
        return self._plan(UnitSums(sums.figures, [sums.picks[int(sums.figures[:, 3].argmin())]]))

    def _without_traffic(self, bound: float) -> Figures:
        budget = self.goal.budget(bound)
        budget[3] = np.inf
        return budget

    def smallest(self) -> Plan:
        """Return the plan of the least shares of the device, whether it fits or not."""
        plan = self._plan(self.sums(self.bounds[-1], np.full(len(RESOURCES), np.inf)))
        assert plan is not None
        return plan

    def _too_small(self) -> NoReturn:
        device = self.goal.device
        needed = _of_cost(self.smallest().cost) + reservation(device.target)
        rule = f"large enough for the smallest plan ({needed})"
        raise ParameterError("device", rule, f"{device.name} ({_of_cost(device.usable)})")

    def _plan(self, sums: UnitSums) -> Plan | None:
        if not sums.picks:
            return None
        units = [
            serving(option, layers, option.storage)
            for option, deals in sums.picks[0]
            for layers in deals
        ]
        order = {layer.name: number for number, layer in enumerate(self.network.layers)}
        units.sort(key=lambda unit: order[unit.layers[0].name])
        return Plan(self.goal, tuple(units))

    def limits(self, plan: Plan) -> list[str]:
        """Return which of `RESOURCES` keep the fastest plan from being faster.

        Each on its own, were there more of it, would let the next faster options fit; all that
        there is too little of together where none would do so on its own; none where the engines
        are as fast as they come.
        """
        if plan.fps_by_traffic <= plan.fps_by_cycles:
            return [RESOURCES[3]]
        faster = [bound for bound in self.bounds if bound < plan.cycles]
        if not faster or not self.sums(faster[-1], np.full(len(RESOURCES), np.inf)).picks:
            return []
        budget = self.goal.budget(faster[-1])
        alone = []
        for column in range(len(RESOURCES)):
            more = budget.copy()
            more[column] = np.inf
            if self.sums(faster[-1], more).picks:
                alone.append(RESOURCES[column])
        return alone or list(RESOURCES[:3])


def _of_cost(cost: Cost) -> str:
    return (
        f"{cost.multipliers} multipliers, {round(cost.luts):,} LUTs, {cost.block_rams} block RAMs"
    )


def _way_within(way: Sequence[Choices], bound: float, budget: Figures, shares: Figures) -> UnitSums:
    total = UnitSums.nothing()
    for choices in way:
        part = choices.within(bound).fitting(budget, shares)
        total = total.plus(part, budget).fitting(budget, shares)
    return total


def deal(layers: Sequence[PlannedLayer]) -> Iterator[list[Deal]]:
    """Yield ways to deal ``layers`` out evenly to one unit, two and so on.

    The largest first, each to the unit that has the fewest channels so far.
    """
    seen = set()
    for n_units in range(1, len(layers) + 1):
        hands: list[list[PlannedLayer]] = [[] for _ in range(n_units)]
        for layer in sorted(layers, key=lambda layer: -layer.channels):
            min(hands, key=_channels).append(layer)
        # One unit more is of no use where the fullest one has no less to do.
        fullest = max(map(_channels, hands))
        if fullest not in seen:
            seen.add(fullest)
            yield [tuple(sorted(hand, key=layers.index)) for hand in hands]


def _channels(layers: Sequence[PlannedLayer]) -> int:
    return sum(layer.channels for layer in layers)


def _shared(dealt: Sequence[Deal]) -> bool:
    return any(len(layers) > 1 for layers in dealt)


def _kept(option: Option, layers: Deal, storage: str, once: str) -> Option | None:
    """Return ``option`` for ``layers``, or None where it can't serve them so.

    What would be loaded time and again but never changes is kept as ``once`` says.
    """
    unit = serving(option, layers, storage)
    if storage == "reloaded" and unit.turns == 1 and FORMS[unit.layers[0].form].joins:
        return serving(option, layers, once)
    if storage != "reloaded":
        return unit if option.slices == 1 else None
    same = len({layer.channels for layer in layers}) == 1
    return unit if same and unit.loads else None


def undominated(options: Sequence[Option]) -> list[Option]:
    """Return the options that no other one undercuts in cycles, cost and stored bits."""
    rows = [
        (
            *(o.cycles, o.cost.multipliers, o.cost.luts, o.cost.block_rams),
            *(_stored_bits(o), o.map_bytes + o.weight_bytes),
        )
        for o in options
    ]
    figures = np.array(rows, dtype=np.float64).reshape(-1, 6)
    below = (figures[:, None] <= figures[None]).all(axis=2)
    same = (figures[:, None] == figures[None]).all(axis=2)
    first = np.tri(len(options), k=-1, dtype=bool).T
    undercut = (below & (~same | first)).any(axis=0)
    return [option for option, gone in zip(options, undercut, strict=True) if not gone]


def _stored_bits(option: Option) -> int:
    """Return the bits of the unit's tables, which grow with the channels that it serves."""
    return sum(
        engine.channels * engine.coefficient_stride * sum(engine.coefficient_fields.values())
        for engine in option.design.engines.values()
    )
