"""The line engines by name: whatever builds, times, predicts or plans one finds all of it here."""

from dataclasses import fields

from golden import engines as described
from golden.dense.design import DenseDesign
from golden.line.design import LineDesign
from golden.plane.design import PlaneDesign
from hw.dense.entry import DenseEngine
from hw.direct.engine import DIRECT
from hw.entry import Engine
from hw.fermat.engine import FERMAT
from hw.fft.engine import FFT
from hw.plane.entry import PlaneEngine
from hw.targets.cost import Cost

ENGINES: dict[str, Engine] = {}
"""Engines by name; `register` adds to them."""
DENSE_ENGINES: dict[type[DenseDesign], DenseEngine] = {}
PLANE_ENGINES: dict[type[PlaneDesign], PlaneEngine] = {}
"""What is made of them, by what describes it."""


def register(engine: Engine) -> None:
    """Enter an engine, and its description if that was not done.

    From then on command lines, layers' configurations and the planner have it.

    Raises
    ------
    ValueError
        Where another has the name.
    """
    dense, plane = engine.dense, engine.plane
    described.register(
        engine.design,
        dense=None if dense is None else dense.design,
        plane=None if plane is None else plane.design,
    )
    ENGINES[engine.name] = engine
    if dense is not None:
        DENSE_ENGINES[dense.design] = dense
    if plane is not None:
        PLANE_ENGINES[plane.design] = plane


def engine_of(design: LineDesign) -> Engine:
    """Return the entry of the engine that a design is of, or that a dense or plane one is made of.

    The nearest, where an engine's description is derived from another's.
    """
    by_design = {engine.design: engine for engine in ENGINES.values()}
    return next(by_design[kind] for kind in type(design).__mro__ if kind in by_design)


for _engine in (DIRECT, FFT, FERMAT):
    register(_engine)

_NO_FIGURES = ("name", "weights")
_known: dict[tuple[object, ...], Cost] = {}


def predict_line(design: LineDesign) -> Cost:
    """Return what an engine takes of a device; what is known of one for any weights is kept."""
    predict = ENGINES[design.engine].predict
    if design.weights is not None:
        return predict(design)
    told = (
        getattr(design, field.name) for field in fields(design) if field.name not in _NO_FIGURES
    )
    key = (type(design), *told)
    if key not in _known:
        _known[key] = predict(design)
    return _known[key]
