# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: pure code on the host, under the address and undefined-behaviour sanitizers.
# Included by the top Makefile. A test NAME is tests/unit/test_NAME.c with the pure sources that it
# needs; to add one, add its two lines. kernel/string.c is never among them: libc has its functions.
# NAME_ASM are assembly sources, of data only, that it needs too.
# TEST_DEPS may name a target that installs what is missing.

BUILD     ?= build
UNIT_CC   ?= gcc
UNIT_NASM ?= nasm
UNIT_CFLAGS := -std=gnu17 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
               -Wall -Wextra -Werror -I.

UNIT_TESTS += format
format_SOURCES = kernel/format.c kernel/status.c

UNIT_TESTS += options
options_SOURCES = kernel/options.c kernel/option_table.c kernel/option_values.c kernel/format.c

UNIT_TESTS += glob
glob_SOURCES = kernel/glob.c

UNIT_TESTS += multiboot1
multiboot1_SOURCES = kernel/multiboot.c kernel/multiboot1.c kernel/multiboot2.c kernel/format.c

UNIT_TESTS += multiboot2
multiboot2_SOURCES = kernel/multiboot.c kernel/multiboot1.c kernel/multiboot2.c kernel/format.c

UNIT_TESTS += acpi
acpi_SOURCES = $(wildcard kernel/acpi*.c) kernel/format.c

UNIT_TESTS += pages
pages_SOURCES = kernel/pages.c kernel/pagezones.c

# The one walker, whole.
PAGE_TABLE_SOURCES = kernel/pagetable.c kernel/pageedit.c kernel/pagejoin.c kernel/pagechange.c \
                     kernel/pagerun.c kernel/pagewalk.c

UNIT_TESTS += pagetable
pagetable_SOURCES = $(PAGE_TABLE_SOURCES)

UNIT_TESTS += pageedit
pageedit_SOURCES = $(PAGE_TABLE_SOURCES)

UNIT_TESTS += ept
ept_SOURCES = ept/ept.c $(PAGE_TABLE_SOURCES)

UNIT_TESTS += ept_model
ept_model_SOURCES = $(PAGE_TABLE_SOURCES)

UNIT_TESTS += ept_tlb
ept_tlb_SOURCES = ept/ept.c ept/invalidate.c $(PAGE_TABLE_SOURCES)

UNIT_TESTS += place
place_SOURCES = kernel/place.c

UNIT_TESTS += controls
controls_SOURCES = vmx/controls.c

UNIT_TESTS += names
names_SOURCES = vmx/names.c
names_ASM = tests/unit/defs.asm

UNIT_TESTS += offer
offer_SOURCES = vmx/offer.c kernel/format.c

UNIT_TESTS += caps_report
caps_report_SOURCES = vmx/caps_report.c vmx/caps_fixed.c vmx/caps_record.c vmx/controls.c \
                      kernel/format.c

UNIT_TESTS += exit_text
exit_text_SOURCES = vmx/exit_text.c vmx/names.c ept/violation.c kernel/format.c \
                    kernel/vector_names.c

UNIT_TESTS += dump
dump_SOURCES = $(wildcard vmx/dump_*.c) vmx/segment.c vmx/bit_names.c vmx/controls.c \
               vmx/vmcs_index.c vmx/names.c vmx/exit_text.c ept/violation.c kernel/format.c \
               kernel/vector_names.c

UNIT_TESTS += violation
violation_SOURCES = ept/violation.c kernel/format.c

# What walks EPT and a guest's tables, and says what it found.
EPT_WALK_SOURCES = ept/walk.c ept/walk_text.c kernel/pagewalk.c kernel/format.c
GUEST_WALK_SOURCES = vmx/guest_walk.c vmx/guest_walk_text.c $(EPT_WALK_SOURCES)

UNIT_TESTS += walk
walk_SOURCES = $(EPT_WALK_SOURCES)

UNIT_TESTS += guest_walk
guest_walk_SOURCES = $(GUEST_WALK_SOURCES)

UNIT_TESTS += mtrr
mtrr_SOURCES = ept/mtrr.c

UNIT_TESTS += mtrr_map
mtrr_map_SOURCES = ept/mtrr_map.c ept/mtrr.c ept/ept.c $(PAGE_TABLE_SOURCES) kernel/table_memory.c

UNIT_TESTS += guest_cr
guest_cr_SOURCES = vmx/guest_cr.c

UNIT_TESTS += guest_memory
guest_memory_SOURCES = vmx/vm.c ept/ept.c ept/mtrr.c ept/mtrr_map.c $(PAGE_TABLE_SOURCES) \
                       kernel/table_memory.c kernel/format.c kernel/status.c ept/walk_text.c \
                       ept/walk.c

# What the auditor is made of, but for what reads the processor and writes the log.
AUDIT_SOURCES = $(filter-out vmx/audit_read.c vmx/audit_log.c,$(wildcard vmx/audit*.c)) \
                vmx/vmcs_index.c vmx/controls.c vmx/names.c vmx/dump_fields.c vmx/bit_names.c \
                kernel/format.c kernel/vector_names.c

# What predicts the wrong answers of emulators.
KNOWN_ERRORS_SOURCES = selftest/known_errors.c

UNIT_TESTS += audit
audit_SOURCES = $(AUDIT_SOURCES)

UNIT_TESTS += audit_edges
audit_edges_SOURCES = $(AUDIT_SOURCES)

UNIT_TESTS += audit_perf
audit_perf_SOURCES = vmx/audit_perf.c

UNIT_TESTS += break_choice
break_choice_SOURCES = vmx/break_choice.c kernel/option_values.c $(AUDIT_SOURCES)

UNIT_TESTS += audit_compare
audit_compare_SOURCES = $(KNOWN_ERRORS_SOURCES) $(AUDIT_SOURCES)

UNIT_TESTS += audit_mutator
audit_mutator_SOURCES = selftest/audit_mutator.c $(KNOWN_ERRORS_SOURCES) $(AUDIT_SOURCES)

UNIT_TESTS += mov_decode
mov_decode_SOURCES = vmx/mov_decode.c

# --- How they are built and run: nothing below names a test. --------------------------------------

UNIT_BINARIES = $(UNIT_TESTS:%=$(BUILD)/unit/test_%)
UNIT_HEADERS := $(wildcard tests/*.h tests/unit/*.h kernel/*.h ept/*.h vmx/*.h vmx/*.def guest/*.h \
                  selftest/*.h)

define UNIT_RULE
$(BUILD)/unit/test_$(1): tests/unit/test_$(1).c $$($(1)_SOURCES) \
                         $$($(1)_ASM:%.asm=$$(BUILD)/unit/%.o) $$(UNIT_HEADERS) | $$(TEST_DEPS)
	@mkdir -p $$(@D)
	$$(UNIT_CC) $$(UNIT_CFLAGS) $$(filter %.c %.o,$$^) -lcmocka -o $$@
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call UNIT_RULE,$(test))))

$(BUILD)/unit/%.o: %.asm $(UNIT_HEADERS)
	@mkdir -p $(@D)
	$(UNIT_NASM) -f elf64 $(NASMFLAGS) -I. $< -o $@

# Each test prints cmocka's own lines; the first that fails ends it.
.PHONY: test-unit
test-unit: $(UNIT_BINARIES)
	@set -e; for test in $(UNIT_BINARIES); do echo "$$test"; "$$test"; done
