"""Configurations as files: what `hw.convert` and `hw.plan` leave for `hw.build layer`."""

from collections.abc import Mapping
from typing import Any

import tomli_w

from golden.inputs.write import arrays_archive
from hw.layer.config import LayerConfig


def to_toml(options: Mapping[str, Any]) -> bytes:
    """Return a configuration of numbers, strings, lists of them and tables as a TOML file."""
    return tomli_w.dumps(options).encode()


def config_files(config: LayerConfig) -> dict[str, bytes]:
    """Return a configuration and its weights as files, by their names."""
    files = {f"{config.options['name']}.toml": to_toml(config.options)}
    if config.arrays is not None:
        files[config.options["weights"]] = arrays_archive(config.arrays)
    return files
