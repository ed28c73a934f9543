"""The command line: ``python -m hw.build``."""

import json
import os
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from golden.accelerator.abilities import abilities_for
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.line_engines import LineEngines
from golden.accelerator.sizes import MOST_POSITIONS, Sizes
from golden.engines import EngineChoice
from golden.inputs.errors import ParameterError
from golden.inputs.names import check_module_name
from golden.inputs.read import read_arrays, read_toml
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.line.options import EngineOption, sorted_out
from golden.line.weights import WEIGHT_NAMES, LineWeights, check_names, check_weights
from golden.network.files import WEIGHTS, read_network
from golden.network.network import Network
from golden.numbers.interval import Interval
from golden.numbers.quantize import MULTIPLIER_BITS
from golden.targets import FACTS
from hw.accelerator.external.generate import generate_external
from hw.accelerator.external.layers import layer_rows
from hw.accelerator.generate import generate_network
from hw.command import run_command, table
from hw.emit.axi import PortNames
from hw.emit.files import write_product
from hw.emit.generate import generate
from hw.emit.harden import CONTROL
from hw.engines import ENGINES
from hw.entry import Engine
from hw.layer.capacity import check_capacity
from hw.layer.config import LayerConfig
from hw.layer.layer import predict
from hw.package.registry import ALL, PACKAGES, Vectors, packaged
from hw.package.vectors import layer_vectors, line_vectors, memory_vectors, network_vectors
from hw.predict import NO_PREDICTION, is_predicted

LEAST_MHZ, MOST_MHZ = 0.01, 10_000
PRESETS = Path(__file__).with_name("presets.toml")
LAYER_PRESETS = Path(__file__).parent / "layer" / "presets"

Command = Callable[..., None]


def load_presets() -> dict[str, dict[str, Any]]:
    """Return the presets' tables by name: of line engines, and of layers their configurations."""
    layers = sorted(LAYER_PRESETS.glob("*.toml"))
    return read_toml(PRESETS, "preset") | {
        path.stem: {"engine": "layer", "config": os.path.relpath(path)} for path in layers
    }


PORT_OPTIONS = [
    click.option("--clock", default="clk", help="Name of the clock.  [clk]"),
    click.option("--reset", default="rst", help="Name of the synchronous reset.  [rst]"),
    click.option("--reset-active", default="high", help="high or low.  [high]"),
    click.option(
        "--harden",
        type=click.Choice([CONTROL]),
        help="Registers that the course hangs on in threes, against upsets.",
    ),
]
OUT_OPTION = click.option(
    "-o", "--out", type=Path, default=Path("build"), help="Folder to write to.  [build]"
)
PACKAGE_OPTIONS = [
    click.option(
        "--package",
        type=click.Choice([ALL, *PACKAGES]),
        multiple=True,
        help=f"Files for other tools too: {ALL}, or {', '.join(PACKAGES)}; more than once.",
    ),
    click.option(
        "--mhz",
        type=float,
        help="With --package: what constraints ask of the clock.  [as such engines were measured]",
    ),
]


