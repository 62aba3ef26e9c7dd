"""Detections -> events: one at a time of each class, with a probability (docs/method.md, section 14)."""
