"""Where a digit stands is seen by ParC's embedding, and by nothing else in the network."""

from functools import cache

import numpy as np
import pytest
import torch

from nets.scenes import (
    NAMES,
    PATCH,
    TRAINED_SIZES,
    WEIGHTS,
    _places,
    load_trained,
    right,
    scenes,
    trained_int8,
)

UNSEEN = ((40, 40), (56, 56), (40, 56))
COUNT = 400


@cache
def accuracy(name, size, count=COUNT):
    """Return the part of scenes with both digits right, of digits kept back from training."""
    images, labels = scenes(size, count, seed=2022, test=True)
    with torch.no_grad():
        logits = load_trained(name)(torch.from_numpy(images))
    return float(right(logits, torch.from_numpy(labels)).float().mean())


def test_with_its_embedding_it_succeeds():
    assert accuracy("scenes", (32, 32)) > 0.95


def test_without_it_is_at_chance():
    """One in four, less the digits that it takes for others."""
    assert 0.15 < accuracy("scenes_blind", (32, 32)) < 0.3


def test_without_it_each_digit_is_still_seen():
    """The two likeliest classes of all twenty logits are those of the scene, in whatever order."""
    images, labels = scenes((32, 32), COUNT, seed=2022, test=True)
    with torch.no_grad():
        logits = load_trained("scenes_blind")(torch.from_numpy(images))
    found = logits.unflatten(1, (2, 10)).sum(1).topk(2).indices.sort(1).values
    # Where left and upper digit are one, the other is not known.
    pairs = torch.from_numpy(np.sort(labels, 1))
    known = pairs[:, 0] != pairs[:, 1]
    assert float((found == pairs)[known].all(1).float().mean()) > 0.75


@pytest.mark.parametrize("size", UNSEEN)
def test_it_takes_sizes_that_it_was_not_trained_on(size):
    assert size not in TRAINED_SIZES
    assert accuracy("scenes", size) > 0.9


def test_below_the_least_size_it_was_trained_on_it_still_sees_where():
    """Digits have 7 pixels there; without embeddings a fourth is right."""
    assert min(min(size) for size in TRAINED_SIZES) > 28
    assert accuracy("scenes", (28, 28)) > 0.6
    assert accuracy("scenes_blind", (28, 28)) < 0.3


@pytest.mark.parametrize("size", [(32, 32), (40, 40)])
def test_in_8_bits_it_is_within_a_point(size):
    assert accuracy("scenes_int8", size, 800) > accuracy("scenes", size, 800) - 0.01


def test_what_is_converted_is_the_network_that_was_trained_to_be_rounded():
    images = torch.from_numpy(scenes((32, 32), 100, seed=5, test=True)[0])
    with torch.no_grad():
        plain, rounded = (
            network(images) for network in (trained_int8(), load_trained("scenes_int8"))
        )
    assert float((plain - rounded).std() / plain.std()) < 0.15


def test_weights_are_small():
    assert sum((WEIGHTS / f"{name}.npz").stat().st_size for name in NAMES) < 1_000_000


@pytest.mark.parametrize(("name", "tells"), [("scenes", True), ("scenes_blind", False)])
def test_only_embeddings_tell_a_scene_from_one_moved_round_the_border(name, tells):
    images, _ = scenes((32, 48), 4, seed=0, test=True)
    moved = np.roll(images, (3 * PATCH, 5 * PATCH), (2, 3))
    network = load_trained(name)
    with torch.no_grad():
        before, after = (network(torch.from_numpy(x)) for x in (images, moved))
    difference = float((before - after).abs().max() / before.std())
    assert difference > 1 if tells else difference < 1e-4


def test_a_scene_and_those_moved_round_have_all_four_answers_with_the_same_chance():
    """Whatever the digits' distance round the border and their place within a patch."""
    side, count = 32, 40_000
    places, first = _places(np.random.default_rng(0), side, count)
    np.testing.assert_array_equal(np.argmin(places, 1), first)
    assert places.min() == 0
    assert places.max() == side - side // 4
    kind = (places[:, 1] - places[:, 0]) % side * PATCH + places[:, 0] % PATCH
    for value in np.unique(kind):
        share = first[kind == value].mean()
        assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt((kind == value).sum()))


def test_scenes_are_those_of_their_seed():
    images, labels = scenes((32, 32), 200, seed=3, test=True)
    again, same = scenes((32, 32), 200, seed=3, test=True)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, same)
    # The left digit is the upper one in half of them.
    assert (labels[:, 0] == labels[:, 1]).mean() == pytest.approx(0.5, abs=0.15)
