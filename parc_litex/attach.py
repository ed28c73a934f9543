"""A build in a SoC, by the class that is for it."""

from pathlib import Path
from typing import Any

from hw.emit.product import load_product
from parc_litex.accelerator import ParcAccelerator
from parc_litex.engine import ParcEngine
from parc_litex.module import BuildModule


def add(soc: Any, manifest: str | Path, **options: Any) -> BuildModule:
    """Put a build into ``soc``, and return its module.

    Parameters
    ----------
    soc
        Of LiteX, with its memory.
    manifest
        NAME.json of an accelerator with memory outside, or of a line engine with registers.
    options
        Those of `ParcAccelerator.attach` and `ParcEngine.attach`.

    Raises
    ------
    ParameterError
        Where it is of something else.
    """
    product = load_product(Path(manifest))
    kind = ParcEngine if "engine" in product.manifest else ParcAccelerator
    return kind(soc.platform, manifest, product=product).attach(soc, **options)
