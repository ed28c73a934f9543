"""What SPEC.toml may hold, and how it is refused."""

import subprocess
import sys

import pytest

from golden.inputs.errors import ParameterError
from hw.sweep.spec import read_spec

SWEEP = "[[sweep]]\nengine = 'direct'\nlength = 4\n"


def read(tmp_path, text):
    path = tmp_path / "spec.toml"
    path.write_text(text)
    return read_spec(path)


def test_a_product_has_every_combination_once(tmp_path):
    text = """
        [[sweep]]
        engine = ["direct", "fft"]
        length = [4, 8]
        macs = [1, 2]
        weights_port = [true, false]
        [[sweep]]
        engine = "fft"
        length = [8, 16]
    """
    points = [point.entry for point in read(tmp_path, text).points]
    direct = [point for point in points if point["engine"] == "direct"]
    assert len(direct) == 2 * 2 * 2
    assert {point["macs"] for point in direct} == {1, 2}
    others = [point for point in points if point["engine"] == "fft"]
    assert len(others) == 2 * 2 + 2
    assert not any("macs" in point for point in others)


def test_options_become_those_of_a_build(tmp_path):
    text = f"steps = ['place']\nseeds = 2\n{SWEEP}device = 'lfe5u-85f-6'\nweights_port = true\n"
    spec = read(tmp_path, text)
    (point,) = spec.points
    build, place = point.tasks(spec.steps, spec.seeds)
    words = ("direct", "--length", "4", "--target", "ecp5", "--weights-port")
    assert build.arguments == place.arguments == words
    assert place.seeds == (1, 2)
    assert place.build.key == build.key != place.key


def test_a_seed_is_one_placement_and_shares_the_build(tmp_path):
    text = f"steps = ['place']\n{SWEEP}device = 'lfe5u-85f-6'\nseed = [3, 5]\n"
    spec = read(tmp_path, text)
    tasks = [point.tasks(spec.steps, spec.seeds) for point in spec.points]
    assert [steps[1].seeds for steps in tasks] == [(3, 1), (5, 1)]
    assert len({build.key for build, _ in tasks}) == 1


def test_files_count_by_what_they_hold(tmp_path):
    keys = []
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kernels.npz").write_text(text)
        spec = read(tmp_path / folder, f"{SWEEP}weights = 'kernels.npz'\n")
        keys.append(spec.points[0].tasks((), 1)[0].key)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "sweep must be at least one table, [[sweep]], not None"),
        ("x = 1", "x must be one of best, limit_s, seeds, steps, sweep, not 'x'"),
        ("[[sweep]]\nlength = 4", "engine must be given in every [[sweep]], not left out"),
        ("[[sweep]]\nengine = 'dct'", "engine must be one of direct, fermat, fft, layer, network,"),
        (f"{SWEEP}tile = 4", "tile must be one of channels, data_bits, device, engine,"),
        (f"{SWEEP}name = 'x'", "name must be one of channels,"),
        (f"{SWEEP}lanes = 'two'", "lanes must be a whole number, not 'two'"),
        (f"{SWEEP}lanes = []", "lanes must be a value or a list of some, not []"),
        (f"{SWEEP}lanes = true", "lanes must be a whole number, not True"),
        (f"{SWEEP}weights_port = 1", "weights_port must be true or false, not 1"),
        (f"{SWEEP}output = 'x'", "output must be one of accumulator, requantized, not 'x'"),
        (f"{SWEEP}weights = 'none.npz'", "weights must be a file, not "),
        (f"{SWEEP}device = 'x'", "device must be left out without synthesise or place in steps"),
        (f"steps = ['place']\n{SWEEP}", "device must be given, since steps have place"),
        (f"steps = ['route']\n{SWEEP}", "steps must be a list of some of simulate, synthesise,"),
        (f"seeds = 0\n{SWEEP}", "seeds must be from 1 to 99, not 0"),
        (f"{SWEEP}seed = 3", "seed must be left out without place in steps, not [3]"),
        (f"best = 3\n{SWEEP}", "best must be a table, not 3"),
        (
            f"{SWEEP}channels = {list(range(1001))}\nrows = {list(range(1001))}",
            "sweep must be of at most 1,000,000",
        ),
    ],
)
def test_refusals(tmp_path, text, told):
    with pytest.raises(ParameterError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'spec.toml'}: {told}")


def test_a_bad_spec_is_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "spec.toml").write_text("steps = 1")
    store = tmp_path / "out" / "store.sqlite"
    done = subprocess.run(
        [sys.executable, "-m", "parc_hdl", "sweep", tmp_path / "spec.toml", "-o", store],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    told = "steps must be a list of some of simulate, synthesise, place, not 1"
    assert done.stderr == f"parc: {tmp_path / 'spec.toml'}: {told}\n"
    assert not store.parent.exists()
