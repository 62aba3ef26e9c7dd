"""A third stage: an anchor-free detector over a feature pyramid (docs/method.md, section 16)."""
