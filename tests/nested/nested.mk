# SPDX-License-Identifier: BSD-2-Clause
# make test-nested: Lintel in QEMU with KVM on Linux with nested VMX, all inside Bochs
# (docs/nested.md), and MACHINE=nested, BOOT=iso|kernel for make run. Included by the top Makefile.

DEPS_RUN += $(if $(filter nested,$(MACHINE)),--nested)
RUN_OPTIONS += $(if $(BOOT),--boot $(BOOT))

.PHONY: test-nested deps-nested
test-nested: deps-nested
	@$(MAKE) --no-print-directory kernel iso
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -q --tb=short -p no:cacheprovider $(PYTEST) \
	    tests/nested

deps-nested:
	@tools/deps --test --nested --check >/dev/null 2>&1 || tools/deps --test --nested
