# SPDX-License-Identifier: BSD-2-Clause
# make check: what can be said about the sources without running them. Each part says in one line
# what it looked at, and names FILE:LINE and what is wanted where something is amiss; `make
# check-PART` runs one alone, with V=1 all that the tools say. Included by the top Makefile.

CHECKS := text format rooms tables headers pure gcc clang tidy cppcheck scripts docs

CHECK      := $(PYTHON) -B tools/check
CHECK_EACH := $(CHECK)/each.py $(if $(V),--whole)
CHECK_ALL  := $(wildcard $(addsuffix /*.c,$(ROOMS)) $(addsuffix /*.h,$(ROOMS)))
CHECK_C    := $(CHECK_ALL) $(wildcard tests/*.[ch] tests/*/*.[ch] tools/*.c)

# clang is one program for all targets: the same flags, whatever $(CC) is.
CHECK_CLANG := --target=x86_64-elf $(CFLAGS)

.PHONY: check $(CHECKS:%=check-%)
check:
	@$(MAKE) --no-print-directory -k $(CHECKS:%=check-%)
$(CHECKS:%=check-%): deps-test

check-text:
	@$(CHECK)/text.py $(BUILD)

check-format:
	@$(CHECK)/format.py $(CHECK_C)

format: deps-test
	@$(CHECK)/format.py --apply $(CHECK_C)

check-rooms:
	@$(CHECK)/rooms.py

check-tables:
	@$(CHECK)/tables.py $(CC) $(NASM) $(BUILD)/check $(filter %.def,$(HEADERS))

# Each header alone: it includes what it needs.
check-headers:
	@$(CHECK_EACH) headers "headers, each compiled alone" $(filter %.h,$(HEADERS)) \
	    -- $(CC) $(CFLAGS) -fsyntax-only -x c -include {} /dev/null

# The pure code is what unit tests and fuzzers compile for the host.
PURE_SOURCES = $(sort $(foreach test,$(UNIT_TESTS) $(FUZZERS:%=fuzz_%),$($(test)_SOURCES)))
check-pure: $(PURE_SOURCES:%.c=$(BUILD)/%.o)
	@$(CHECK)/pure.py $(CROSS)objdump $(PURE_SOURCES:%.c=$(BUILD)/%.o)

# Not asked of gcc's analyzer: whether a pointer may be NULL (it does not follow "looked up before";
# clang's does), and writes to constants (boot/provoke.c does it to be caught).
check-gcc:
	@$(CHECK_EACH) gcc "C files, by gcc -fanalyzer" $(C_SOURCES) \
	    -- $(CC) $(CFLAGS) -fanalyzer -Wno-analyzer-null-dereference -Wno-analyzer-write-to-const \
	    -S -o /dev/null {}

check-clang:
	@$(CHECK_EACH) clang "C files, compiled by clang" $(C_SOURCES) \
	    -- clang $(CHECK_CLANG) -c -o /dev/null {}

check-tidy:
	@$(CHECK_EACH) tidy "C files, by clang-tidy" $(C_SOURCES) \
	    -- clang-tidy --quiet {} -- $(CHECK_CLANG)

# cppcheck does not know `asm goto`; there is no other goto in the sources.
check-cppcheck:
	@$(CHECK_EACH) cppcheck "C files, by cppcheck" $(C_SOURCES) \
	    -- cppcheck --quiet --error-exitcode=1 --std=c11 --platform=unix64 \
	    --enable=warning,style,performance,portability --suppressions-list=tools/check/cppcheck.txt \
	    '--template={file}:{line}: {message} [{id}]' -Dgoto= -I. '-DLINTEL_VERSION="$(VERSION)"' {}

check-scripts:
	@$(CHECK)/scripts.py

# docs/audit.md is printed from the auditor's tables.
AUDIT_DOC = $(BUILD)/tools/audit_doc
$(AUDIT_DOC): tools/audit_doc.c $(AUDIT_SOURCES) $(KNOWN_ERRORS_SOURCES) $(UNIT_HEADERS) \
              | $(TEST_DEPS)
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) $(filter %.c,$^) -o $@

.PHONY: docs check-docs-audit check-docs-log check-docs-matrix
docs: $(AUDIT_DOC)
	@$(AUDIT_DOC) > $(AUDIT_DOC).md && cp $(AUDIT_DOC).md docs/audit.md
	@echo "  docs/audit.md"

check-docs: check-docs-audit check-docs-log check-docs-matrix

check-docs-audit: $(AUDIT_DOC)
	@$(AUDIT_DOC) > $(AUDIT_DOC).md
	@if cmp -s $(AUDIT_DOC).md docs/audit.md; then \
	    echo "docs/audit.md: the rules and known errors are those of the sources"; \
	else \
	    echo "docs/audit.md: not what the sources say: make docs mends it"; exit 1; \
	fi

check-docs-log:
	@$(PYTHON) -B docs/check_log.py

check-docs-matrix:
	@$(PYTHON) -B docs/check_selftest_matrix.py

# How clangd and its like compile each file: CONTRIBUTING.md.
.PHONY: compile_commands.json
compile_commands.json:
	@$(CHECK)/compile_commands.py $@ $(C_SOURCES) -- $(CC) $(CFLAGS) \
	    ++ $(wildcard tests/unit/*.c) -- $(UNIT_CC) $(UNIT_CFLAGS) \
	    ++ $(wildcard tests/fuzz/*.c) -- $(FUZZ_CC) $(FUZZ_CFLAGS)
	@echo "  compile_commands.json"
