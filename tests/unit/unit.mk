# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: pure code on the host, under the address and undefined-behaviour sanitizers.
# Included by the top Makefile. A test NAME is tests/unit/test_NAME.c with the pure sources that it
# needs; to add one, add its two lines. kernel/string.c is never among them: libc has its functions.
# TEST_DEPS may name a target that installs what is missing.

BUILD     ?= build
UNIT_CC   ?= gcc
UNIT_CFLAGS := -std=gnu17 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
               -Wall -Wextra -Werror -I.

UNIT_TESTS += format
format_SOURCES = kernel/format.c kernel/status.c

UNIT_TESTS += options
options_SOURCES = kernel/options.c kernel/option_table.c kernel/option_values.c kernel/format.c

UNIT_TESTS += multiboot1
multiboot1_SOURCES = kernel/multiboot.c kernel/multiboot1.c kernel/multiboot2.c kernel/format.c

UNIT_TESTS += multiboot2
multiboot2_SOURCES = kernel/multiboot.c kernel/multiboot1.c kernel/multiboot2.c kernel/format.c

UNIT_TESTS += acpi
acpi_SOURCES = $(wildcard kernel/acpi*.c) kernel/format.c

UNIT_TESTS += pages
pages_SOURCES = kernel/pages.c kernel/pagezones.c

UNIT_TESTS += pagetable
pagetable_SOURCES = kernel/pagetable.c kernel/pagewalk.c

# --- How they are built and run: nothing below names a test. -----------------------------------------

UNIT_BINARIES = $(UNIT_TESTS:%=$(BUILD)/unit/test_%)
UNIT_HEADERS := $(wildcard tests/*.h tests/unit/*.h kernel/*.h ept/*.h vmx/*.h vmx/*.def guest/*.h)

define UNIT_RULE
$(BUILD)/unit/test_$(1): tests/unit/test_$(1).c $$($(1)_SOURCES) $$(UNIT_HEADERS) | $$(TEST_DEPS)
	@mkdir -p $$(@D)
	$$(UNIT_CC) $$(UNIT_CFLAGS) $$(filter %.c,$$^) -lcmocka -o $$@
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call UNIT_RULE,$(test))))

# Each test prints cmocka's own lines; the first that fails ends it.
.PHONY: test-unit
test-unit: $(UNIT_BINARIES)
	@set -e; for test in $(UNIT_BINARIES); do echo "$$test"; "$$test"; done
