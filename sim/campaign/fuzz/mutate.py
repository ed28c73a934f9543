"""Files damaged at random: as bytes, as text, as archives, as messages of ONNX."""

import io
import re
import zipfile
from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WORDS = [
    *(
        b"0",
        b"-1",
        b"1",
        b"2",
        b"3",
        b"7",
        b"4096",
        b"65536",
        b"2147483648",
        b"99999999999999999999",
    ),
    *(b"1e999", b"nan", b"-0.0", b"0.5", b"true", b"null", b"[]", b"{}", b'""', b'"x"', b"[[1]]"),
    *(b'"../x"', b'"/dev/zero"', b'"a\\u0000b"', b'"\\ud800"', b"[" * 3000),
]
"""What takes the place of a number or of a string in a text."""
_BYTES = (0, 1, 0x7F, 0x80, 0xFF)


def damaged_bytes(content: bytes, random: np.random.Generator) -> bytes:
    """Return ``content`` with one to four places changed, cut out, doubled or cut off."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        begin = int(random.integers(len(data) + 1))
        size = int(random.integers(1, 17))
        match int(random.integers(6)):
            case 0:
                data[begin : begin + 1] = bytes([int(random.integers(256))])
            case 1:
                data[begin : begin + 1] = bytes([int(random.choice(_BYTES))])
            case 2:
                del data[begin : begin + size]
            case 3:
                data[begin:begin] = data[begin : begin + size]
            case 4:
                data[begin : begin + size] = random.bytes(size)
            case 5 if random.random() < 0.2:
                del data[begin:]
    return bytes(data)


def damaged_text(content: bytes, random: np.random.Generator) -> bytes:
    """Return a text with values replaced, lines dropped, doubled or exchanged; or as bytes."""
    lines = content.splitlines(keepends=True)
    for _ in range(int(random.integers(1, 4))):
        line, other = (int(random.integers(len(lines))) for _ in range(2))
        match int(random.integers(6)):
            case 0:
                lines[line] = b""
            case 1:
                lines.insert(other, lines[line])
            case 2:
                lines[line], lines[other] = lines[other], lines[line]
            case 3:
                lines[line] = damaged_bytes(lines[line], random)
            case _:
                lines[line] = _with_other_value(lines[line], random)
    return b"".join(lines)


def _with_other_value(line: bytes, random: np.random.Generator) -> bytes:
    found = [*_NUMBER.finditer(line), *re.finditer(rb'"[^"]*"', line)]
    if not found:
        return line
    place = found[int(random.integers(len(found)))]
    word = _WORDS[int(random.integers(len(_WORDS)))]
    return line[: place.start()] + word + line[place.end() :]


def damaged_archive(content: bytes, random: np.random.Generator) -> bytes:
    """Return a zip archive with a member damaged, dropped, renamed or doubled; or as bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    if not members or random.random() < 0.3:
        return damaged_bytes(content, random)
    index = int(random.integers(len(members)))
    name, inner = members[index]
    match int(random.integers(6)):
        case 0:
            del members[index]
        case 1:
            other = damaged_bytes(name.encode(), random).decode("latin-1")
            # A name ends at NUL, and none is empty, where zipfile writes it.
            members[index] = (other.replace("\0", "") or "x", inner)
        case 2:
            members[index] = (name, members[int(random.integers(len(members)))][1])
        case 3 if name.endswith(".npy"):
            members[index] = (name, _other_array(random))
        case 4 if b"{" in inner[:128]:
            members[index] = (name, damaged_text(inner, random))
        case _:
            members[index] = (name, damaged_bytes(inner, random))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, inner in members:
            archive.writestr(name, inner)
    return file.getvalue()


def _other_array(random: np.random.Generator) -> bytes:
    """Return an array of another type, shape or content as a ``.npy`` file."""
    shape = tuple(int(side) for side in random.integers(0, 5, int(random.integers(5))))
    kind = str(random.choice(["i1", "i8", "u8", "f2", "f8", "c16", "?", "U3", "S2", "M8[s]"]))
    values = (random.normal(size=shape) * 10.0 ** int(random.integers(-3, 18))).astype(np.float64)
    if random.random() < 0.2:
        values = np.full(shape, random.choice([np.nan, np.inf, -np.inf]))
    with np.errstate(all="ignore"):
        whole = values if kind in ("f2", "f8", "c16") else np.nan_to_num(values, posinf=1, neginf=0)
        array = np.asarray(np.clip(whole, -(2.0**62), 2.0**62)).astype(
            "i8" if "M" in kind else kind
        )
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
