"""Holds a build of a layer to what its manifest promises, in plain integers.

It knows the manifest and the weights file, and nothing of the generator: it sends maps through the
Verilog's AXI4-Stream ports under Icarus, with pauses on both sides, and compares every result with
the layer as its formula has it, within the certified error.
"""

import json

import numpy as np

from sim.beats import Pace, Stimulus, run_beats

TINY = 1e-6
"""What references lose that are no integers."""


class PromiseError(Exception):
    """A build breaks a promise."""


def half_even(values, multiplier, shift):
    """``values * multiplier / 2**shift``, rounded to the next integer, ties to the even one."""
    product = values * int(multiplier)
    whole, rest = product >> shift, product & ((1 << shift) - 1)
    twice, unit = 2 * rest, 1 << shift
    return whole + ((twice > unit) | ((twice == unit) & (whole % 2 == 1)))


def convolved(plane, arrays, axis, row):
    """Each line with its embedding, continued by itself, under the kernel."""
    weight = arrays[f"{axis}.weight"][row].astype(np.int64)
    pe = arrays[f"{axis}.pe"][row].astype(np.int64) if f"{axis}.pe" in arrays else 0 * weight
    bias = int(arrays[f"{axis}.bias"][row]) if f"{axis}.bias" in arrays else 0
    return circular(plane, weight, pe, axis) + bias


def circular(plane, weight, pe, axis):
    embedded = (plane if axis == "width" else plane.T) + pe
    continued = np.concatenate([embedded, embedded[:, :-1]], axis=1)
    results = np.array([np.correlate(line, weight, "valid") for line in continued])
    return results if axis == "width" else results.T


def scaled(plane, arrays, axis, row, zero_point):
    multiplier, shift = (int(arrays[f"{axis}.{name}"][row]) for name in ("multiplier", "shift"))
    return half_even(plane, multiplier, shift) + zero_point


def of_lines(manifest, arrays, frame):
    """What a layer of line engines makes of a frame."""
    parameters = manifest["parameters"]
    planes = list(frame)
    for number, sections in enumerate(parameters["passes"]):
        last = number == len(parameters["passes"]) - 1
        for section in sections:
            first = section["first_channel"]
            for channel in range(first, first + section["channels"]):
                row = section["first_row"] + channel - first
                y = convolved(planes[channel], arrays, section["axis"], row)
                if last and parameters["output"] == "requantized":
                    y = scaled(y, arrays, section["axis"], row, parameters["zero_point"])
                    if residual := parameters.get("residual"):
                        y = y + skipped(frame[channel], residual, manifest)
                    y = np.clip(y, parameters["output_low"], parameters["output_high"])
                elif not last and (between := parameters["between"]):
                    y = scaled(y, arrays, section["axis"], row, between["zero_point"])
                    y = np.clip(y, between["low"], between["high"])
                planes[channel] = y
    return np.array(planes)


def skipped(plane, residual, manifest):
    """What is added to results: samples, scaled, within one bit more than a result has."""
    limit = 1 << manifest["streams"]["m_axis"]["sample_bits"]
    x = half_even(plane - residual["zero_point"], residual["multiplier"], residual["shift"])
    return np.clip(x, -limit, limit - 1)


def requantized(y, arrays, axis, row, output):
    """Results of a sum as ``output`` has them: parameters, or None for every bit."""
    if output is None:
        return y
    return np.clip(
        scaled(y, arrays, axis, row, output["zero_point"]), output["low"], output["high"]
    )


def at_the_end(manifest):
    """What is requantised to at the end, or None."""
    parameters = manifest["parameters"]
    if parameters["output"] != "requantized":
        return None
    ends = {"low": parameters["output_low"], "high": parameters["output_high"]}
    return {"zero_point": parameters["zero_point"], **ends}


def of_mixed(manifest, arrays, frame):
    """What a layer that mixes channels makes of a frame."""
    results = []
    axes = manifest["parameters"]["axes"]
    for axis, planes in zip(axes, np.split(frame, len(axes)), strict=True):
        weight, pe = (arrays[f"{axis}.{name}"].astype(np.int64) for name in ("weight", "pe"))
        for row, kernels in enumerate(weight):
            shares = (
                circular(plane, kernel, own, axis)
                for plane, kernel, own in zip(planes, kernels, pe, strict=True)
            )
            y = sum(shares) + int(arrays[f"{axis}.bias"][row])
            results.append(requantized(y, arrays, axis, row, at_the_end(manifest)))
    return np.array(results)


