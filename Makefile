# Needs Python >= 3.11, g++, make, perl and git; the rest comes from PyPI.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready

NEW := sys.version_info >= (3, 11)
# A venv of a Python that is too old, or gone, or one made without pip, is made anew.
BROKEN := $(shell $(RUN) -c 'import sys, pip; assert $(NEW)' 2>/dev/null || echo broken)

.PHONY: broken help setup demo demo-network demo-photo test soak campaign bench docs budgets check-budgets lint clean

help:
	@echo "make setup    install everything into $(VENV)"
	@echo "make demo     a photograph's feature map through generated hardware"
	@echo "make demo-network  whole trained networks, pixels to classes, in generated hardware"
	@echo "make demo-photo  photographs through trained EfficientNet-Lite0 in generated hardware"
	@echo "make test     all tests"
	@echo "make soak     long runs"
	@echo "make campaign hours of trials, to be gone on with: docs/verification.md"
	@echo "make bench    place and route, and write docs/benchmarks.md; simulate every netlist"
	@echo "make docs     write docs/benchmarks.md anew of docs/benchmarks.json"
	@echo "make budgets  rewrite the budgets of resources and clock"
	@echo "make lint     style and types"

setup: $(READY)

$(VENV)/pyvenv.cfg: $(BROKEN)
	@$(PYTHON) -c 'import sys; assert $(NEW)' 2>/dev/null || \
		{ echo 'PYTHON must be Python 3.11 or later, not $(PYTHON): make PYTHON=python3.12' >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo '$(PYTHON) must have venv and ensurepip: apt install python3-venv' >&2; exit 1; }

$(READY): $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/flow: EXTRAS := ecp5
$(VENV)/families: EXTRAS := ecp5,ice40,gowin,gatemate,nexus
$(VENV)/torch: EXTRAS := torch
$(VENV)/systems: EXTRAS := systems
$(VENV)/packages: EXTRAS := packages
$(VENV)/litex: EXTRAS := ecp5,systems,litex
$(addprefix $(VENV)/,flow families torch systems packages litex): $(READY)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev,$(EXTRAS)]'
	touch $@

# The second wheel's own needs (OpenCV and more) are not: only a file of it is read.
$(VENV)/trained: $(READY)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev,torch,trained]'
	$(RUN) -m pip install --quiet --constraint constraints.txt --no-deps --ignore-requires-python rapidocr-onnxruntime
	touch $@

# In an environment of its own: it wants another slang than the tests.
$(VENV)/silicon: $(READY)
	$(RUN) -m venv $@
	$@/bin/pip install --quiet siliconcompiler==0.38.11 || { rm -rf $@; false; }

demo: $(READY)
	$(RUN) scripts/demo.py

demo-network: $(VENV)/torch
	$(RUN) scripts/demo_network.py

demo-photo: $(VENV)/trained
	$(RUN) scripts/demo_photo.py

test: $(READY)
	$(RUN) -m pytest -n auto

soak: $(VENV)/trained $(VENV)/litex
	$(RUN) scripts/soak.py
	$(RUN) scripts/soak_layers.py
	$(RUN) scripts/soak_networks.py
	$(RUN) scripts/soak_operators.py
	$(RUN) scripts/soak_accelerator.py
	$(RUN) scripts/soak_blocks.py
	$(RUN) scripts/soak_external.py
	$(RUN) scripts/soak_sweep.py
	$(RUN) scripts/train_scenes.py -o build/scenes
	$(RUN) scripts/soak_whole.py
	$(RUN) scripts/soak_trained.py
	$(RUN) scripts/soak_published.py
	$(RUN) scripts/soak_system.py

campaign: $(VENV)/torch
	$(RUN) scripts/campaign.py $(if $(ONLY),--only $(ONLY)) $(if $(JOBS),--jobs $(JOBS))

bench: $(VENV)/families $(VENV)/packages
	$(RUN) scripts/bench.py
	$(RUN) -m pytest -m bench

docs: $(READY)
	$(RUN) scripts/bench.py --again

budgets: $(VENV)/flow
	$(RUN) scripts/budgets.py --rewrite

check-budgets: $(VENV)/flow
	$(RUN) scripts/budgets.py

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf build
