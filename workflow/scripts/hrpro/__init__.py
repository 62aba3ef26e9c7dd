"""HR-Pro: point-supervised temporal action localization (Zhang et al., AAAI 2024).

The method alone: it knows no Snakemake and no result paths. Time is in seconds in every file and in
snippets inside; `grid` is the one place that converts between them. Imports point one way, as
tests/test_architecture.py says.
"""

import os

from .utils import interruption

# Threads of a matrix product that wait spin for some microseconds before they sleep. If they slept at once, a
# training step would take an eighth longer; if they spun on, two to ten times as long where another program
# takes one of two cores (docs/performance.md). Read when torch is imported, the count by GNU's OpenMP alone.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

interruption.watch_imports()
