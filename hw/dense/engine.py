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
    filled, read = design.cycles_of_input, design.cycles_of_output
    return max(2 * filled, 2 * read, filled + ahead + read)
