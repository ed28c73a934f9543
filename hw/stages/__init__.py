"""Stages in hardware, a file a stage: component, timing, cost and the counting of beats."""
