"""What a run leaves in its folder: all of its files, none of an older run, and the user's own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from golden.inputs.errors import ParameterError
from hw.build import run
from hw.emit.files import hashes, with_manifest, write_product

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "net.json"


def product(**files):
    return with_manifest({n: t.encode() for n, t in files.items()}, MANIFEST, {"name": "net"})


def write(out, files, **options):
    write_product(files, MANIFEST, out, **options)


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(out, files, **options):
    before = held(out)
    with pytest.raises(ParameterError) as caught:
        write(out, files, **options)
    assert held(out) == before
    return str(caught.value)


def test_a_manifest_names_all_files():
    files = product(a="1", b="2")
    manifest = json.loads(files.pop(MANIFEST))
    assert manifest == {"name": "net", "sha256": hashes(files)}


def test_what_an_older_run_left_is_removed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    write(tmp_path, product(a="1", b="2"))
    files = product(b="3", c="4")
    write(tmp_path, files)
    assert held(tmp_path) == files | {"mine": b"mine"}


def test_what_was_read_stays(tmp_path):
    write(tmp_path, product(a="1", b="2"))
    files = product(b="3")
    write(tmp_path, files, inputs=[tmp_path / "a", tmp_path / "gone"])
    assert held(tmp_path) == files | {"a": b"1"}


@pytest.mark.parametrize("name", ["a", "old", MANIFEST])
def test_files_of_other_origin_are_refused(name, tmp_path):
    if name == "old":
        write(tmp_path, product(old="1"))
    (tmp_path / name).write_text('{"name": "net"}')
    message = f"Out must be a folder where {name} is absent or as an earlier run wrote it"
    assert refusal(tmp_path, product(a="2")) == f"{message}, not {tmp_path}"


def test_another_products_files_are_refused(tmp_path):
    files = product(a="1")
    write(tmp_path, files)
    other = with_manifest({"a": b"2"}, "other.json", {"name": "other"})
    with pytest.raises(ParameterError, match="where a is absent or as an earlier run wrote it"):
        write_product(other, "other.json", tmp_path)
    named_alike = with_manifest({}, MANIFEST, {"name": None})
    assert f"where {MANIFEST} is absent" in refusal(tmp_path, named_alike)
    assert held(tmp_path) == files


def test_files_that_two_products_share_stay(tmp_path):
    write(tmp_path, product(a="1", model="m"))
    other = with_manifest({"model": b"m"}, "other.json", {"name": "other"})
    write_product(other, "other.json", tmp_path)
    write(tmp_path, product(a="1"))
    assert (tmp_path / "model").read_text() == "m"
    write_product(with_manifest({}, "other.json", {"name": "other"}), "other.json", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a", MANIFEST, "other.json"}


def test_a_manifest_cannot_name_files_elsewhere(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "mine").write_text("1")
    write(out, product(a="1"))
    entries = json.loads((out / MANIFEST).read_text())
    entries["sha256"]["../mine"] = hashes({"": b"1"})[""]
    (out / MANIFEST).write_text(json.dumps(entries))
    assert f"where {MANIFEST} is absent" in refusal(out, product(a="1"))
    assert (tmp_path / "mine").exists()


def test_names_that_differ_by_case_are_refused(tmp_path):
    (tmp_path / "A.v").write_text("")
    (tmp_path / "a.V").write_text("")  # the user's own pair is none of our business
    write(tmp_path, product(b="1"))
    assert refusal(tmp_path, product(B="2")) == (
        f"Out must be a folder for B, without b beside it, not {tmp_path}"
    )
    with pytest.raises(ParameterError, match="for x, without X beside it"):
        write(tmp_path / "new", product(x="1", X="2"))
    assert not (tmp_path / "new").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from hw.emit.files import write_product
from tests.hw.test_files import MANIFEST, product

left, out = int(sys.argv[1]), Path(sys.argv[2])
def counting(function):
    def call(*arguments, **options):
        global left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*arguments, **options)
    return call
for name in ("replace", "unlink"):
    setattr(os, name, counting(getattr(os, name)))
Path.write_bytes = counting(Path.write_bytes)
write_product(product(a="2", c="2", d="2"), MANIFEST, out)
"""


@pytest.mark.parametrize("step", [0, 2, 4, 5, 7, 8])
def test_a_killed_run_hinders_none_after_it(step, tmp_path):
    write(tmp_path, product(a="1", b="1", c="1"))
    command = [sys.executable, "-c", KILLED, str(step), str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    files = product(c="3", e="3")
    write(tmp_path, files)
    assert held(tmp_path) == files


def test_a_write_that_fails_half_way_is_undone(tmp_path, monkeypatch):
    write(tmp_path, product(a="1", b="1"))
    before = held(tmp_path)

    replace = os.replace

    def failing(source, target):
        if target == tmp_path / MANIFEST and source.parent.name != "old":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("hw.emit.files.os.replace", failing)
    with pytest.raises(ParameterError, match="No space left on device"):
        write(tmp_path, product(a="2", c="2"))
    assert held(tmp_path) == before


def build(out, *options):
    arguments = ["direct", "--length", "4", "--name", "kernels", "-o", str(out), *options]
    return run(list(map(str, arguments)))


def test_a_build_leaves_the_users_weights_alone(tmp_path, capsys):
    own = tmp_path / "kernels.npz"
    np.savez(own, weight=np.arange(4)[None])
    before = own.read_bytes()
    assert build(tmp_path) == 2
    rule = "a folder where kernels.npz is absent or as an earlier run wrote it"
    assert capsys.readouterr().err == f"hw.build: --out must be {rule}, not {tmp_path}\n"
    (tmp_path / "layer.toml").write_text(
        'form = "serial"\norder = ["width"]\nname = "kernels"\nchannels = 1\nheight = 2\n'
        'width = 2\nengines.width.engine = "direct"\n'
    )
    layer = ["layer", "--config", str(tmp_path / "layer.toml"), "-o", str(tmp_path)]
    assert run(layer) == 2
    assert rule in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {own.name, "layer.toml"}
    assert own.read_bytes() == before
    assert build(tmp_path, "--weights", own) == 0
    assert own.read_bytes() == before


def test_an_old_example_goes_unless_it_is_built_in(tmp_path):
    out = tmp_path / "out"
    assert build(out) == 0
    example = out / "kernels.npz"
    assert build(out, "--weights", example) == 0
    assert example.exists()
    example.replace(tmp_path / "w.npz")
    assert build(out) == 0
    assert example.exists()
    assert build(out, "--weights", tmp_path / "w.npz") == 0
    assert {path.name for path in out.iterdir()} == {
        f"kernels.{end}" for end in ("v", "veo", "json")
    }