def given(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Give ``command`` the ``options``, in their order."""
    for option in reversed(options):
        command = option(command)
    return command


def given_ports(command: Command) -> Command:
    """Give ``command`` the options of ports and of the folder to write to."""
    return given(command, [*PORT_OPTIONS, *PACKAGE_OPTIONS, OUT_OPTION])


def _lanes() -> str:
    """Return the default of ``lanes``: of all engines, and of those that have another."""
    own = {name: engine.design.lanes for name, engine in ENGINES.items()}
    others = (f"; {name}: {lanes}" for name, lanes in own.items() if lanes != LineDesign.lanes)
    return f"{LineDesign.lanes}{''.join(others)}"


def line_options(command: Command) -> Command:
    """Give ``command`` the options that every line engine has."""
    options = [
        click.option("--length", type=int, required=True, help="Samples of a line, N."),
        click.option("--channels", type=int, default=1, help="Kernels, taken in turn.  [1]"),
        click.option(
            "--rows", type=int, help="Lines of a channel before the next channel's.  [--lanes]"
        ),
        click.option("--lanes", type=int, help=f"Lines side by side in a beat.  [{_lanes()}]"),
        click.option("--data-bits", type=int, default=8, help="Width of a sample.  [8]"),
        click.option("--weight-bits", type=int, default=8, help="Width of a weight.  [8]"),
        click.option(
            "--weights",
            type=Path,
            metavar="FILE.npz",
            help="Integers weight [C, N], and if need be pe [C, N], bias [C], multiplier [C], "
            "shift [C], zero_point.  [an example, written beside the Verilog]",
        ),
        click.option(
            "--weights-port", is_flag=True, help="Kernels arrive on w_axis instead of ROM."
        ),
        click.option(
            "--start-bits",
            type=int,
            help="With --weights-port: width of a start value.  [as wide as a line's sum]",
        ),
        click.option(
            "--output",
            type=click.Choice(["accumulator", "requantized"]),
            default="accumulator",
            help="Every bit of y, or scaled, rounded and clipped.  [accumulator]",
        ),
        click.option("--output-bits", type=int, help="With --output requantized: width.  [8]"),
        click.option("--output-low", type=int, help="Likewise: lower clip.  [all of the range]"),
        click.option("--output-high", type=int, help="Likewise: upper clip.  [all of the range]"),
        click.option(
            "--zero-point",
            type=int,
            help="Likewise, with --weights-port: added before the clip.  [0]",
        ),
        click.option(
            "--registers", is_flag=True, help="AXI4-Lite: identity, counters, reset, weights."
        ),
        click.option("--target", default="generic", help=f"{', '.join(FACTS)}.  [generic]"),
        *PORT_OPTIONS,
        click.option("--name", help="Module and file name.  [parc_ENGINE_LENGTH]"),
        *PACKAGE_OPTIONS,
        OUT_OPTION,
    ]
    return given(command, options)


def layer_options(command: Command) -> Command:
    """Give ``command`` the options that a layer has."""
    options = [
        click.option(
            "--config", type=Path, required=True, metavar="LAYER.toml", help="What to build."
        ),
        *PORT_OPTIONS,
        click.option("--name", help="Module and file name.  [the configuration's]"),
        *PACKAGE_OPTIONS,
        OUT_OPTION,
    ]
    return given(command, options)


class _Commands(click.Group):
    """A command for each of `hw.engines.ENGINES`, whenever they were registered, and for layers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*ENGINES, *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in ENGINES:
            return engine_command(ENGINES[cmd_name])
        return super().get_command(ctx, cmd_name)


MEMORY_OPTIONS = {
    "data_bits": "Of the bus, 32 to 256.",
    "address_bits": "Of its addresses.",
    "burst": "Beats of a burst at most.",
    "map_bytes": "Of the buffer of maps.",
    "constants": "Steps whose biases and factors are kept.",
    "tables": "Tables of functions that are kept.",
    "weight_bytes": "Of the buffer of weights fetched ahead.",
    "side_bits": "Of a map's height and width.",
    "patience": "Stops after 2^this cycles without anything.",
    "depthwise": "Products a cycle and channel of a unit for kernels a channel; 0 is none.",
}
"""Of an accelerator whose memory is outside."""
ABILITY_OPTIONS = ("lines", "product", "norm", "single")
"""What else is said of one."""


def given_memory(command: Command) -> Command:
    """Give ``command`` the options of an accelerator whose memory is outside."""
    options = [
        click.option(
            f"--{key.replace('_', '-')}",
            type=int,
            help=f"With --memory axi: {about[0].lower()}{about[1:]}  [{getattr(Capacity, key)}]",
        )
        for key, about in MEMORY_OPTIONS.items()
    ]
    options += [
        click.option(
            "--lines",
            metavar="ENGINE:LENGTH",
            help="With --memory axi: line engines in the unit for kernels a channel, for circular "
            "kernels of lines of this length, or of half of it and less.  [none]",
        ),
        click.option(
            "--product",
            is_flag=True,
            default=None,
            help="With --memory axi: products of two maps.  [as networks need]",
        ),
        click.option(
            "--norm",
            type=int,
            help="With --memory axi: channels of the widest layer norm.  [the networks' own]",
        ),
        click.option(
            "--single",
            is_flag=True,
            default=None,
            help="With --memory axi: for scales of others, rounded as float32.  [as networks need]",
        ),
    ]
    return given(command, options)


@click.group(cls=_Commands, invoke_without_command=True)
@click.option("--preset", metavar="NAME", help="Build one preset instead of all.")
@click.option("--list-presets", is_flag=True, help="Print the presets and end.")
@OUT_OPTION
@click.pass_context
def main(context: click.Context, preset: str | None, list_presets: bool, out: Path) -> None:
    """Generate Verilog of circular convolutions as long as the line (ParC).

    Without a command, every preset is built. A build is NAME.v, the manifest NAME.json with what
    is proved of it, and NAME.veo to copy into a design.

    \b
    python -m hw.build                                   every preset, into build/
    python -m hw.build direct --length 56 --macs 14      56 samples a line, 14 multipliers
    python -m hw.build direct --length 14 --channels 96 --rows 14 --weights kernels.npz
    """
    if context.invoked_subcommand is not None:
        _leave_out_ahead(context, f"left out ahead of {context.invoked_subcommand}")
        return
    presets = load_presets()
    if list_presets:
        _leave_out_ahead(context, "left out with --list-presets", but="list_presets")
        for name, options in presets.items():
            click.echo(f"{name}: {' '.join(_arguments(options))}")
        return
    if preset is not None and preset not in presets:
        raise ParameterError("preset", f"one of {', '.join(presets)}", repr(preset))
    chosen = [preset] if preset is not None else list(presets)
    with click.progressbar(chosen, label="building", file=sys.stderr, show_pos=True) as names:
        for name in names:
            arguments = [*_arguments(presets[name]), "--name", name, "--out", str(out)]
            main(arguments, standalone_mode=False)


def _leave_out_ahead(context: click.Context, rule: str, *, but: str | None = None) -> None:
    """Refuse options of all presets' builds that were given and would have no effect."""
    for key, value in context.params.items():
        given_here = context.get_parameter_source(key) is ParameterSource.COMMANDLINE
        if given_here and key != but:
            raise ParameterError(key, rule, "given" if value is True else value)


def _arguments(options: dict[str, Any]) -> list[str]:
    """Return a preset's table as the command line that it stands for."""
    arguments = [str(options["engine"])]
    for key, value in options.items():
        if key != "engine":
            arguments += [f"--{key}"] if value is True else [f"--{key}", str(value)]
    return arguments


@main.command()
@layer_options
def layer(config: Path, name: str | None, out: Path, **options: Any) -> None:
    """Build a whole layer on feature maps: raster in, raster out.

    docs/layers.md lists what LAYER.toml may hold.
    """
    names = PortNames(options["clock"], options["reset"], options["reset_active"])
    _check_packages(options)
    if name is not None:
        check_module_name(name)
    described = LayerConfig.read(config, **({} if name is None else {"name": name}))
    design = described.design()
    check_capacity(design, predict)
    finish_build(design, names, options | {"out": out}, described.read_from, example=design.example)


@main.command()
@click.option(
    "--config",
    type=Path,
    required=True,
    multiple=True,
    metavar="network.toml",
    help="Of hw.convert --whole; more than once with --memory axi.",
)
@click.option(
    "--memory",
    type=click.Choice(["internal", "axi"]),
    default="internal",
    help="Where weights and maps are.  [internal]",
)
@click.option("--tile", type=int, default=4, help="Channels at a time, in and out.  [4]")
@click.option("--scalers", type=int, help="Sums requantised a cycle.  [--tile]")
@click.option(
    "--logic-scalers", type=int, default=0, help="Of them, in look-up tables, not multipliers.  [0]"
)
@click.option(
    "--factor-bits",
    type=int,
    default=MULTIPLIER_BITS,
    help=f"Of factors, own calibration's.  [{MULTIPLIER_BITS}]",
)
@click.option(
    "--positions", type=int, help="Of a map that are computed at a time.  [the largest map's]"
)
@given_memory
@click.option("--target", default="generic", help=f"{', '.join(FACTS)}.  [generic]")
@click.option("--name", default="network", help="Module and file name.  [network]")
@given_ports
def network(config: tuple[Path, ...], name: str, out: Path, **options: Any) -> None:
    """Build an accelerator for whole networks: pixels in, results out.

    Weights and maps are inside, for one network, or in memory behind AXI4, for any.
    docs/accelerator.md says what it is made of, and which operators it does.
    """
    names = PortNames(options["clock"], options["reset"], options["reset_active"])
    check_module_name(name)
    _check_packages(options)
    if options["memory"] == "internal":
        _leave_out(options, (*MEMORY_OPTIONS, *ABILITY_OPTIONS), "left out without --memory axi")
        if len(config) > 1:
            raise ParameterError("config", "one without --memory axi", len(config))
    read = [read_network(one) for one in config]
    files, vectors = _accelerator(read, name, names, options)
    files = packaged(files, name, options["package"], vectors, options["mhz"])
    inputs = [path for one in config for path in (one, one.parent / WEIGHTS)]
    write_product(files, f"{name}.json", out, inputs=inputs)
    click.echo(" ".join(str(out / file) for file in files))
    if options["memory"] == "axi":
        programs = json.loads(files[f"{name}.json"])["programs"]
        for one in programs:
            click.echo(table(layer_rows(one["layers"])))
        click.echo(table(program_rows(programs)))


def _accelerator(
    networks: Sequence[Network], name: str, names: PortNames, options: Mapping[str, Any]
) -> tuple[dict[str, bytes], Callable[[], Vectors]]:
    """Return an accelerator's files, and what gives a test bench's image."""
    first = networks[0]
    hardened = options["harden"] is not None
    if options["memory"] == "axi":
        capacity = capacity_for(networks, options)
        files = generate_external(networks, capacity, name, names, hardened=hardened)
        return files, lambda: memory_vectors(first, capacity, json.loads(files[f"{name}.json"]))
    sizes = sizes_for(first, options)
    files = generate_network(first, sizes, name, names, hardened=hardened)
    return files, lambda: network_vectors(first, sizes, json.loads(files[f"{name}.json"]))


def _check_packages(options: Mapping[str, Any]) -> None:
    """Refuse a clock that is none, or that nothing is written of."""
    if options["mhz"] is None:
        return
    if not options["package"]:
        raise ParameterError("mhz", "left out without --package", options["mhz"])
    if not LEAST_MHZ <= options["mhz"] <= MOST_MHZ:
        raise ParameterError("mhz", f"from {LEAST_MHZ} to {MOST_MHZ}", options["mhz"])


def program_rows(programs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a table of programs: what each is, takes and needs of memory at most."""
    keys = ("model", "descriptors", "products", "cycles", "bytes", "scratch_bytes")
    rows = [["program", "descriptors", "products", "cycles", "bytes", "scratch, at its peak"]]
    return [*rows, *([str(one[key]) for key in keys] for one in programs)]


def capacity_for(networks: Sequence[Network], options: Mapping[str, Any]) -> Capacity:
    """Return the capacity that was asked for; of what was left out its default.

    It is able to do what ``networks`` need, and what others may that were asked for.
    """
    chosen = {key: options[key] for key in MEMORY_OPTIONS if options[key] is not None}
    sizes = Sizes(positions=options["positions"] or Sizes.positions, **_unit_sizes(options))
    needed = abilities_for(networks)
    norm = max(needed.norm, options["norm"] or 0)
    product = needed.product or bool(options["product"])
    if options["single"]:
        needed = replace(needed, single=True, addition=True)
    abilities = replace(needed, norm=norm, product=product)
    lines = None if options["lines"] is None else LineEngines.parse(options["lines"])
    return Capacity(sizes=sizes, abilities=abilities, lines=lines, **chosen)


def sizes_for(network: Network, options: Mapping[str, Any]) -> Sizes:
    """Return the sizes that were asked for; what was left out as ``network`` needs it."""
    largest = max(data.height * data.width for data in network.maps.values())
    positions = options["positions"] or min(max(largest, 2), MOST_POSITIONS)
    return Sizes(positions=positions, **_unit_sizes(options))


def _unit_sizes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for of units' sizes."""
    names = ("tile", "target", "logic_scalers", "factor_bits")
    scalers = options["scalers"]
    return {name: options[name] for name in names} | {
        "scalers": options["tile"] if scalers is None else scalers
    }


def engine_command(engine: Engine) -> click.Command:
    """Return the command that builds a line engine, with all of its options."""

    def command(**options: Any) -> None:
        build(engine, options)

    own = [_click_option(option, engine.design) for option in engine.design.options]
    with_all = line_options(given(command, own))
    return click.command(engine.name, help=engine.about)(with_all)


def _click_option(option: EngineOption, design: type[LineDesign]) -> Callable[[Command], Command]:
    """Return ``option`` of a ``design`` as a command line has it."""
    flag = f"--{option.name.replace('_', '-')}"
    if option.kind is bool:
        return click.option(flag, is_flag=True, help=option.help)
    default = option.default
    if default is None:
        default = str(design.__dataclass_fields__[option.field or option.name].default)
    kind = int if option.choices is None else click.Choice(list(option.choices))
    return click.option(flag, type=kind, help=f"{option.help}  [{default}]")


def _choice(engine: Engine, options: dict[str, Any]) -> EngineChoice:
    """Return the engine and what ``options`` has of its own."""
    own = engine.design.options
    for option in own:
        if option.settles and options[option.name]:
            rule = f"left out with --{option.name.replace('_', '-')}, which chooses it"
            _leave_out(options, option.settles, rule)
    return EngineChoice(engine.name, *sorted_out(own, options))


def build(engine: Engine, options: dict[str, Any]) -> None:
    """Build what the command line describes, and say where it went."""
    choice = _choice(engine, options)
    names = PortNames(options["clock"], options["reset"], options["reset_active"])
    requantization = _requantization(options)
    _check_packages(options)
    if not options["weights_port"]:
        _leave_out(options, ["start_bits"], "left out without --weights-port")
    told = {
        key: options[key]
        for key in (
            *("length", "channels", "rows", "lanes", "data_bits", "weight_bits"),
            *("start_bits", "target"),
        )
    }
    common = {key: value for key, value in told.items() if value is not None}
    own_name = f"parc_{engine.name}_{options['length']}"
    common["name"] = own_name if options["name"] is None else options["name"]
    common["requantization"] = requantization
    # The parameters are checked before a file is read that they describe.
    engine.design(weights=None, **common, **choice.options)
    design = choice.design(weights=_weights(options, requantization), **common)
    inputs = [] if options["weights"] is None else [options["weights"]]
    finish_build(design, names, options, inputs, example=not inputs)


def finish_build(
    design: LineDesign | LayerDesign,
    names: PortNames,
    options: Mapping[str, Any],
    inputs: Collection[Path],
    *,
    example: bool,
) -> None:
    """Write the files of ``design``, which was read from ``inputs``, and say where."""

    def vectors() -> Vectors:
        manifest = json.loads(files[f"{design.name}.json"])
        if isinstance(design, LayerDesign):
            return layer_vectors(design, manifest)
        return line_vectors(design, manifest)

    registers = options.get("registers", False)
    files = generate(
        design,
        names,
        example=example,
        command=_command(),
        registers=registers,
        hardened=options["harden"] is not None,
    )
    made = packaged(files, design.name, options["package"], vectors, options["mhz"])
    out = options["out"]
    write_product(made, f"{design.name}.json", out, inputs=inputs)
    click.echo(" ".join(str(out / name) for name in made))
    if not is_predicted(design.target):
        click.echo(f"{design.target}: {NO_PREDICTION}")


def _command() -> str:
    """Return the command that runs: what the Verilog depends on, and no folders of files."""
    context = click.get_current_context()
    words = ["parc", "build", context.command.name or ""]
    for option in context.command.params:
        given_here = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if not given_here or option.name in ("out", "package", "mhz"):
            continue
        value = context.params.get(option.name or "")
        words.append(option.opts[0])
        if value is not True:
            words.append(value.name if isinstance(value, Path) else str(value))
    return shlex.join(words)


def _requantization(options: dict[str, Any]) -> Requantization | None:
    if options["output"] == "accumulator":
        idle = ("output_bits", "output_low", "output_high", "zero_point")
        _leave_out(options, idle, "left out without --output requantized")
        return None
    if options["zero_point"] is not None and not options["weights_port"]:
        raise ParameterError("zero_point", "in --weights", "on the command line")
    bits = {} if options["output_bits"] is None else {"bits": options["output_bits"]}
    return Requantization(
        **bits,
        low=options["output_low"],
        high=options["output_high"],
        zero_point=options["zero_point"],
    )


def _leave_out(options: dict[str, Any], idle: Iterable[str], rule: str) -> None:
    """Refuse those of the options ``idle`` that were given: they would have no effect."""
    for key in idle:
        if options[key] is not None:
            raise ParameterError(key, rule, options[key])


def _weights(options: dict[str, Any], requantization: Requantization | None) -> LineWeights | None:
    """Return the integers for ROM: read, or made up; None where they arrive on the port."""
    if options["weights_port"]:
        if options["weights"] is not None:
            raise ParameterError("weights", "left out with --weights-port", options["weights"])
        return None
    formats = {key: options[key] for key in ("length", "channels", "data_bits", "weight_bits")}
    requantized: Interval | None = requantization.clip if requantization else None
    if options["weights"] is None:
        return example_weights(**formats, requantized=requantized)
    arrays = check_names(read_arrays(options["weights"], "weights"), WEIGHT_NAMES)
    return check_weights(arrays, **formats, requantized=requantized)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status, 2 with one line on stderr for bad input."""
    return run_command(main, f"{__package__}.build", arguments)


if __name__ == "__main__":
    sys.exit(run())
