"""What all layers have outside: their streams and events."""

from abc import abstractmethod
from collections.abc import Mapping

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.layer.design import LayerDesign
from hw.line.engine import check_framing
from hw.line.output import beat_layout
from hw.line.weights_port import W_EVENTS
from hw.parts.ports import Stream, StreamComponent


class LayerComponent(StreamComponent):
    """Ports of a layer; a form's own class says what is between.

    Parameters
    ----------
    design
        What the layer was told.
    loads
        Layouts of the streams that weights arrive on, by the names in ``design.weight_streams``.

    Members
    -------
    i, o : stream of beats, In and Out
        `last` at the end of a frame.
    w, w_NAME : In
        Where weights are loaded.
    event_last_unexpected, event_last_missing : Out
        Pulses: `i` had `last` on another beat than a frame's last one, or not there.
    event_w_last_unexpected, ... : Out
        The same of each `w` and its sets.
    """

    event_last_unexpected: Signal
    event_last_missing: Signal

    def __init__(self, design: LayerDesign, loads: Mapping[str, data.StructLayout]) -> None:
        ports = {
            "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
            "o": Out(stream.Signature(beat_layout(design.output_bits, design.lanes))),
            "event_last_unexpected": Out(1),
            "event_last_missing": Out(1),
        }
        for name, layout in loads.items():
            ports[name] = In(stream.Signature(layout))
            ports |= {f"event_{name}_{event}": Out(1) for event in W_EVENTS}
        self._frame_beats = design.frame_beats
        super().__init__(ports)

    @classmethod
    def port_type(cls, name: str) -> type | None:
        """See `Component`; the weights' streams, of any number, have names of their own."""
        if name.startswith("event_w"):
            return Signal
        return Stream if name.startswith("w") else super().port_type(name)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""

    @property
    @abstractmethod
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""

    @property
    def first_frames(self) -> list[int]:
        """Cycles from the first frame to the next, and so on, as long as they are others."""
        return []

    def _check_framing(self, m: Module) -> None:
        """Drive the events of `i`."""
        check_framing(
            m, self.i, self._frame_beats, self.event_last_unexpected, self.event_last_missing
        )
