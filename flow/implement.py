"""The whole flow of a build on a device."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from flow.cache import Cache
from flow.families import Device
from flow.netlist import Netlist
from flow.place import place
from flow.product import Product
from flow.progress import Progress
from flow.report import Report, critical_path, median_placement, resources
from flow.synthesis import synthesise, wrap
from flow.tools import Yosys
from flow.tools import nextpnr as nextpnr_of
from flow.wrapper import TOP


def n_steps(seeds: int) -> int:
    """Return how often `implement` calls ``progress``."""
    return 1 + seeds


def implement(
    product: Product,
    device: Device,
    *,
    seeds: int,
    jobs: int,
    cache: Cache,
    progress: Progress,
    yosys: Path | None = None,
    nextpnr: Path | None = None,
) -> Report:
    """Synthesise, place and route ``product`` out of context, every port registered.

    Parameters
    ----------
    product, device
        What, and onto what.
    seeds
        Number of placements, with seeds 1, 2, ...
    jobs
        Placements at a time.
    cache
        Where steps are kept.
    progress
        Called `n_steps` times.
    yosys, nextpnr
        Native programs to take in place of the wheels.
    """
    synthesiser = Yosys(yosys)
    placer = nextpnr_of(device.family.nextpnr, nextpnr)
    tools = [synthesiser.version, placer.version]
    netlist = synthesise(product, device.family, synthesiser, cache)
    wrapped = wrap(product, netlist, device.family, synthesiser, cache)
    progress("synthesis")
    with ThreadPoolExecutor(jobs) as pool:
        runs = [
            pool.submit(place, wrapped, device, seed, placer, cache) for seed in range(1, seeds + 1)
        ]
        for run in as_completed(runs):
            progress(f"seed {run.result().seed}")
    placements = [run.result() for run in runs]
    middle = median_placement(placements)
    return Report(
        name=product.name,
        device=device.name,
        how=f"placed and routed out of context, every port registered ({', '.join(tools)})",
        tools=tools,
        resources=resources(Netlist(netlist, product.name), device.family, middle),
        fmax_mhz=round(middle.fmax_mhz, 2),
        seeds={placement.seed: round(placement.fmax_mhz, 2) for placement in placements},
        critical_path=critical_path(middle.path, Netlist(wrapped, TOP)),
    )
