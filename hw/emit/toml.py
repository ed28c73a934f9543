"""Configurations written as TOML: what `hw.convert` and `hw.plan` leave for `hw.build layer`."""

from collections.abc import Mapping
from typing import Any

import tomli_w


def to_toml(options: Mapping[str, Any]) -> bytes:
    """Return a configuration of numbers, strings, lists of them and tables as a TOML file."""
    return tomli_w.dumps(options).encode()
