"""The checker of AXI4: traffic that keeps the rules passes, and what breaks one is told apart."""

import subprocess
from pathlib import Path

from hw.simulate import external

BROKEN = Path(__file__).with_name("broken.cpp")


def test_checker_tells_broken_traffic(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    include = Path(external.__file__).parent
    compile_ = ["g++", "-std=c++17", f"-I{include}", str(BROKEN), "-o", str(program)]
    subprocess.run(compile_, check=True)
    told = subprocess.run([program], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    assert told.stdout == "29 broken\n"
