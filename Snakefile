"""hrpro: snippet features and one labelled frame an action -> scored segments and their mAP."""

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/lineage.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/extract.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/stage1.smk"
include: "workflow/rules/proposals.smk"
include: "workflow/rules/stage2.smk"
include: "workflow/rules/detection.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/cache.smk"


# On a cluster these run where snakemake does: they take seconds, a job of its own would take longer.
localrules:
    evaluate,
    measure_reliable,
    gather,
    gather_experiment,
    ablate,
    bundle_model,


onsuccess:
    remove_states()


onerror:
    remove_states()


rule all:
    """The demo, where no target is named."""
    default_target: True
    input:
        "results/demo/map.json",