def of_padded(manifest, arrays, frame):
    """What a layer of linear convolutions makes of a frame."""
    planes = list(frame)
    passes = manifest["parameters"]["passes"]
    for number, facts in enumerate(passes):
        axis, origin = facts["axis"], facts["origin"]
        last = number == len(passes) - 1
        output = at_the_end(manifest) if last else manifest["parameters"]["between"]
        for row, plane in enumerate(planes):
            lines = plane if axis == "width" else plane.T
            padded = np.pad(lines, ((0, 0), (origin, facts["taps"] - 1 - origin)))
            kernel = arrays[f"{axis}.weight"][row].astype(np.int64)
            y = np.array([np.correlate(line, kernel, "valid") for line in padded])
            y = y[:, :: facts["stride"]] + int(arrays[f"{axis}.bias"][row])
            y = requantized(y, arrays, axis, row, output)
            planes[row] = y if axis == "width" else y.T
    return np.array(planes)


def of_kernels(manifest, arrays, frame):
    """What depthwise kernels make of a frame, with zeros around it."""
    # One number, or two along height and width.
    taps, origin = (
        np.broadcast_to(manifest["parameters"][key], 2).tolist() for key in ("kernel", "origin")
    )
    margins = [(own, n - 1 - own) for own, n in zip(origin, taps, strict=True)]
    wide = np.pad(frame, ((0, 0), *margins))
    windows = np.lib.stride_tricks.sliding_window_view(wide, tuple(taps), axis=(1, 2))
    sums = np.einsum("chwst,cst->chw", windows, arrays["weight"].astype(np.int64))
    return ended(sums, manifest, arrays)


def of_spectra(manifest, arrays, frame):
    """What filters given by their spectra make of a frame, circular; no integers."""
    spectra = arrays["spectrum_re"] + 1j * arrays["spectrum_im"]
    sums = np.fft.irfft2(np.fft.rfft2(frame) * spectra, s=frame.shape[1:])
    return ended(sums * 2.0 ** manifest["parameters"]["kernel_f_bits"], manifest, arrays)


def ended(sums, manifest, arrays):
    """Results of sums ``[C, H, W]``: the bias added, and requantised if they are."""
    parameters = manifest["parameters"]
    y = sums + arrays["bias"][:, None, None]
    if parameters["output"] != "requantized":
        return y
    scale = arrays["multiplier"] / 2.0 ** arrays["shift"]
    rounded = np.rint(y * scale[:, None, None]) + parameters["zero_point"]
    return np.clip(rounded, parameters["output_low"], parameters["output_high"])


REFERENCES = {
    "serial": of_lines,
    "parallel": of_lines,
    "metaformer": of_lines,
    "dense": of_mixed,
    "linear": of_padded,
    "depthwise": of_kernels,
    "global_filter": of_spectra,
}
"""What each form makes of a frame ``[C, H, W]``, given manifest and arrays."""


def words_of(maps, lanes, slot):
    """Beats of maps: bands of rows, a row a slot."""
    mask = (1 << slot) - 1
    for frame in maps.tolist():
        for plane in frame:
            for top in range(0, len(plane), lanes):
                for column in zip(*plane[top : top + lanes], strict=True):
                    yield sum((x & mask) << (j * slot) for j, x in enumerate(column))


def simulate(manifest, folder, words, out_beats, frame, pauses, seed, work):
    streams, lanes, timing = (
        manifest["streams"],
        manifest["parameters"]["lanes"],
        manifest["timing"],
    )
    sent = Stimulus(
        words=words,
        frame=frame,
        in_bits=lanes * streams["s_axis"]["slot_bits"],
        out_bits=lanes * streams["m_axis"]["slot_bits"],
        out_beats=out_beats,
        patience=4 * timing["latency_cycles"] + 4 * timing["cycles_per_frame"] + 500,
        settle=timing["latency_cycles"] // 4 + 100,
    )
    sources = [folder / name for name in manifest["files"]]
    (seen,) = run_beats(manifest, sources, sent, [Pace(*pauses, seed)], work)
    _expect(seen.taken == len(words), f"took {seen.taken} of {len(words)} beats")
    _expect(len(seen.beats) == out_beats, f"gave {len(seen.beats)} beats, not {out_beats}")
    _expect(not seen.broken, f"broke the rules of streams {seen.broken} times")
    _expect(not seen.events, f"showed {seen.events} events on frames that end where they must")
    return seen.beats


