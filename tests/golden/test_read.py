"""Files that others wrote, whole and damaged: each is read, or refused in one line."""

import io
import random
import struct
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.inputs.read import MAX_TEXT, read_arrays, read_json, read_toml
from golden.line.weights import check_weights
from golden.numbers.interval import Interval
from hw.layer.config import read_layer
from hw.plan.network import converted

MUTATIONS = 300
"""Of each kind of file.

By hand were tried 8,000 of .npz, 1,500 of TOML, 1,050 of plans' folders, and 250 each of .onnx,
.pt2 and state dicts.
"""
FORMATS = {"length": 4, "channels": 2, "data_bits": 8, "weight_bits": 8}


def archive(*, compressed):
    arrays = {
        "weight": np.arange(8, dtype=np.int8).reshape(2, 4),
        "pe": np.zeros((2, 4)),
        "bias": np.array([1, -2], dtype=">i4"),
        "multiplier": np.array([1, 3], dtype=np.uint64),
        "shift": np.array([0, 47]),
        "zero_point": np.array(3),
    }
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def mutated(content, generator):
    """Bytes changed, cut out, doubled, or all from a place on lost."""
    content = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 8))):
        begin = generator.randrange(len(content))
        end = min(len(content), begin + generator.choice((1, 1, 2, 4, 64)))
        match generator.randrange(6):
            case 0:
                content[begin:end] = generator.randbytes(end - begin)
            case 1:
                content[begin] ^= 1 << generator.randrange(8)
            case 2:
                del content[begin:end]
            case 3:
                content[begin:begin] = content[begin:end]
            case 4:
                content[begin:end] = generator.choice((b"\xff", b"\0")) * (end - begin)
            case _:
                del content[max(begin, 1) :]
        content = content or bytearray(b"x")
    return bytes(content)


def is_read(read):
    """Whether ``read`` does, rather than refuse in one line."""
    complaint = ""
    try:
        read()
    except ParameterError as error:
        complaint = str(error)
    assert complaint.isprintable(), repr(complaint)
    return not complaint


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_archives_are_read_or_refused(compressed, tmp_path):
    generator = random.Random(compressed)
    content = archive(compressed=compressed)
    path = tmp_path / "w.npz"

    def read():
        check_weights(read_arrays(path, "weights"), **FORMATS, requantized=Interval.signed(8))

    path.write_bytes(content)
    assert is_read(read)
    outcomes = []
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(content, generator))
        outcomes.append(is_read(read))
    assert set(outcomes) == {True, False}


CONFIG = b"""
# a layer
form = "metaformer"
name = "l\xc3\xa4yer"
channels = 2
height = 4
width = 4
engines.height = {engine = "direct", macs = 2}
engines.width = {engine = "fft"}
output = {bits = 8, low = -3}
[between]
bits = 6
"""


def test_damaged_configurations_are_read_or_refused(tmp_path):
    generator = random.Random(2)
    path = tmp_path / "layer.toml"
    content = CONFIG.replace("ä".encode(), b"a")
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(content, generator))
        is_read(lambda: read_layer(path))
    path.write_bytes(content)
    assert is_read(lambda: read_layer(path))


NETWORK = b'{"schema": 1, "input": [3, 32, 32], "layers": [{"name": "a", "config": "a.toml"}]}'


