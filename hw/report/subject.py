"""What a page is about: a build, and what was measured of it since, in files beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from golden.inputs.errors import ParameterError
from golden.inputs.read import Arrays, read_arrays, read_json
from hw.emit.product import Built, load_product

_FIGURES = {"device", "how", "resources"}
"""Entries of a file that `implement` wrote."""


@dataclass(frozen=True)
class Subject:
    """A build and what is known of it.

    Parameters
    ----------
    built
        The build.
    measured
        What `implement` came to, by device.
    run
        What `hw.run -o` wrote; empty where it did not run.
    weights
        The integers that were built in; empty where they are not beside it.
    template
        Text that instantiates it, with how to use it at its head; empty where it is not beside it.
    """

    built: Built
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    weights: Arrays = field(default_factory=dict)
    template: str = ""

    @property
    def name(self) -> str:
        """Of the build."""
        return self.built.name

    @property
    def manifest(self) -> dict[str, Any]:
        """The whole manifest."""
        return self.built.manifest

    @property
    def kind(self) -> str:
        """``network``, ``layer`` or an engine's name."""
        return str(self.manifest.get("kind") or self.manifest.get("engine", "layer"))


def load_subject(manifest: Path) -> Subject:
    """Read a manifest and what lies beside it: ``NAME.DEVICE.json``, ``NAME.run.json``, weights.

    Raises
    ------
    ParameterError
        Where the build cannot be read, or a file beside it is none of these.
    """
    built = load_product(manifest)
    stem = manifest.with_suffix("")
    measured, run = {}, {}
    for path in sorted(manifest.parent.glob(f"{stem.name}.*.json")):
        said = read_json(path, "manifest", "a readable JSON file of this build")
        if path.name == f"{stem.name}.run.json":
            run = said
        elif isinstance(said, dict) and said.keys() >= _FIGURES and said.get("name") == built.name:
            measured[str(said["device"])] = said
    if run and not {"frames", "layers"} <= run.keys():
        raise ParameterError("manifest", "beside what hw.run wrote", f"{stem.name}.run.json")
    arrays = manifest.with_suffix(".npz")
    weights = read_arrays(arrays, "manifest") if arrays.exists() else {}
    use = manifest.with_suffix(".veo")
    template = use.read_text(encoding="utf-8").strip() if use.exists() else ""
    return Subject(built, measured, run, weights, template)


def is_plan(said: object) -> bool:
    """Whether a JSON file is a plan of `hw.plan`."""
    return (
        isinstance(said, dict)
        and "frames_per_second" in said
        and bool({"units", "layers"} & said.keys())
    )
