"""Drivers in C and Python run a build under Verilator, and tell what is wrong in words."""

import importlib.util
import re
import subprocess
import sys
import types
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.registers import REGISTERS, Failure, Stop
from hw.accelerator.built import capacity_of
from hw.accelerator.external.drivers import parc
from hw.build import MEMORY_OPTIONS
from hw.emit.product import load_product
from hw.simulate.driven import SimulatedBus, driven
from hw.simulate.external import ExternalBench
from sim.corrupt import small
from sim.external import (
    CAPACITY,
    MEMORY,
    TOP,
    built,
    frames_as_bytes,
    verilog_of,
)
from sim.networks import build_network
from sim.runner import CACHE

NAME = "build"
OPTIONS = {
    "memory": "axi",
    "tile": CAPACITY.sizes.tile,
    "scalers": CAPACITY.sizes.scalers,
    "positions": CAPACITY.sizes.positions,
    **{key: getattr(CAPACITY, key) for key in MEMORY_OPTIONS},
    "norm": CAPACITY.abilities.norm,
    "name": NAME,
}
ADDRESS = 1 << 16
FRAMES = 3
TEXTS = {
    "hash": "The accelerator is of other sizes than the build that this driver is of",
    "bus": "The bus answered an access to a register with an error",
    "address": "The bus answered an access to a register with an error",
    "memory": "The memory is too small for program and frames, or not aligned",
    "frames": "No such frame was laid out when the program was loaded",
    "read": "It stopped: memory answered a read with an error",
    "write": "It stopped: memory answered a write with an error",
    "program": "It stopped: no program is at that address",
    "late": "The accelerator has not ended in time",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A build's folder, frames, and what comes of them; its Verilog is that of `verilog_of`."""
    folder = tmp_path_factory.mktemp("made")
    builder, network = small()
    options = [f"--{key.replace('_', '-')}={value}" for key, value in OPTIONS.items()]
    build_network(network, folder, "--single", "--product", *options)
    assert capacity_of(load_product(folder / f"{NAME}.json").manifest) == CAPACITY
    program = compile_external(network, CAPACITY, packs=True)
    assert program.scratch
    images = program.packing.maps(builder.images(FRAMES, network))
    frames = frames_as_bytes(images, CAPACITY.sizes)
    return folder, frames, [program.run(frame) for frame in frames]


@pytest.fixture(scope="module")
def host(made):
    """The C driver, and a program that uses it, linked to the build."""
    folder, *_ = made
    return driven(TOP, verilog_of(), Path(__file__).with_name("host.c"), folder, CACHE)


def called(host, *words):
    command = [str(host), str(MEMORY), str(ADDRESS), *map(str, words)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_c_driver_runs_frames(made, host, tmp_path):
    folder, frames, expected = made
    given, result = tmp_path / "input", tmp_path / "output"
    given.write_bytes(b"".join(frames))
    done = called(host, "run", folder / f"{NAME}.bin", given, result, FRAMES)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000
    # All at once, and then one by one.
    assert result.read_bytes() == 2 * b"".join(expected)


@pytest.mark.parametrize("what", TEXTS)
def test_c_driver_tells_errors(made, host, what):
    folder, *_ = made
    done = called(host, what, folder / f"{NAME}.bin")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{TEXTS[what]}\n")


def test_c_driver_is_freestanding(made):
    """Of the library it calls memcpy and memset alone, and the compiler's own sums."""
    folder, *_ = made
    command = ["gcc", "-std=c99", "-ffreestanding", "-m32", "-Os", "-fno-pic", "-c", "parc.c"]
    if subprocess.run([*command, "-o", "parc.o"], cwd=folder, check=False).returncode:
        command.remove("-m32")
        subprocess.run([*command, "-o", "parc.o"], cwd=folder, check=True)
    told = subprocess.run(["nm", "-u", "parc.o"], cwd=folder, capture_output=True, check=True)
    assert set(told.stdout.decode().replace(" U ", " ").split()) <= {"memcpy", "memset"}


@pytest.fixture
def module(made, monkeypatch):
    """NAME.py, loaded as on a machine that has it and parc.py alone."""
    folder, *_ = made
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location(NAME, folder / f"{NAME}.py")
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "parc", parc)
    spec.loader.exec_module(loaded)
    assert (folder / "parc.py").read_bytes() == Path(parc.__file__).read_bytes()
    return loaded


@pytest.fixture
def bench():
    with ExternalBench(built(), MEMORY) as bench:
        yield bench


def test_python_driver_runs_frames(made, module, bench):
    _, frames, expected = made
    bus = SimulatedBus(bench, address=ADDRESS, size=MEMORY - ADDRESS)
    acc = module.accelerator(bus)
    assert acc.needs(0, FRAMES) <= bus.memory.size
    acc.load(frames=FRAMES)
    for number, frame in enumerate(frames):
        acc.put(number, frame)
    acc.run(FRAMES)
    assert [acc.get(number) for number in range(FRAMES)] == expected
    acc.interrupts(enabled=True)
    acc.put(0, frames[1])
    acc.start()
    assert not acc.poll()
    acc.wait()
    assert acc.get(0) == expected[1]
    assert acc.count("CYCLES") > 1000
    acc.acknowledge()
    assert acc.register("INTERRUPT_CAUSE") == 0
    *_, outside = bench.tell("traffic")
    assert outside == 0


def test_python_driver_tells_errors(made, module, bench):
    _, frames, expected = made
    bus = SimulatedBus(bench, address=ADDRESS, size=MEMORY - ADDRESS)
    acc = module.accelerator(bus)

    def told(what, name, call):
        with pytest.raises(parc.AcceleratorError, match=f"^{re.escape(TEXTS[what])}$") as found:
            call()
        assert found.value.name == name

    other = types.SimpleNamespace(**vars(module.DESCRIPTION))
    other.hash ^= 1
    told("hash", "FAILED_HASH", lambda: parc.Accelerator(bus, other, b""))
    little = SimulatedBus(bench, address=ADDRESS, size=acc.needs(0, 1) - 1)
    told("memory", "FAILED_MEMORY", lambda: module.accelerator(little).load())
    told("frames", "FAILED_FRAMES", acc.start)
    odd = SimulatedBus(bench, address=ADDRESS + 8, size=MEMORY - 2 * ADDRESS)
    told("memory", "FAILED_MEMORY", lambda: module.accelerator(odd).load())
    bus = SimulatedBus(bench, address=ADDRESS, size=MEMORY - ADDRESS)
    acc = module.accelerator(bus)
    acc.load()
    acc.put(0, frames[0])
    for what, setting, at in (("read", "read_error", 100), ("write", "write_error", 0)):
        bench.tell("set", setting, at)
        told(what, f"STOP_{what.upper()}", acc.run)
        bench.tell("set", setting, -1)
    acc.start()
    told("late", "FAILED_LATE", lambda: acc.wait(1))
    # What is under way is stopped where a driver begins anew.
    acc = module.accelerator(bus)
    acc.load()
    acc.put(0, frames[2])
    acc.run()
    assert acc.get(0) == expected[2]
    with pytest.raises(OSError, match="Register must be there"):
        bus.read(0xF0)
    with pytest.raises(OSError, match="Register must be there"):
        bus.write(REGISTERS["STATUS"].at, 1)


def test_all_stops_and_failures_are_told_apart():
    codes = [*map(int, Stop), *map(int, Failure)]
    assert all(one < other for one, other in pairwise(codes))
    texts = [one.about for one in (*Stop, *Failure)]
    assert len(set(texts)) == len(texts)


def test_mapped_registers_and_memory(made, module, tmp_path):
    """Over plain files: words are where they belong."""
    registers, memory = tmp_path / "uio0", tmp_path / "udmabuf0"
    words = np.zeros(1024, "<u4")
    for name, value in (("ID", 0x43726150), ("VERSION", 1)):
        words[REGISTERS[name].at >> 2] = value
    for number, name in enumerate(("HASH_LOW", "HASH_HIGH")):
        words[REGISTERS[name].at >> 2] = CAPACITY.hash >> 32 * number & 0xFFFFFFFF
    registers.write_bytes(words.tobytes())
    memory.write_bytes(bytes(MEMORY))
    bus = parc.MappedBus(
        str(registers), memory_file=str(memory), address=3 << 32, memory_bytes=MEMORY
    )
    acc = module.accelerator(bus)
    acc.load(frames=2)
    frame = made[1][0]
    acc.put(1, frame)
    acc.start(2)
    bus.pause()
    assert acc.poll()
    bus.close()
    words = np.frombuffer(registers.read_bytes(), "<u4")
    base = int(words[REGISTERS["INPUT_BASE"].at >> 2])
    assert words[REGISTERS["INPUT_BASE_HIGH"].at >> 2] == 3
    assert words[REGISTERS["FRAMES"].at >> 2] == 2
    assert words[REGISTERS["CONTROL"].at >> 2] == 1
    content = memory.read_bytes()
    assert content[base + len(frame) :][: len(frame)] == frame


def test_an_overlay_of_pynq(made, module, monkeypatch):
    """With a stand-in for pynq, which is not on PyPI's wheels for this machine."""
    words = {REGISTERS["ID"].at: 0x43726150, REGISTERS["VERSION"].at: 1}
    words |= {8: CAPACITY.hash & 0xFFFFFFFF, 12: CAPACITY.hash >> 32}
    calls = []

    class Buffer(np.ndarray):
        physical_address = 0x10000000

        def flush(self):
            calls.append("flush")

        def invalidate(self):
            calls.append("invalidate")

    pynq = types.ModuleType("pynq")
    pynq.allocate = lambda shape, dtype: np.zeros(shape, dtype).view(Buffer)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    ip = types.SimpleNamespace(read=lambda at: words.get(at, 0), write=words.__setitem__)
    bus = parc.PynqBus(ip, MEMORY)
    acc = module.accelerator(bus)
    acc.load()
    acc.put(0, made[1][0])
    acc.start()
    bus.pause()
    assert acc.get(0) == bytes(len(made[2][0]))
    assert calls == ["flush", "flush", "invalidate"]
    assert words[REGISTERS["PROGRAM_BASE"].at] == 0x10000000
