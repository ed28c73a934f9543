"""A target in one file: all that it takes, and all that knows it then.

Its multiplier is a primitive of its own, whose model is here; memories and adders are left to
synthesis. Nothing is predicted for it, until a test gives it a cost model.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from amaranth.hdl import ClockSignal, Instance, Module, Signal, Value, signed

from flow.cache import Cache
from flow.families import part_named
from flow.implement import Means, implement
from golden.direct.design import DirectDesign
from golden.targets import FACTS, TargetFacts
from hw import build
from hw.command import run_command
from hw.emit.product import load_product
from hw.layer.config import read_layer
from hw.plan.command import main as plan_main
from hw.plan.goal import Goal
from hw.plan.network import PlannedLayer, PlannedNetwork
from hw.plan.option import Option, Predictions
from hw.plan.report import files, remarks
from hw.plan.search import Planner
from hw.targets.cost import Cost, CostModel
from hw.targets.device import Device
from hw.targets.multiplier import MultiplierRecipe
from hw.targets.registry import TARGETS, device_named, register, unregister
from hw.targets.synthesis import Family
from hw.targets.target import Target
from sim.engine import simulate
from sim.runner import simulators
from tests.verilog import code_of

MODEL = """
module TOYMUL #(parameter A_BITS = 1, parameter B_BITS = 1) (
    input wire CLK,
    input wire signed [A_BITS-1:0] A,
    input wire signed [B_BITS-1:0] B,
    output reg signed [A_BITS+B_BITS-1:0] P
);
    reg signed [A_BITS-1:0] a;
    reg signed [B_BITS-1:0] b;
    reg signed [A_BITS+B_BITS-1:0] p;
    always @(posedge CLK) begin
        a <= A;
        b <= B;
        p <= a * b;
        P <= p;
    end
