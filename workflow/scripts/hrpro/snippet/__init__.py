"""Stage 1: what each snippet shows (docs/method.md, section 2)."""
