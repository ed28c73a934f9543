"""A sweep on a Slurm of one node, made for it, that loses a job and is killed in the middle.

Needs Debian's slurmctld, slurmd, slurm-client and munge, and a user who may run them (root). What
comes of it is compared with the same sweep on a local cluster.
"""

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hw.measured.store import DONE, Store

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
SPEC = """
steps = ["synthesise"]
[[sweep]]
engine = "direct"
length = [2, 3, 4, 5, 6, 7]
device = "xc7"
"""
N_RESULTS = 12
CONFIG = """
ClusterName=soak
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=8192 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
JOBQUEUE = (
    "jobqueue: {{slurm: {{memory: 1GB, walltime: '00:30:00', interface: lo, log-directory: {}}}}}"
)


def wait_for(what: Callable[[], bool], why: str, limit_s: float = 300) -> None:
    """Wait until ``what`` holds; end where it does not in ``limit_s``."""
    end = time.monotonic() + limit_s
    while not what():
        if time.monotonic() > end:
            sys.exit(f"{why} did not come in {limit_s:.0f} s")
        time.sleep(0.2)


@contextlib.contextmanager
def daemon(command: list[str], log: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Run a program until the end of this."""
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env=variables, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the variables of a Slurm of this machine alone, which runs in ``folder``."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    config = CONFIG.format(
        host=socket.gethostname().partition(".")[0],
        user=getpass.getuser(),
        folder=folder,
        ports=ports,
        cores=os.cpu_count(),
    )
    (folder / "slurm.conf").write_text(config, encoding="utf-8")
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    (folder / "jobqueue.yaml").write_text(JOBQUEUE.format(folder), encoding="utf-8")
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    mine = {"SLURM_CONF": str(folder / "slurm.conf"), "DASK_CONFIG": str(folder), "PATH": path}
    variables = {**os.environ, **mine, "PYTHONPATH": str(ROOT)}
    munge = [
        *("munged", "--foreground", "--force", f"--socket={folder}/munge.socket"),
        *(
            f"--key-file={key}",
            f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log",
        ),
        f"--seed-file={folder}/munged.seed",
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(daemon(munge, folder / "munged.out", variables))
        wait_for((folder / "munge.socket").exists, "munged")
        for name in ("slurmctld", "slurmd"):
            stack.enter_context(daemon([name, "-D"], folder / f"{name}.log", variables))
        wait_for(lambda: "idle" in told(["sinfo", "-h", "-o", "%T"], variables), "a node")
        yield variables


def told(command: list[str], variables: Mapping[str, str]) -> str:
    """Return what a command prints."""
    return subprocess.run(command, env=variables, capture_output=True, encoding="utf-8").stdout


def states(path: Path) -> dict[str, str]:
    """Return the states of a store's results."""
    if not path.exists():
        return {}
    with Store(path) as store:
        return store.known()


def figures(path: Path) -> list[tuple[object, ...]]:
    """Return what points came to."""
    with Store(path) as store:
        return [(row.point, row.state, row.figures) for row in store.rows()]


@click.command()
def main() -> None:
    """Run the sweep on Slurm and here, and compare."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        click.echo(
            f"left out, for want of {', '.join(missing)}: apt install slurmctld slurmd munge"
        )
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = folder / "spec.toml"
        spec.write_text(SPEC, encoding="utf-8")
        command = [sys.executable, "-m", "hw.sweep", str(spec), "--workers", "2"]
        on_slurm, here = folder / "slurm.sqlite", folder / "here.sqlite"

        def places(which: str) -> list[str]:
            return ["--builds", str(folder / which), "--cache", str(folder / f"{which} cache")]

        with slurm(folder) as variables:
            again = [*command, "--slurm", "-o", str(on_slurm), *places("slurm builds")]
            first = subprocess.Popen(again, env=variables, cwd=ROOT, start_new_session=True)
            wait_for(lambda: len(states(on_slurm)) >= 2, "a result")
            job = told(["squeue", "-h", "-t", "R", "-o", "%i"], variables).split()[0]
            told(["scancel", job], variables)
            wait_for(lambda: len(states(on_slurm)) >= 4, "a result after a job was cancelled")
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
            before = states(on_slurm)
            assert len(before) < N_RESULTS, "killed too late"
            # Jobs end when they find that the scheduler is gone; the next ones need their cores.
            told(["scancel", "--user", getpass.getuser()], variables)
            subprocess.run(again, env=variables, cwd=ROOT, check=True)
        subprocess.run([*command, "-o", here, *places("here")], cwd=ROOT, check=True)
        after = states(on_slurm)
        assert len(after) == N_RESULTS, after
        assert set(after.values()) == {DONE}, after
        assert figures(on_slurm) == figures(here), "other figures on Slurm than here"
    click.echo(f"{len(after)} steps on Slurm as here; {len(before)} of them before it was killed")


if __name__ == "__main__":
    main()
