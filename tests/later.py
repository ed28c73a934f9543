"""Cases that wait for ``make bench``."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def cases(names: Iterable[Any], later: Collection[Any]) -> list[Any]:
    """Return ``names`` as parameters of a test, of which ``later`` is left to ``make bench``."""
    return [pytest.param(name, marks=[pytest.mark.bench] * (name in later)) for name in names]
