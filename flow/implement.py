"""The whole flow of a build on a device."""

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from flow.cache import Cache
from flow.families import Part
from flow.netlist import Netlist
from flow.place import Placement, Segment, effort_for, place
from flow.progress import Progress
from flow.report import CriticalPath, Report, Step
from flow.synthesis import own_name, synthesise, wrap
from flow.tools import FlowError, Yosys
from flow.tools import nextpnr as nextpnr_of
from flow.wrapper import TOP
from hw.emit.product import Built
from hw.targets.synthesis import Family, PlacedFamily

NO_DSP = (
    "synthesis found no multiplier block for its products: they are in logic, and these figures "
    "say nothing of a design that has blocks"
)


def n_steps(device: Part, seeds: int) -> int:
    """Return how often `implement` calls ``progress``, of ``seeds`` placements, which may be 0."""
    return 1 + (seeds if isinstance(device.family, PlacedFamily) else 0)


@dataclass(frozen=True)
class Means:
    """What to implement with.

    Parameters
    ----------
    seeds
        Number of placements, with seeds one after the other; 0 for synthesis alone.
    jobs
        Placements at a time.
    cache
        Where steps are kept.
    progress
        Called `n_steps` times.
    yosys, nextpnr
        Native programs to take in place of the wheels.
    copies
        Of the design, placed together. Resources are those of all.
    floorplan
        Whether to tell where cells are.
    first_seed
        The first of the seeds.
    """

    seeds: int
    jobs: int
    cache: Cache
    progress: Progress
    yosys: Path | None = None
    nextpnr: Path | None = None
    copies: int = 1
    floorplan: bool = False
    first_seed: int = 1


def implement(product: Built, device: Part, means: Means) -> Report:
    """Synthesise ``product`` for ``device``, and place and route it where nextpnr can.

    Out of context, with a register in every port.
    """
    if isinstance(device.family, PlacedFamily) and means.seeds:
        return _placed(product, device, device.family, means)
    yosys = Yosys(means.yosys)
    netlist = Netlist(synthesise(product, device.family, yosys, means.cache), product.name)
    means.progress(f"synthesis for {device.name}")
    return Report(
        name=product.name,
        device=device.name,
        how=f"estimated by synthesis alone ({yosys.version})",
        tools=[yosys.version],
        resources=_counted(netlist, device.family),
        remarks=_remarks(netlist, device.family),
    )


def _placed(product: Built, device: Part, family: PlacedFamily, means: Means) -> Report:
    yosys, nextpnr = Yosys(means.yosys), nextpnr_of(family.nextpnr, means.nextpnr)
    tools = [yosys.version, nextpnr.version]
    netlist = synthesise(product, family, yosys, means.cache)
    wrapped, around = wrap(product, netlist, family, yosys, means.cache, means.copies)
    means.progress(f"synthesis for {device.name}")
    with ThreadPoolExecutor(means.jobs) as pool:
        runs = {
            pool.submit(
                place,
                wrapped,
                product.clock,
                device,
                seed,
                nextpnr,
                means.cache,
                floorplan=means.floorplan,
            ): seed
            for seed in range(means.first_seed, means.first_seed + means.seeds)
        }
        for run in as_completed(runs):
            run.result()
            means.progress(f"place and route on {device.name}, seed {runs[run]}")
    placements = [placed for run in runs if (placed := run.result()) is not None]
    unrouted = [seed for run, seed in runs.items() if run.result() is None]
    limit_s = effort_for(wrapped, device).limit_s
    if not placements:
        raise FlowError(f"{nextpnr.name} did not end in {limit_s:.0f} s with any seed")
    middle = _median(placements)
    counted = Netlist(netlist, product.name)
    report = Report(
        name=product.name,
        device=device.name,
        how=f"placed and routed, every port registered ({', '.join(tools)})",
        tools=tools,
        resources=_sites(middle, family, around)
        | {kind: means.copies * n for kind, n in _counted(counted, family).items()},
        floorplan=middle.floorplan,
        remarks=_remarks(counted, family)
        + [f"seed {seed} left out: not routed in {limit_s:.0f} s" for seed in unrouted],
    )
    if not family.timed or not middle.path:
        return report
    return replace(
        report,
        fmax_mhz=round(middle.fmax_mhz, 2),
        seeds={placement.seed: round(placement.fmax_mhz, 2) for placement in placements},
        critical_path=_critical_path(middle.path, Netlist(wrapped, TOP)),
    )


def _median(placements: Sequence[Placement]) -> Placement:
    """Return the one with the median Fmax; of an even number the slower of the two."""
    fmax = statistics.median_low(placement.fmax_mhz for placement in placements)
    return next(placement for placement in placements if placement.fmax_mhz == fmax)


def _counted(netlist: Netlist, family: Family) -> dict[str, int | float]:
    """Return the figures that the netlist gives; none for blocks that none were found for."""
    counts = {figure: netlist.count(cells) for figure, cells in family.cells.items()}
    if not counts["dsp"]:
        del counts["dsp"]
    return dict(counts)


def _sites(placement: Placement, family: PlacedFamily, around: Netlist) -> dict[str, int | float]:
    """Return the figures that placement gives, without the wrapper's LUTs, one site each."""
    luts = around.count(family.cells["lut"])
    return {
        figure: sum(placement.used[kind] for kind in kinds) - luts
        for figure, kinds in family.placed.items()
    }


def _remarks(netlist: Netlist, family: Family) -> list[str]:
    remarks = [] if netlist.count(family.cells["dsp"]) else [NO_DSP]
    return [*remarks, family.remark] if family.remark else remarks


def _critical_path(path: Sequence[Segment], wrapped: Netlist) -> CriticalPath:
    """Return ``path`` through the wrapped netlist in the design's own names."""
    steps: list[Step] = []
    cell_ns = 0.0
    for segment in path:
        # A carry chain's own wires take no time: the chain counts as one cell.
        if segment.net is None or segment.ns == 0:
            cell_ns += segment.ns
        else:
            name = own_name(wrapped.plain_name(segment.net))
            steps.append(Step(name, round(cell_ns, 3), round(segment.ns, 3)))
            cell_ns = 0.0
    routing = sum(step.net_ns for step in steps)
    total = sum(segment.ns for segment in path)
    return CriticalPath(
        start=own_name(wrapped.register_name(path[0].source)),
        end=own_name(wrapped.register_name(path[-1].sink)),
        logic_ns=round(total - routing, 3),
        routing_ns=round(routing, 3),
        steps=steps,
    )