endmodule
"""


class ToyMultiplier(MultiplierRecipe):
    registers = 3
    addend_attributes: Mapping[str, int] = {}

    def products(self, m: Module, a: Sequence[Value], b: Value) -> Iterator[Value]:
        for lane, operand in enumerate(a):
            p = Signal(signed(len(operand) + len(b)), name=f"p_{lane}")
            m.submodules[f"mult_{lane}"] = Instance(
                "TOYMUL",
                p_A_BITS=len(operand),
                p_B_BITS=len(b),
                i_CLK=ClockSignal(),
                i_A=operand,
                i_B=b,
                o_P=p,
            )
            yield p


TOY = Target(
    facts=TargetFacts(name="toy", operand_bits=10, factor_bits=18),
    multiplier=ToyMultiplier(),
    devices=(Device("toy1", "toy", 400, 200_000, 200), Device("toy0", "toy", 2, 900, 3)),
    synthesis=Family(
        name="toy",
        synthesis=("proc", "flatten", "opt", "memory", "techmap", "opt", "abc -lut 4", "opt_clean"),
        models="",
        cells={"lut": {"$lut": 1}, "dsp": {"TOYMUL": 1}},
    ),
    models={"TOYMUL": MODEL},
)


@dataclass(frozen=True)
class ToyCost(CostModel):
    """Half as many multipliers, and LUTs of twice the size."""

    def of(self, design, counted: Cost) -> Cost:
        assert design.target == self.cells == "toy"
        return Cost(-(-counted.multipliers // 2), counted.block_rams, counted.luts / 2)


@pytest.fixture
def toy() -> Iterator[None]:
    register(TOY)
    yield
    unregister("toy")


pytestmark = pytest.mark.usefixtures("toy")

LINE = ["direct", "--length", "5", "--lanes", "2", "--weights-port", "--target", "toy"]
LAYER = """
name = "layer"
form = "serial"
target = "toy"
channels = 2
height = 4
width = 6
between.bits = 8
output.bits = 8
engines.height.engine = "fermat"
engines.width = {engine = "direct", macs = 3}
"""


PLANNED = PlannedLayer(
    "a",
    {"form": "serial", "height": 6, "width": 8, "between": {"bits": 8}, "output": {"bits": 8}},
    4,
)


def manifest_of(path):
    return json.loads(path.read_text())


def equals_its_model(design, bench, folder):
    simulator = simulators()[-1]
    return simulate(design, bench, simulator=simulator, folder=folder, groups=2, resets=2)


def test_line_is_built_and_equals_its_model(tmp_path, capsys):
    assert build.run([*LINE, "--name", "line", "-o", str(tmp_path)]) == 0
    assert "toy: no prediction for this target" in capsys.readouterr().out
    manifest = manifest_of(tmp_path / "line.json")
    assert manifest["models"] == ["TOYMUL.v"]
    assert manifest["prediction"] == {"target": "toy", "remark": "no prediction for this target"}
    assert (tmp_path / "TOYMUL.v").read_text() == MODEL
    design = DirectDesign(name="line", length=5, lanes=2, weights=None, target="toy")
    folder = tmp_path / "simulated"
    assert equals_its_model(design, "sim.bench_line", folder)
    assert code_of(folder / "line.v") == code_of(tmp_path / "line.v")


def test_layer_is_built_and_equals_its_model(tmp_path, capsys):
    config = tmp_path / "layer.toml"
    config.write_text(LAYER)
    assert build.run(["layer", "--config", str(config), "-o", str(tmp_path)]) == 0
    assert "toy: no prediction for this target" in capsys.readouterr().out
    manifest = manifest_of(tmp_path / "layer.json")
    assert manifest["models"] == ["TOYMUL.v"]
    assert manifest["prediction"] == {"target": "toy", "remark": "no prediction for this target"}
    design = read_layer(config)
    assert equals_its_model(design, "sim.bench_layer", tmp_path)


def test_its_own_cost_model_is_used(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(TARGETS, "toy", replace(TOY, cost_model=ToyCost("toy")))
    for target in ("toy", "ecp5"):
        assert build.run([*LINE[:-1], target, "--name", target, "-o", str(tmp_path)]) == 0
    assert "no prediction" not in capsys.readouterr().out
    toy, ecp5 = (manifest_of(tmp_path / f"{name}.json")["prediction"] for name in ("toy", "ecp5"))
    assert toy["target"] == "toy"
    assert ecp5["target"] == "ecp5"
    assert toy["multipliers"] == -(-ecp5["multipliers"] // 2)
    assert toy["lut4_equivalents"] < 0.7 * ecp5["lut4_equivalents"]
    tables = {axis: {"engine": "direct", "macs": 4} for axis in ("height", "width")}
    own, counted = (
        Option((PLANNED,), tables, 1, "rom", known=Predictions(name)) for name in ("toy", "ecp5")
    )
    assert own.cost.luts == counted.cost.luts / 2
    plan = planned("toy1")
    assert not list(remarks(plan))
    network = PlannedNetwork("small", [PLANNED])
    assert json.loads(files(network, plan)["plan.json"])["prediction"]["target"] == "toy"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("fft --length 8 --twiddle-bits 18", "--twiddle-bits must be from 6 to 17, not 18"),
        (
            "direct --length 4 --weight-bits 10 --products paired",
            "--products must be single with --data-bits or --weight-bits over 9 on toy, not paired",
        ),
        (
            "direct --length 4 --name TOYMUL",
            "--name must be another name than a primitive's, not 'TOYMUL'",
        ),
        (
            "direct --length 4 --target vhs",
            "--target must be one of generic, ecp5, ice40, xc7, xcup, toy, not 'vhs'",
        ),
    ],
)
def test_refusals_are_by_its_own_facts(options, message, tmp_path, capsys):
    engine, *others = options.split()
    arguments = [engine, "--target", "toy", *others, "-o", str(tmp_path)]
    assert build.run(arguments) == 2
    assert capsys.readouterr().err == f"hw.build: {message}\n"


def test_a_layer_too_large_for_its_devices_is_refused(tmp_path, capsys):
    config = tmp_path / "layer.toml"
    text = LAYER.replace("= 4", "= 384").replace("= 6", "= 384").replace('"fermat"', '"direct"')
    config.write_text(text)
    assert build.run(["layer", "--config", str(config), "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("hw.build: target must be a family with about ")
    assert said.endswith("block RAMs of 18 kb in a device, not toy, whose largest (TOY1) has 200\n")


def planned(device):
    goal = Goal(device_named(device), 100e6)
    return Planner(PlannedNetwork("small", [PLANNED]), goal).fastest()


def test_a_plan_for_it_is_built(tmp_path):
    plan = planned("toy1")
    (unit,) = plan.units
    config = tmp_path / "unit_a.toml"
    config.write_bytes(files(PlannedNetwork("small", [PLANNED]), plan)["unit_a.toml"])
    assert 'target = "toy"' in config.read_text()
    assert build.run(["layer", "--config", str(config), "-o", str(tmp_path)]) == 0
    assert manifest_of(tmp_path / "unit_a.json")["timing"]["cycles_per_frame"] == unit.cycles


def test_a_plan_says_whose_counts_it_has(tmp_path, capsys):
    said = "no prediction for toy: multipliers, LUTs and block RAMs are what ECP5 would take"
    arguments = ["parcnet-s", "--engines", "fermat", "--device"]
    assert run_command(plan_main, "hw.plan", [*arguments, "toy1", "-o", str(tmp_path)]) == 0
    assert said in capsys.readouterr().out
    plan = manifest_of(tmp_path / "plan.json")
    assert any(remark.startswith(said) for remark in plan["remarks"])
    assert {entry["prediction"]["target"] for entry in (plan, *plan["units"])} == {"ecp5"}
    assert "counted as ECP5's: no prediction for toy" in (tmp_path / "plan.svg").read_text()
    assert run_command(plan_main, "hw.plan", [*arguments, "toy0"]) == 2
    assert "counted as ECP5's: no prediction for toy" in capsys.readouterr().err
    assert run_command(plan_main, "hw.plan", [*arguments, "toy1", "--fps", "1e8"]) == 2
    assert "counted as ECP5's: no prediction for toy" in capsys.readouterr().err


def test_it_is_synthesised(tmp_path):
    assert build.run([*LINE, "--name", "line", "-o", str(tmp_path)]) == 0
    means = Means(seeds=1, jobs=1, cache=Cache(None), progress=print)
    report = implement(load_product(tmp_path / "line.json"), part_named("toy"), means)
    assert report.resources["dsp"] == 2 * 4  # of five taps two pairs, one alone, and the middle
    assert report.resources["lut"] > 0


def test_names_are_given_once():
    with pytest.raises(ValueError, match=r"^Target must have a name of its own, not 'toy'$"):
        register(TOY)
    assert FACTS["toy"] is TOY.facts
    facts = TargetFacts(name="other")
    other = Target(facts=facts, devices=(replace(TOY.devices[0], target="other"),))
    with pytest.raises(ValueError, match=r"^Device must have a name of its own, not 'toy1'$"):
        register(other)
    assert "other" not in FACTS
    with pytest.raises(ValueError, match=r"^Device must be of other, not of toy$"):
        Target(facts=facts, devices=TOY.devices)
