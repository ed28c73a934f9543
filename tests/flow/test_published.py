"""docs/published.md is what docs/published.json says, docs/early-stages.md what engines cost."""

from flow.early import LENGTHS, cost_rows, costs
from flow.published import (
    CAPACITY,
    FIGURES,
    MOBILENETV2_PRODUCTS,
    PEERS,
    ROOFLINES,
    markdown,
    read_frames,
    read_pages,
)
from hw.accelerator.external.predict import predict_external
from hw.targets.registry import device_named


def test_the_document_is_what_was_simulated():
    frames = read_frames()
    written = FIGURES.with_name("published.md").read_text(encoding="utf-8")
    pages = read_pages()
    assert markdown(frames, pages) == written, "python scripts/published.py"
    picture = ROOFLINES.read_text(encoding="utf-8")
    assert all(f"{name}, 9.1 bytes a cycle" in picture for name in pages)
    assert pages.keys() == {one["network"] for one in frames if one["place"] == "own"}
    assert not any(one.get("mismatches") for one in frames)


def test_the_accelerator_fits_the_device():
    usable = device_named("lfe5u-85f-6").usable.multipliers
    assert predict_external(CAPACITY).multipliers <= usable
    assert all(one["multipliers"] <= usable for one in read_frames() if "refused" not in one)


def test_peers_figures_come_to_clocks():
    """Two figures of a peer that did not belong together would come to one that there is not."""
    assert all(100e6 < peer.clock < 500e6 for peer in PEERS)
    (own,) = (
        one for one in read_frames() if (one["network"], one["place"]) == ("mobilenetv2", "own")
    )
    assert own["products"] == MOBILENETV2_PRODUCTS


def test_costs_are_those_of_the_document():
    found = costs()
    text = FIGURES.with_name("early-stages.md").read_text(encoding="utf-8")
    for row in cost_rows(found):
        assert f"| {' | '.join(row)} |" in text, "python scripts/early_stages.py"
    direct, fermat = (
        [one.multipliers for one in found[f"ParC, {name}"]] for name in ("direct", "fermat")
    )
    # Half a product a tap, and one that all outputs have in common.
    assert direct[1:] == [length / 2 + 1 for length in LENGTHS[1:]]
    assert max(fermat) <= 2 * min(fermat)
