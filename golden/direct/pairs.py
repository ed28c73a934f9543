"""Two products a multiplier: Winograd's inner product (1968), as the direct engine's chain has it.

    w[0] x[0] + w[1] x[1]  =  (x[0] + w[1]) (x[1] + w[0])  -  x[0] x[1]  -  w[0] w[1]

Taps 2j and 2j + 1 share a multiplier. What is subtracted last does not depend on the samples: it
goes into the start table. The products of neighbouring samples ``q[t] = x[t - 1] x[t]`` are the
same for every kernel. Output i needs those of t = i + 1, i + 3, and so on, a sum that slides along
the line; with ``Q[t] = Q[t - 2] + q[t]`` it is the difference of two values, of which the chain is
given the earlier one to start with, and the later one is subtracted as its sum leaves. Where Q
begins does not matter, and it may wrap as all sums do.
"""

import numpy as np

from golden.numbers.interval import Integers, Interval, wrap


def weight_products(kernels: Integers) -> Integers:
    """Return ``sum_j w[2j] w[2j + 1]`` along the last axis; an odd last tap has no partner."""
    n_pairs = kernels.shape[-1] // 2
    paired = kernels[..., : 2 * n_pairs]
    products: Integers = (paired[..., 0::2] * paired[..., 1::2]).sum(axis=-1)
    return products


def chain_sums(lines: Integers, kernels: Integers, *, bits: int) -> Integers:
    """Return what a chain of pairs gives for lines that pass it, modulo ``2^bits``.

    Parameters
    ----------
    lines
        int64 ``[..., N]``.
    kernels
        int64 ``[..., P]``, P from 2 to N; the leading axes broadcast with those of ``lines``.
    bits
        Width of every sum, at most 62.

    Returns
    -------
    int64 ``[..., N]``: the correlation and `weight_products`, where their sum fits ``bits``.
    """
    length, taps = lines.shape[-1], kernels.shape[-1]
    steps = np.arange(length + taps - 1)
    products = (lines * np.roll(lines, 1, axis=-1))[..., steps % length]
    passed = _every_other_sum(products, bits)
    position = np.arange(length)
    middle = passed[..., position + taps // 2 * 2] - passed[..., position]
    return wrap(paired_sums(lines, kernels, bits=bits) - middle, bits)


def paired_sums(lines: Integers, kernels: Integers, *, bits: int) -> Integers:
    """Return what `chain_sums` does, with neighbours' products still in it."""
    length, taps = lines.shape[-1], kernels.shape[-1]
    total = np.zeros((*np.broadcast_shapes(lines.shape[:-1], kernels.shape[:-1]), length), np.int64)
    for pair in range(taps // 2):
        before, x = (np.roll(lines, -2 * pair - k, axis=-1) for k in range(2))
        first, second = kernels[..., 2 * pair, None], kernels[..., 2 * pair + 1, None]
        total = wrap(total + (before + second) * (x + first), bits)
    if taps % 2:
        total = wrap(total + np.roll(lines, 1 - taps, axis=-1) * kernels[..., -1, None], bits)
    return total


def middle_sums(products: Integers, taps: int) -> Integers:
    """Return what a chain of so many ``taps`` takes off, of neighbours' ``products`` ``[..., N]``.

    The product of samples t - 1 and t stands at t.
    """
    turned = [np.roll(products, -2 * pair - 1, axis=-1) for pair in range(taps // 2)]
    sums: Integers = np.sum(turned, axis=0)
    return sums


def pair_sums(kernels: Integers, data: Interval) -> Interval:
    """Return the range of `paired_sums` of kernels ``[..., P]`` of known weights."""
    ends = (data.low, data.high)
    n_pairs = kernels.shape[-1] // 2
    first, second = (kernels[..., k : 2 * n_pairs : 2] for k in range(2))
    corners = np.stack([(x + second) * (y + first) for x in ends for y in ends])
    alone = kernels[..., 2 * n_pairs :]
    single = np.stack([x * alone for x in ends])
    low = corners.min(axis=0).sum(axis=-1) + single.min(axis=0).sum(axis=-1)
    high = corners.max(axis=0).sum(axis=-1) + single.max(axis=0).sum(axis=-1)
    return Interval(int(low.min()), int(high.max()))


def _every_other_sum(q: Integers, bits: int) -> Integers:
    """Return ``Q[t - 1]`` for every step t and one more, ``Q[t] = Q[t - 2] + q[t]``."""
    sums = np.zeros((*q.shape[:-1], q.shape[-1] + 1), np.int64)
    for step in range(1, q.shape[-1]):
        sums[..., step + 1] = wrap(sums[..., step - 1] + q[..., step], bits)
    return sums
