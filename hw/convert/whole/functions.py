"""Pointwise functions that have names: how onnxruntime is told to compute them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class NodeWriter(Protocol):
    """What writes nodes: `hw.convert.whole.qdq.Writer`."""

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Write a constant, and return its name."""

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Write a node of one result, and return that."""


@dataclass(frozen=True)
class Function:
    """A function of one number.

    Parameters
    ----------
    write
        Writes it: takes a writer, the name of what it is of, and a prefix; returns its result.
    """

    write: Callable[[NodeWriter, str, str], str]


def _single(kind: str, **attributes: Any) -> Function:
    return Function(lambda w, x, name: w.node(kind, [x], f"{name}_real", **attributes))


def _silu(writer: NodeWriter, x: str, name: str) -> str:
    gate = writer.node("Sigmoid", [x], f"{name}_gate")
    return writer.node("Mul", [x, gate], f"{name}_real")


def _relu6(writer: NodeWriter, x: str, name: str) -> str:
    ends = [writer.constant(f"{name}_{end}", np.array(end, np.float32)) for end in (0, 6)]
    return writer.node("Clip", [x, *ends], f"{name}_real")


FUNCTIONS: Mapping[str, Function] = {
    "relu": _single("Relu"),
    "relu6": Function(_relu6),
    "hardswish": _single("HardSwish"),
    "hardsigmoid": _single("HardSigmoid", alpha=1 / 6, beta=0.5),
    "sigmoid": _single("Sigmoid"),
    "silu": Function(_silu),
    "tanh": _single("Tanh"),
    "gelu": _single("Gelu"),
    "gelu_tanh": _single("Gelu", approximate="tanh"),
}
"""By the names that `golden.network.pointwise.Pointwise` gives them."""
