"""Parts that all engines share: ports, streams, counters, tables, the requantiser."""
