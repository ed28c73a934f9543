"""The dense engines by what describes them."""

from golden.dense import DenseDesign, DenseDirectDesign, DenseFermatDesign, DenseFftDesign
from hw.dense import fermat, fft
from hw.dense.direct import DenseDirectCore
from hw.dense.predict import predict_direct, predict_fermat, predict_fft
from hw.engines import Core
from hw.predict import Cost


def core_of(design: DenseDesign) -> Core:
    """Return the core that ``design`` describes."""
    if isinstance(design, DenseFermatDesign):
        return fermat.DenseFermatCore(design)
    if isinstance(design, DenseFftDesign):
        return fft.DenseFftCore(design)
    assert isinstance(design, DenseDirectDesign)
    return DenseDirectCore(design)


def predict(design: DenseDesign) -> Cost:
    """Return what ``design`` takes of a device."""
    if isinstance(design, DenseFermatDesign):
        return predict_fermat(design)
    if isinstance(design, DenseFftDesign):
        return predict_fft(design)
    assert isinstance(design, DenseDirectDesign)
    return predict_direct(design)


_SET_GAP = 4
"""Cycles between the last beat of a set of streamed weights and the first of the next but one."""


def cycles_between_groups(design: DenseDesign) -> int:
    """Return cycles for two groups of channels in steady state.

    A half of the store is filled, waits for the last line's transform, and is then read; while one
    is, the other is too.
    """
    ahead = 0
    if isinstance(design, DenseFermatDesign):
        ahead = fermat.latency_ahead(design)
    if isinstance(design, DenseFftDesign):
        ahead = fft.latency_ahead(design)
    filled, read_twice = design.cycles_of_input, design.channels_per_group * _two_channels(design)
    return max(2 * filled, read_twice, filled + ahead + -(-read_twice // 2))


def _two_channels(design: DenseDesign) -> int:
    """Return cycles for two output channels.

    Streamed weights come in while a channel is worked on, once all results of the channel before
    have left: their bank is its.
    """
    worked = design.cycles_per_group * design.groups_per_channel
    if not design.streamed:
        return 2 * worked
    loaded = design.coefficient_words
    return max(2 * worked, 2 * (loaded + _SET_GAP), worked + loaded + _in_flight(design) - 1)


def _in_flight(design: DenseDesign) -> int:
    """Return cycles from a channel's last step to its last result."""
    if isinstance(design, DenseFermatDesign):
        return fermat.latency_behind(design)
    if isinstance(design, DenseFftDesign):
        return fft.latency_behind(design)
    assert isinstance(design, DenseDirectDesign)
    return DenseDirectCore.in_flight(design) + design.taps - 1
