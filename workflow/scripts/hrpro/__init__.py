"""HR-Pro: point-supervised temporal action localization (Zhang et al., AAAI 2024).

The method alone: it knows no Snakemake and no result paths. Time is in seconds in every file and in
snippets inside; `grid` is the one place that converts between them. Imports point one way, as
tests/test_architecture.py says.
"""

import os

from .utils import interruption

# Threads of a matrix product sleep while they wait, and do not spin: where another program takes one of two
# cores, a training step takes half the time, or a tenth (docs/performance.md). Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

interruption.watch_imports()
