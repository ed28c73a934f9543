"""What figures of resources are called, wherever people read them."""

TITLES = {
    "multipliers": "multipliers",
    "dsp": "multipliers",
    "block_rams": "block RAMs",
    "block_ram": "block RAMs",
    "lut4_equivalents": "LUT4-equivalents",
    "lut": "LUTs",
    "carry": "carry cells",
    "ff": "flip-flops",
    "distributed_ram": "distributed RAM",
    "cells": "cells",
    "area": "area",
    "macs_per_cycle": "multiply-accumulates a cycle",
}
"""By the keys of predictions and of `flow.report`."""
