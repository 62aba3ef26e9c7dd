"""A folder of data -> a configuration of it, and what to do next: the command `hrpro-start`."""

from hrpro.start.cli import command

if __name__ == "__main__":
    command()
