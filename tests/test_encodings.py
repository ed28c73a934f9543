"""Text is read and written in UTF-8 wherever the program runs, never in the locale's encoding."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("boards", "flow", "golden", "hw", "nets", "parc_litex", "scripts", "sim")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def in_locale(call):
    """Whether a call opens text, or a process's streams as text, and does not say how."""
    keywords = {keyword.arg for keyword in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "encoding" in keywords:
        return False
    if name in ("read_text", "write_text"):
        return True
    if name == "open":
        modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        return any(set(str(mode)) <= set("rwxa+") for mode in modes) or not call.args
    return bool(keywords & {"text", "universal_newlines"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_has_an_encoding(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [call.lineno for call in calls if in_locale(call)]
    assert not found, f"lines {found}"


def test_what_is_looked_for_is_found():
    wrong = ("p.read_text()", "p.write_text('')", "open(p, 'w')", "p.open()", "run(c, text=True)")
    right = ("p.read_bytes()", "p.open('rb')", "open(p, 'rb')", "p.read_text(encoding='utf-8')")
    for texts, expected in ((wrong, True), (right, False)):
        for text in texts:
            assert in_locale(ast.parse(text).body[0].value) is expected
