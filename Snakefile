"""The workflow, found where `snakemake` looks for it: workflow/Snakefile."""


include: "workflow/Snakefile"
