"""The end of the rules: whether they make what is asked for. Functions alone."""


def check_folder(only_planned):
    """End with one line where Snakemake could not write in the working directory."""
    if refusal := command_line.refusal(Path(), only_planned):
        stop(refusal)


def check_targets(targets):
    """End with one line where no rule makes a target; Snakemake's own error does not say what there is."""
    products = (str(product) for rule in workflow.rules for product in rule.products())
    parts = (product.split("/", 2) for product in products)
    known = sorted({part[2] for part in parts if len(part) == 3 and "{" not in part[2]})
    for target in targets:
        if not target:
            stop(
                "an empty target: a shell variable without a value, say; expected results/<data set>/map.json"
            )
        if target != target.strip():
            stop(f"{target!r}: a blank or a line break at an end of a target; type it without")
        if os.path.isabs(target) and not os.path.exists(target):
            stop(f"{target}: an absolute path; type it from the working directory on, results/...")
        path = os.path.relpath(target)
        made = workflow.is_rule(target) or any(rule.is_producer(path) for rule in workflow.rules)
        if not made:
            stop(command_line.explain(path, [*CONFIG.datasets], [*CONFIG.copies], known))


# What another workflow adds to these rules, it knows itself.
if Path(workflow.main_snakefile) in (HOME / "Snakefile", HOME / "workflow" / "Snakefile"):
    arguments = command_line.arguments()
    if arguments is not None:
        check_targets(arguments.targets or [])
        check_folder(arguments.dryrun)
