"""What is wrong with detections, as figures (docs/diagnosis.md)."""
