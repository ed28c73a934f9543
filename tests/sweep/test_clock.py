"""What measured builds say of the clocks of others."""

import pytest

from hw.measured.clock import MEASURED, Clocks, Measured, measured_in
from hw.measured.store import DONE, Result, Store


def test_nine_of_ten_held_out_points_are_within_15_per_cent():
    clocks = Clocks(measured_in(MEASURED))
    held_out = list(zip(clocks.points, clocks.held_out(), strict=True))
    near = [abs(found.mhz / point.mhz - 1) <= 0.15 for point, found in held_out]
    assert sum(near) >= 0.9 * len(near)
    within = [found.low <= point.mhz <= found.high for point, found in held_out]
    assert sum(within) >= 0.9 * len(within)


def test_a_held_out_point_is_what_all_others_expect():
    points = measured_in(MEASURED)
    first, *others = points
    alone = Clocks(others).expected(first.engine, first.device, first.parameters)
    assert Clocks(points).held_out()[0].mhz == pytest.approx(alone.mhz)


def test_more_points_nearby_narrow_the_spread():
    points = [Measured("fft", "d", {"length": length}, 100.0) for length in (8, 16, 16, 16)]
    few, many = (Clocks(some).expected("fft", "d", {"length": 16}) for some in (points[:1], points))
    assert few.low < many.low < many.mhz < many.high < few.high
    assert many.mhz == pytest.approx(100, rel=0.02)
    assert Clocks(points).expected("fft", "another", {"length": 16}) is None
    assert Clocks([]).expected("fft", "d", {}) is None


def test_points_that_tell_less_stand_beside_those_that_tell_all():
    less = [Measured("direct", "lfe5u-85f-6", {"length": n}, 290.0) for n in (4, 4, 8, 8)]
    clocks = Clocks([*measured_in(MEASURED), *less])
    spread = [clocks.expected("fermat", "lfe5u-85f-6", {"length": 16, "lanes": n}) for n in (1, 16)]
    assert all(150 < one.mhz < 230 for one in spread)
    assert spread[1].high / spread[1].low > spread[0].high / spread[0].low


def test_a_sweep_tells_clocks(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.record({"k": Result(DONE, figures={"placed.fmax_mhz": 99.0}), "n": Result(DONE)})
        point = {"engine": "fft", "length": 8, "exact": True, "device": "d", "seed": 3}
        store.name_points("one", [(point, ["n", "k"]), (point, ["n"])])
    assert measured_in(path) == [Measured("fft", "d", {"length": 8}, 99.0)]