@pytest.mark.parametrize("damaged", ["network.json", "a.toml", "a.npz"])
def test_damaged_networks_are_read_or_refused(damaged, tmp_path):
    generator = random.Random(3)
    config = CONFIG.replace("ä".encode(), b"a")
    (tmp_path / "a.toml").write_bytes(config)
    weights = io.BytesIO()
    np.savez_compressed(weights, **read_layer(tmp_path / "a.toml").weights)
    files = {
        "network.json": NETWORK,
        "a.toml": config.replace(b"name", b'weights = "a.npz"\nname'),
        "a.npz": weights.getvalue(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert is_read(lambda: converted(tmp_path))
    for _ in range(MUTATIONS):
        (tmp_path / damaged).write_bytes(mutated(files[damaged], generator))
        is_read(lambda: converted(tmp_path))


def member(name, content, **changes):
    """An archive of one member, whose entries in both directories are changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", changes.pop("method", zipfile.ZIP_STORED)) as file:
        file.writestr(name, content)
    packed = bytearray(buffer.getvalue())
    for place, value in changes.items():
        local, central = {"flags": (6, 8), "compression": (8, 10)}[place]
        begin = packed.index(b"PK\1\2")
        packed[local : local + 2] = packed[begin + central : begin + central + 2] = struct.pack(
            "<H", value
        )
    return bytes(packed)


def array(header, content=b""):
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + content


def saved(values, **options):
    buffer = io.BytesIO()
    np.save(buffer, values, **options)
    return buffer.getvalue()


EMPTY = "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000, 1000000)}"
HUGE = array("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000, 1000000)}", bytes(64))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "File is not a zip file"),
        (saved(np.arange(3)), "a single array"),
        (member("a.npy", saved(np.arange(3)), flags=1), "encrypted"),
        (member("a.npy", saved(np.arange(3)), compression=77), "compression"),
        (member("a.txt", b"text"), "'a.txt' in it is no array"),
        (member("a\nb.npy", saved(np.arange(3))), r"'a\nb.npy' in it is no array"),
        (member("a.npy", b"text"), "magic string"),
        (member("a.npy", saved(np.array([{}]), allow_pickle=True)), "holds object, not numbers"),
        (member("a.npy", array(EMPTY)), "holds <U0, not numbers"),
        (member("a.npy", saved(np.zeros(3, "V0"))), "holds |V0, not numbers"),
        (member("a.npy", HUGE), "has 64 bytes for 8,000,000,000,000 declared"),
        (member("a.npy", HUGE.replace(b"(1000000", b"(-100000")), "declared"),
        (
            member("a.npy", bytes(300 << 20), method=zipfile.ZIP_DEFLATED),
            "bytes that expand to 314,572,800",
        ),
    ],
)
def test_archives_that_hold_no_arrays_are_refused(content, why, tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(ParameterError) as caught:
        read_arrays(path, "weights")
    assert str(caught.value).startswith(f"Weights must be a readable .npz archive, not {path} (")
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_arrays_is_read(version, tmp_path):
    values = np.arange(6, dtype=">i4").reshape(2, 3).T
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, values, version=version)
    (tmp_path / "w.npz").write_bytes(member("a.npy", buffer.getvalue()))
    read = read_arrays(tmp_path / "w.npz", "weights")
    assert list(read) == ["a"]
    assert (read["a"] == values).all()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xef\xbb\xbfa = 1", "it begins with a byte order mark: save it as UTF-8 without one"),
        ("a = 1".encode("utf-16"), "it begins with a byte order mark"),
        (b"a = 1\nb = '\xe4'\n", "line 2 is not UTF-8"),
        (b"a = ", "Invalid value"),
        (b"a = " + b"[" * 100_000, "recursion"),
        (b"#" * (MAX_TEXT + 1), "more than 16,777,216 bytes"),
        (None, "No such file or directory"),
    ],
)
def test_files_that_are_no_toml_are_refused(content, why, tmp_path):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ParameterError) as caught:
        read_toml(path, "config")
    assert str(caught.value).startswith(f"Config must be a readable TOML file, not {path} (")
    assert why in str(caught.value)
    if content is not None and b"=" in content and why[:2] == "it":
        with pytest.raises(ParameterError, match="byte order mark"):
            read_json(path, "network")


def test_toml_is_read_in_utf_8(tmp_path):
    (tmp_path / "c.toml").write_bytes(CONFIG)
    assert Table.read(tmp_path / "c.toml", {}).entries == tomllib.loads(CONFIG.decode())


def test_an_endless_file_is_refused():
    with pytest.raises(ParameterError, match="more than 16,777,216 bytes"):
        read_toml(Path("/dev/zero"), "config")
