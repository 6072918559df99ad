# SPDX-License-Identifier: BSD-2-Clause
# Fuzzers of what reads foreign bytes, by libFuzzer under the sanitizers. Included by the top
# Makefile. A fuzzer NAME is tests/fuzz/fuzz_NAME.c with the pure sources that it needs and seeds in
# tests/fuzz/corpus/NAME; to add one, add its two lines. A slow one has a number of runs of its own,
# fuzz_NAME_RUNS.
#   make test-fuzz                    each of them, for a bounded number of runs
#   make fuzz FUZZ=NAME SECONDS=600   one of them, for longer; what it finds stays in build/

BUILD       ?= build
FUZZ_CC     ?= clang
FUZZ_CFLAGS := -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
               -Wall -Wextra -Werror -I.
FUZZ_RUNS   ?= 200000
FUZZ        ?= multiboot
SECONDS     ?= 300

FUZZERS += multiboot
fuzz_multiboot_SOURCES = kernel/multiboot.c kernel/multiboot1.c kernel/multiboot2.c kernel/format.c

FUZZERS += acpi
fuzz_acpi_SOURCES = $(wildcard kernel/acpi*.c) kernel/format.c

FUZZERS += options
fuzz_options_SOURCES = kernel/options.c kernel/option_table.c kernel/option_values.c kernel/format.c

FUZZERS += audit
fuzz_audit_SOURCES = $(AUDIT_SOURCES)
fuzz_audit_RUNS = 50000

FUZZERS += mtrr
fuzz_mtrr_SOURCES = ept/mtrr.c
fuzz_mtrr_RUNS = 50000

FUZZERS += walk
fuzz_walk_SOURCES = $(GUEST_WALK_SOURCES)

FUZZERS += mov
fuzz_mov_SOURCES = vmx/mov_decode.c

# --- How they are built and run: nothing below names a fuzzer. ------------------------------------

FUZZ_BINARIES = $(FUZZERS:%=$(BUILD)/fuzz/fuzz_%)
FUZZ_HEADERS := $(wildcard tests/*.h tests/fuzz/*.h kernel/*.h ept/*.h vmx/*.h vmx/*.def guest/*.h)

define FUZZ_RULE
$(BUILD)/fuzz/fuzz_$(1): tests/fuzz/fuzz_$(1).c $$(fuzz_$(1)_SOURCES) $$(FUZZ_HEADERS) \
                         | $$(TEST_DEPS)
	@mkdir -p $$(@D)
	$$(FUZZ_CC) $$(FUZZ_CFLAGS) $$(filter %.c,$$^) -o $$@
endef
$(foreach fuzzer,$(FUZZERS),$(eval $(call FUZZ_RULE,$(fuzzer))))

# libFuzzer writes what it finds interesting beside the seeds, hence a copy of them.
RUN_FUZZER = mkdir -p $(BUILD)/fuzz/corpus/$(1) && \
             cp tests/fuzz/corpus/$(1)/* $(BUILD)/fuzz/corpus/$(1)/ && \
             $(BUILD)/fuzz/fuzz_$(1) $(2) -artifact_prefix=$(BUILD)/fuzz/$(1)- \
                 $(BUILD)/fuzz/corpus/$(1)

RUNS_OF = $(or $(fuzz_$(1)_RUNS),$(FUZZ_RUNS))

# Of a good run its closing line is shown, of a bad one what libFuzzer and the sanitizers say.
define TEST_FUZZER
	@echo "$(BUILD)/fuzz/fuzz_$(1)"
	@if $(call RUN_FUZZER,$(1),-runs=$(call RUNS_OF,$(1)) -max_total_time=20) \
	    > $(BUILD)/fuzz/$(1).log 2>&1; \
	then grep '^Done ' $(BUILD)/fuzz/$(1).log; else cat $(BUILD)/fuzz/$(1).log; exit 1; fi

endef

.PHONY: test-fuzz fuzz
test-fuzz: $(FUZZ_BINARIES)
	$(foreach fuzzer,$(FUZZERS),$(call TEST_FUZZER,$(fuzzer)))

fuzz: $(BUILD)/fuzz/fuzz_$(FUZZ)
	$(call RUN_FUZZER,$(FUZZ),-max_total_time=$(SECONDS))