def _expect(holds, complaint):
    if not holds:
        raise PromiseError(complaint)


def check(path, archive, work, *, pauses=(0.0, 0.0), frames=None, pattern="random", seed=1):
    """Raise `PromiseError` where the build whose manifest is at ``path`` breaks a promise."""
    manifest = json.loads(path.read_text())
    arrays = dict(np.load(archive))
    parameters, timing = manifest["parameters"], manifest["timing"]
    lanes, bits = parameters["lanes"], parameters["data_bits"]
    shape = tuple(parameters[key] for key in ("channels", "height", "width"))
    out_shape = tuple(parameters[f"out_{key}"] for key in ("channels", "height", "width"))
    frame, out_frame = (int(np.prod(s)) // lanes for s in (shape, out_shape))
    if frames is None:  # as many as show the steady pace
        frames = timing["latency_cycles"] // timing["cycles_per_frame"] + 3
    maps = stimulus(np.random.default_rng(seed), (frames, *shape), bits, pattern)
    words = list(words_of(maps, lanes, manifest["streams"]["s_axis"]["slot_bits"]))
    beats = simulate(manifest, path.parent, words, frames * out_frame, frame, pauses, seed, work)
    reference = REFERENCES[manifest["form"]]
    expected = np.array([reference(manifest, arrays, plane) for plane in maps])
    _expect(expected.shape[1:] == out_shape, f"gives maps of {out_shape}, not {expected.shape[1:]}")
    got = unpacked(beats, expected.shape, lanes, manifest["streams"]["m_axis"])
    certificate = manifest["certificate"]
    error = int(np.ceil(np.abs(got - expected).max() - TINY))
    _expect(error <= certificate["max_output_error"], f"is off by {error}")
    check_bounds(certificate, parameters)
    inside = (got >= parameters["output_low"]) & (got <= parameters["output_high"])
    _expect(inside.all(), "leaves the range of its output")
    lasts = [last == "1" for _, last, _ in beats]
    wanted = [n % out_frame == out_frame - 1 for n in range(len(beats))]
    _expect(lasts == wanted, "misplaces tlast")
    if pauses == (0.0, 0.0):
        check_timing([int(beat[0]) for beat in beats], out_frame, timing)
    return error


def check_bounds(certificate, parameters):
    """Hold the certificate's bounds to each other."""
    sums, results = certificate["max_abs_error"], certificate["max_output_error"]
    _expect(certificate["exact"] == (sums == 0), "is exact or is not")
    _expect(results == 0 or sums > 0, "has results that are off, of exact sums")
    if parameters["output"] == "accumulator":
        _expect(results == sums, "has two bounds on the same numbers")
    widest = parameters["output_high"] - parameters["output_low"]
    _expect(results <= widest, "is off by more than all of its output")


def check_timing(cycles, out_frame, timing):
    """Hold the cycles of unpaused results to the manifest's."""
    starts = cycles[::out_frame]
    latency, pace = starts[0], starts[-1] - starts[-2]
    _expect(latency == timing["latency_cycles"], f"has a latency of {latency}")
    _expect(pace == timing["cycles_per_frame"], f"has a frame every {pace} cycles")


def stimulus(generator, shape, bits, pattern):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if pattern == "extreme":
        return generator.choice([low, high], shape)
    return generator.integers(low, high, shape, endpoint=True)


def unpacked(beats, shape, lanes, stream):
    slot, bits = stream["slot_bits"], stream["sample_bits"]
    words = [int(data, 16) for *_, data in beats]
    columns = np.array(
        [[word >> (j * slot) & ((1 << slot) - 1) for j in range(lanes)] for word in words]
    )
    values = columns - ((columns >> (slot - 1)) << slot)
    _expect(
        (values >= -(1 << (bits - 1))).all() and (values < 1 << (bits - 1)).all(), "extends signs"
    )
    frames, channels, height, width = shape
    bands = values.reshape(frames, channels, height // lanes, width, lanes)
    return bands.swapaxes(-1, -2).reshape(shape)
