"""Components whose ports a type checker knows.

Amaranth makes a component's attributes of its signature, at run time, where no type checker sees
them. So every class states its ports once more, as plain annotations, and `Component` holds each
instance to them: what mypy believes is what there is.
"""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from amaranth.hdl import Signal
from amaranth.lib import data, stream, wiring

if TYPE_CHECKING:
    Interface = wiring.PureInterface[Any]
    View = data.View[Any]
    _Base = wiring.Component[Any]
else:
    # Generic in their types alone.
    Interface, View, _Base = wiring.PureInterface, data.View, wiring.Component

Stream = stream.Interface

Path = tuple[str | int, ...]
"""Of names, to an interface's signals."""

AnyPort = TypeVar("AnyPort")


def view(layout: data.Layout, *, name: str, reset_less: bool = False) -> View:
    """Return a signal of a layout, with its type."""
    return cast(View, Signal(layout, name=name, reset_less=reset_less))


class Component(_Base):
    """A component whose class says what its ports are.

    A port that depends on a parameter is annotated as well, and missing where there is none.

    Parameters
    ----------
    members
        The ports.

    Raises
    ------
    TypeError
        Where a port is not annotated, or is something else.
    """

    def __init__(self, members: Mapping[str, wiring.Member]) -> None:
        super().__init__(dict(members))
        for name in members:
            stated, port = self.port_type(name), unflipped(getattr(self, name))
            if stated is None or not isinstance(port, stated):
                have = "nothing" if stated is None else stated.__name__
                place = f"{type(self).__name__}.{name}"
                raise TypeError(f"{place} must be annotated as {type(port).__name__}, not {have}")

    @classmethod
    def port_type(cls, name: str) -> type | None:
        """Return what the class says that port ``name`` is, None where it says nothing."""
        for base in cls.__mro__:
            annotation = inspect.get_annotations(base).get(name)
            if isinstance(annotation, type):
                return annotation
        return None


class StreamComponent(Component):
    """A component that takes a stream and gives one.

    Members
    -------
    i, o : stream, In and Out
    """

    i: Stream
    o: Stream


def unflipped(port: object) -> object:
    """Return the interface itself, from whichever side it is seen."""
    return wiring.flipped(port) if isinstance(port, wiring.FlippedInterface) else port


def flipped(port: AnyPort) -> AnyPort:
    """Return an interface as its other side sees it: `amaranth.lib.wiring.flipped`, with a type."""
    return cast(AnyPort, wiring.flipped(port))
