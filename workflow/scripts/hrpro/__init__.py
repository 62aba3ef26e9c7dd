"""HR-Pro: point-supervised temporal action localization (Zhang et al., AAAI 2024).

The method alone: it knows no Snakemake and no result paths. Time is in seconds in every file and in
snippets inside; `grid` is the one place that converts between them. Imports point one way, as
tests/test_architecture.py says.
"""
