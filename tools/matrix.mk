# SPDX-License-Identifier: BSD-2-Clause
# make selftest-matrix: mode=selftest on every CPU model of Bochs that has VT-x and a 64-bit mode,
# side by side, into docs/selftest-matrix.md and build/selftest-matrix.html. Included by the top
# Makefile.

# Oldest to newest. The first has no EPT. core_duo_t2400_yonah has VT-x and no 64-bit mode.
MATRIX_MODELS := core2_penryn_t9600 corei5_lynnfield_750 corei5_arrandale_m520 \
                 corei7_sandy_bridge_2600k corei7_ivy_bridge_3770k corei7_haswell_4770 \
                 broadwell_ult corei7_skylake_x corei3_cnl corei7_icelake_u tigerlake \
                 sapphire_rapids arrow_lake
MATRIX_LOGS   := $(MATRIX_MODELS:%=$(BUILD)/selftest-matrix/%.log)
MATRIX_HEAD   := <!-- Written by `make selftest-matrix`, with all CPU models of Bochs that have \
                 VT-x. What it says: selftest.md -->

.PHONY: selftest-matrix
selftest-matrix: kernel
	@$(MAKE) --no-print-directory -s $(MATRIX_LOGS)
	@tools/selftest-matrix --format html -o $(BUILD)/selftest-matrix.html $(MATRIX_LOGS); \
	    test $$? -ne 2
	@echo "  $(BUILD)/selftest-matrix.html"
	@tools/selftest-matrix --format markdown -o $(BUILD)/selftest-matrix.md $(MATRIX_LOGS); \
	    status=$$?; test $$status -ne 2 && { echo '$(MATRIX_HEAD)'; echo; \
	    cat $(BUILD)/selftest-matrix.md; } > docs/selftest-matrix.md && \
	    echo "  docs/selftest-matrix.md" && exit $$status

# A run that fails or breaks off is a column too, and the matrix says so.
$(BUILD)/selftest-matrix/%.log: $(BUILD)/lintel.elf
	@mkdir -p $(@D)
	@echo '  RUN  mode=selftest on $*'
	@rm -f $@.tmp; tools/run --machine bochs --cpu $* --headless --timeout 120 --args mode=selftest \
	    --log $@.tmp >$@.out 2>&1; \
	    test $$? -ne 2 -a -s $@.tmp && mv $@.tmp $@ || { cat $@.out; exit 1; }
