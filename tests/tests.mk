# SPDX-License-Identifier: BSD-2-Clause
# make test: unit tests, fuzzers, the launcher's tests and the boot tests, with the time of each.
# make test-PART runs one of them alone; PYTEST="-k iso -x" is passed on to pytest. Included by the
# top Makefile.

TEST_PARTS := test-unit test-fuzz test-tools test-boot

# No cache and no bytecode is left in the tree; as many at a time as there are processors.
RUN_PYTEST = PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -q -p no:cacheprovider -n auto $(PYTEST)

.PHONY: test
test: deps-test
	@$(MAKE) --no-print-directory kernel iso
	@bad=0; times=""; for part in $(TEST_PARTS); do \
	    echo "--- $$part"; \
	    start=$$(date +%s); \
	    $(MAKE) --no-print-directory $$part || bad=1; \
	    times="$$times  $$part $$(($$(date +%s) - start)) s"; \
	done; \
	echo "--- seconds:$$times"; exit $$bad

.PHONY: test-tools test-boot
test-tools: deps-test
	@$(RUN_PYTEST) tests/tools

test-boot: deps-test
	@$(MAKE) --no-print-directory kernel iso
	@$(RUN_PYTEST) tests/boot
