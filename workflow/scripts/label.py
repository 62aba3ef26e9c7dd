"""A page to label videos on: the command `hrpro-label` without an installation."""

from hrpro.labelling.cli import command

if __name__ == "__main__":
    command()
