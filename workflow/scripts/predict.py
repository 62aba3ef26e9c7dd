"""Detections on new videos: the command `hrpro-predict` without an installation."""

from hrpro.predict_cli import command

if __name__ == "__main__":
    command()
