"""Layers whose samples between two passes need fewer bits than their format has."""

import pytest
from amaranth.hdl import Fragment

from golden.inputs.config import Table
from golden.layer.registry import LAYERS
from hw.emit.axi import AxiWrapper, PortNames
from hw.layer.layer import Layer

ENGINES = {
    "direct": {"engine": "direct"},
    "folded": {"engine": "direct", "macs": 2},
    "fft": {"engine": "fft"},
    "fermat": {"engine": "fermat"},
}
FORMS = {
    "serial": {},
    "metaformer": {"channels": 2},
    "linear": {
        "order": ["width", "height"],
        "kernels": {"width": {"taps": 2}, "height": {"taps": 3, "origin": 2, "stride": 2}},
    },
}
CLIPS = {"narrow": (-30, 52), "one-sided": (0, 127), "one value": (5, 5), "nothing": (0, 0)}


@pytest.mark.parametrize("second", ENGINES)
@pytest.mark.parametrize("first", ENGINES)
@pytest.mark.parametrize("form", FORMS)
def test_any_clip_between_any_engines_can_be_built(form, first, second):
    axes = FORMS[form].get("order", ["height", "width"])
    engines = dict(zip(axes, (ENGINES[first], ENGINES[second]), strict=True))
    # The engine behind the clip sees each of them in turn, in ROM and loaded.
    turn = list(ENGINES).index(first)
    for number, (low, high) in enumerate(list(CLIPS.values())[turn % 2 :: 2]):
        port = (turn // 2 + number) % 2 == 0
        between = {"bits": 8, "low": low, "high": high} | ({"zero_point": low} if port else {})
        options = {"channels": 1, "height": 4, "width": 4, "engines": engines, "between": between}
        table = Table(options | FORMS[form])
        design = LAYERS[form].of_table(table, None, example=not port)
        component = Layer(design)
        Fragment.get(AxiWrapper(component, PortNames()), None)
