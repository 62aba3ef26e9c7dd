# hrpro. `make demo` shows it, `make test` tests it; both make .venv first.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup demo test test-slow test-slurm test-browser bench bench-main bench-report bench-label gpu-check config lint lock clean

setup: .venv/installed

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11; say make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: no venv module; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv
	@echo "installing requirements.lock into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@

demo: setup
	snakemake --cores 2 results/demo/map.json
	@echo
	@python workflow/scripts/show.py results/demo/map.json
	@echo "made: results/demo/map.json; per step: results/demo/last/seed0/; logs: logs/demo/"
	@echo "curves: .venv/bin/tensorboard --logdir results/demo"

test: setup .venv/video .venv/label
	python -m pytest -n 2 --dist worksteal -m "not slow and not browser"

test-slow: setup .venv/video .venv/label
	python -m pytest -n 2 --dist worksteal -m slow

# A SLURM of its own, on this machine alone; Debian's packages are installed where there are none.
test-slurm: .venv/cluster
	@[ -x /usr/sbin/slurmd ] && [ -x /usr/sbin/munged ] || [ "$$(id -u)" = 0 ] || \
	  { echo "error: no SLURM here, and only root can install it: apt-get install slurm-wlm munge"; exit 1; }
	@[ -x /usr/sbin/slurmd ] && [ -x /usr/sbin/munged ] || { apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends slurm-wlm munge > /dev/null; }
	@folder=$$(mktemp -d) && python -m pytest tests/slurm --basetemp=$$folder/run && rm -r $$folder || \
	  { echo "logs of SLURM and of the runs: $$folder/run"; exit 1; }

# The report and the labelling page in headless Chromium; Debian's package is installed where there is none. Pictures of it: results/browser.
test-browser: .venv/video .venv/label .venv/browser .chromium
	python -m pytest -n 2 --dist worksteal -m browser tests/test_browser.py tests/test_label_page.py

.PHONY: .chromium
.chromium:
	@command -v chromium > /dev/null || [ "$$(id -u)" = 0 ] || \
	  { echo "error: no Chromium here, and only root can install it: apt-get install chromium"; exit 1; }
	@command -v chromium > /dev/null || { apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium > /dev/null; }

.venv/%: .venv/installed requirements-%.lock
	@echo "installing requirements-$*.lock into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-$*.lock
	@touch $@

# Times and ratios of every part; QUICK=1 takes under three minutes.
bench: setup
	PYTHONPATH=workflow/scripts:tests python bench/run.py $(if $(QUICK),--quick)

# The main job at THUMOS14's size with made features, step by step, beside the released settings: about ten minutes.
bench-main: setup
	PYTHONPATH=workflow/scripts:tests:bench python bench/main_job.py

# The report at THUMOS14's size: to write, to open and to scroll in a browser, each against its limit; half a minute.
bench-report: .venv/browser .chromium
	PYTHONPATH=workflow/scripts:tests python bench/report.py

# The labelling page with 1,000 videos and 5,000 points: how fast it answers a key; a minute.
bench-label: .venv/video .venv/label .venv/browser .chromium
	PYTHONPATH=workflow/scripts:tests python bench/label_page.py

# Whether a GPU computes what the CPU does, how fast, and where its time goes, in at most eight minutes, with whatever python3
# there is. DEVICE=cpu QUICK=1 rehearses it; PARTS=equality,steps takes some; SHARED: where THUMOS14's annotations are.
gpu-check:
	PYTHONPATH=workflow/scripts:tests$${PYTHONPATH:+:$$PYTHONPATH} $(PYTHON) bench/gpu.py --device $(or $(DEVICE),cuda) \
	  $(if $(QUICK),--quick) $(if $(PARTS),--parts $(PARTS)) $(if $(OUTPUT),--output $(OUTPUT))

# config/config.yaml below its data sets, the tables of config/README.md and config/schema.json, from the code.
config: setup
	python workflow/scripts/write_config.py

lint: setup
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow
	snakemake --lint

# A fresh resolution of requirements.in, and of those of the extras over it. A CPU build's local version is dropped: the
# same pin takes the CPU or the CUDA build, whichever the machine's package index offers.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --requirement requirements.in
	(echo "# made by 'make lock' from requirements.in"; \
	  .venv-lock/bin/python -m pip freeze | sed 's/+cpu$$//') > requirements.lock
	for extra in cluster video label browser; do \
	  .venv-lock/bin/python -m pip install --quiet --requirement requirements-$$extra.in --constraint requirements.lock && \
	  (echo "# made by 'make lock' from requirements-$$extra.in; to be installed over requirements.lock"; \
	    .venv-lock/bin/python -m pip freeze | sed 's/+cpu$$//' | grep -vxFf requirements.lock) > requirements-$$extra.lock && \
	  .venv-lock/bin/python -m pip uninstall --quiet --yes --requirement requirements-$$extra.lock || exit 1; \
	done
	rm -rf .venv-lock

clean:
	rm -rf .venv results logs .snakemake
