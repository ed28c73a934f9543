"""Budgets: what a handful of builds may take of a device, and how fast they must stay."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flow.report import Report
from golden.inputs.read import read_json
from hw.emit.files import to_json

BUDGETS = Path(__file__).with_name("budgets.json")

MOST_RESOURCES = 1.05
LEAST_FMAX = 0.85


@dataclass(frozen=True)
class Budget:
    """What one build may come to.

    Parameters
    ----------
    name
        Of the build.
    arguments
        Of `hw.build`.
    device
        Where it is placed.
    resources, fmax_mhz
        As measured when the budget was written.
    """

    name: str
    arguments: str
    device: str
    resources: dict[str, int | float]
    fmax_mhz: float

    def breaches(self, report: Report) -> list[str]:
        """Return a line for each figure of ``report`` that breaks this budget."""
        lines = [
            f"{self.name}: {figure} {report.resources.get(figure, 0)}, "
            f"more than 5 % over the budget of {allowed}"
            for figure, allowed in self.resources.items()
            if report.resources.get(figure, 0) > MOST_RESOURCES * allowed
        ]
        if (report.fmax_mhz or 0) < LEAST_FMAX * self.fmax_mhz:
            lines.append(
                f"{self.name}: fmax {report.fmax_mhz} MHz, "
                f"less than 85 % of the budget of {self.fmax_mhz} MHz"
            )
        return lines

    def renewed(self, report: Report) -> "Budget":
        """Return this budget with the figures of ``report``."""
        return replace(self, resources=report.resources, fmax_mhz=report.fmax_mhz or 0)


def load_budgets(path: Path = BUDGETS) -> list[Budget]:
    """Return the committed budgets."""
    return [Budget(**entry) for entry in read_json(path, "budgets")]


def budgets_file(budgets: Sequence[Budget]) -> bytes:
    """Return the text that `load_budgets` reads."""
    return to_json([asdict(budget) for budget in budgets])
