"""Plan the workflow through Snakemake's API, in the working directory: plan.py SNAKEFILE CONFIGFILE TARGET...

PACKAGES, in the environment, is JSON of versions to believe installed.
"""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings


def main(snakefile: str, configfile: str, *targets: str) -> None:
    believed, installed = json.loads(os.environ.get("PACKAGES", "{}")), importlib.metadata.version
    importlib.metadata.version = lambda name: believed.get(name) or installed(name)
    with SnakemakeApi(OutputSettings(dryrun=True, nocolor=True)) as api:
        workflow = api.workflow(
            ResourceSettings(cores=2),
            config_settings=ConfigSettings(configfiles=[Path(configfile)]),
            snakefile=Path(snakefile),
        )
        profile = yaml.safe_load((Path(snakefile).parent / "profiles/default/config.yaml").read_text())
        settings = DAGSettings(
            targets=frozenset(targets), max_checksum_file_size=profile["max-checksum-file-size"]
        )
        workflow.dag(settings).execute_workflow(executor="dryrun")


if __name__ == "__main__":
    main(*sys.argv[1:])
