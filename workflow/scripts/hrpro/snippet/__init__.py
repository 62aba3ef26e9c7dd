"""Stage 1: what each snippet shows (method.md, "snippet-level discrimination")."""
