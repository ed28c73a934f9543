"""Graphs of stages: forks and joins are followed, and what does not suit is refused."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from golden.graph.graph import Graph, Node, Stage
from golden.graph.tensor import Run, Tensor
from golden.inputs.errors import ParameterError
from golden.numbers.interval import Interval

MAP = Tensor(4, 3, 5, Interval.signed(8))


@dataclass(frozen=True)
class Add(Stage):
    terms: int = 2
    each: Tensor = MAP

    @property
    def inputs(self):
        return (self.each,) * self.terms

    @property
    def output(self):
        return replace(self.each, range=self.each.range.scaled(self.terms))

    def value(self, *maps):
        return sum(maps)


WIDE = replace(MAP, range=Interval(-256, 254))


def graph(*nodes, outputs=("z",), inputs=None):
    return Graph(inputs or {"x": MAP}, nodes, outputs)


def forked():
    return graph(Node("y", Add(), ("x", "x")), Node("z", Add(2, WIDE), ("x", "y")))


def test_a_map_forks_and_joins():
    x = np.arange(60, dtype=np.int64).reshape(1, 4, 3, 5)
    assert set(forked().run({"x": x})) == {"z"}
    np.testing.assert_array_equal(forked().run({"x": x})["z"], 3 * x)
    np.testing.assert_array_equal(forked().trace({"x": x})["y"], 2 * x)
    assert [node.name for node in forked().users["x"]] == ["y", "z"]


def test_an_input_may_leave():
    x = np.ones((1, 4, 3, 5), dtype=np.int64)
    np.testing.assert_array_equal(graph(outputs=("x",)).run({"x": x})["x"], x)


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([Node("x", Add(), ("x", "x"))], ("x",), "twice"),
        ([Node("y", Add(), ("x", "w"))], ("y",), r"made before it, not \['w'\]"),
        ([Node("y", Add(), ("x",))], ("y",), "2 maps, not 1"),
        ([], ("z",), r"not \['z'\]"),
        ([Node("y", Add(1, replace(MAP, width=6)), ("x",))], ("y",), "must take Tensor"),
        ([Node("y", Add(1, MAP.along((Run(4, "height"),))), ("x",))], ("y",), "must take Tensor"),
        ([Node("y", Add(), ("x", "x")), Node("z", Add(), ("x", "y"))], ("z",), "must take Tensor"),
    ],
)
def test_what_does_not_suit_is_refused(nodes, outputs, message):
    with pytest.raises(ValueError, match=message):
        graph(*nodes, outputs=outputs)


def test_runs_of_one_axis_are_one():
    assert MAP.along((Run(1), Run(3))) == MAP
    with pytest.raises(ValueError, match="cover 4 channels"):
        MAP.along((Run(3),))
    with pytest.raises(ParameterError, match="Height must be"):
        replace(MAP, height=0)
