"""What is written as TOML is read back the same by Python's own reader."""

import tomllib

from hw.emit.toml import to_toml


def test_any_key_and_any_string_come_back():
    options = {
        "a key": "C:\\net\\\u2028\"'",
        "": "\x00\x7f",
        "\U0001f600": ["\U0001d4a9", "\xe9"],
        "ta.ble": {"x y": {"bits": 8}, "flag": True, "low": -3},
        "engines": {"height": {"engine": "direct"}},
    }
    assert tomllib.loads(to_toml(options).decode()) == options
