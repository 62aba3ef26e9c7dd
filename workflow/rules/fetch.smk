"""A data set's files from elsewhere: `snakemake fetch_<dataset>` brings what its entry lists under `fetch`."""


def listed(dataset):
    """A params function: the files that a data set's entry lists, each as canonical JSON."""

    def remotes(wildcards):
        entry = CONFIG.datasets[dataset]
        if not entry.fetch:
            stop(
                f"fetch_{dataset}: datasets.{dataset} has no `fetch` list; write one (docs/data.md), "
                f"or put the files into {entry.root}/ yourself. {entry.source}".rstrip()
            )
        return [settings.canonical(remote) for remote in entry.fetch]

    return remotes


for dataset in CONFIG.datasets:

    rule:
        name:
            f"fetch_{dataset}"
        log:
            f"logs/{dataset}/fetch.log",
        localrule: True
        conda:
            "../../envs/data.yaml"
        resources:
            script=script("fetch.py"),
            root=CONFIG.datasets[dataset].root,
        params:
            files=listed(dataset),
        shell:
            "python {resources.script:q}"
            " --root {resources.root:q}"
            " --settings {params.files:q}"
            " --log {log}"
