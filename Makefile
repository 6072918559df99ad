# SPDX-License-Identifier: BSD-2-Clause
# Lintel's targets: `make help` lists them.

BUILD ?= build

# `make V=1` shows the commands.
Q := $(if $(V),,@)

ifndef CROSS
CROSS := $(if $(shell command -v x86_64-elf-gcc),x86_64-elf-,x86_64-linux-gnu-)
endif
CC      := $(CROSS)gcc
LD      := $(CROSS)ld
OBJCOPY := $(CROSS)objcopy
NM      := $(CROSS)nm
NASM    := nasm
# Newer NASMs warn of each address in 32-bit code, older ones of the option that says not to.
NASMFLAGS := -w+all -w-unknown-warning -w-reloc -Werror
PYTHON  := /usr/bin/python3

VERSION := $(shell cat VERSION)

ROOMS     := boot kernel ept vmx guest selftest
C_SOURCES := $(foreach room,$(ROOMS),$(wildcard $(room)/*.c))
ASM_SOURCES := $(foreach room,$(ROOMS),$(wildcard $(room)/*.asm))
HEADERS   := $(foreach room,$(ROOMS),$(wildcard $(room)/*.h $(room)/*.def))
# Flat binaries: the built-in guests, carried in the image, and the example of a user's own.
GUESTS    := $(patsubst guest/code/%.asm,$(BUILD)/guest/code/%.bin,$(wildcard guest/code/*.asm))

OBJECTS := $(C_SOURCES:%.c=$(BUILD)/%.o) $(ASM_SOURCES:%.asm=$(BUILD)/%.asm.o)

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wvla -Wundef -Wwrite-strings -Wformat=2 -Wimplicit-fallthrough
CFLAGS := -std=gnu17 -Os -g -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mno-red-zone \
          -mgeneral-regs-only -mcmodel=kernel -fno-omit-frame-pointer -fno-optimize-sibling-calls \
          -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
          -fno-delete-null-pointer-checks -ffunction-sections -fdata-sections \
          -ffile-prefix-map=$(CURDIR)/= -I. -DLINTEL_VERSION='"$(VERSION)"' $(WARNINGS)
LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none --gc-sections \
           --no-warn-rwx-segments

# What `make run` passes on to the launcher.
RUN_OPTIONS = $(if $(MACHINE),--machine $(MACHINE)) $(if $(CPUS),--cpus $(CPUS)) \
              $(if $(MEMORY),--memory $(MEMORY)) $(if $(CPU),--cpu $(CPU)) \
              $(if $(FIRMWARE),--firmware $(FIRMWARE)) $(if $(GUEST),--guest "$$LINTEL_GUEST") \
              $(if $(INITRD),--initrd "$$LINTEL_INITRD") \
              $(if $(CMDLINE),--cmdline "$$LINTEL_CMDLINE") \
              $(if $(ARGS),--args "$$LINTEL_ARGS") $(if $(LOG),--log "$$LINTEL_LOG")
export LINTEL_GUEST = $(GUEST)
export LINTEL_INITRD = $(INITRD)
export LINTEL_CMDLINE = $(CMDLINE)
export LINTEL_ARGS = $(ARGS)
export LINTEL_LOG = $(LOG)

.PHONY: run
run: kernel
	@tools/run $(RUN_OPTIONS)

.PHONY: help
help:
	@cat tools/help.txt

# --- The image ------------------------------------------------------------------------------------

.PHONY: kernel iso deps debug clean format
kernel: deps-run
	@$(MAKE) --no-print-directory -s $(BUILD)/lintel.elf $(BUILD)/lintel.bin $(BUILD)/guest/hello.bin

iso: kernel
	@$(MAKE) --no-print-directory -s $(BUILD)/lintel.iso

deps:
	@tools/deps

# The other targets install what is missing by themselves.
.PHONY: deps-run deps-test
DEPS_RUN = $(if $(filter tcg kvm,$(MACHINE)),--qemu) $(if $(filter uefi,$(FIRMWARE)),--uefi)
deps-run:
	@tools/deps $(DEPS_RUN) --check >/dev/null 2>&1 || tools/deps $(DEPS_RUN)
deps-test:
	@tools/deps --test --check >/dev/null 2>&1 || tools/deps --test

# What lies on the way of an exit, and the walkers of tables, are compiled for speed, all else for
# size: most of the image is what the auditor and the selftest know. (For size, a function that does
# not return has no frame: main.c begins all backtraces.)
FAST := $(patsubst %.c,$(BUILD)/%.o,$(wildcard boot/main.c kernel/page*.c kernel/string.c \
          kernel/format.c \
          kernel/table_memory.c ept/*.c vmx/loop.c vmx/dispatch.c vmx/handle_*.c vmx/inject.c \
          vmx/guest_*.c vmx/enter_once.c vmx/invept.c vmx/audit.c vmx/audit_read.c))
$(FAST): CFLAGS += -O2

# One bit wrong on purpose, for the selftest to find: vmx/mutant.h.
ifdef MUTANT
ifeq ($(BUILD),build)
$(error MUTANT=$(MUTANT) wants a folder of its own, such as BUILD=build/mutant-$(MUTANT))
endif
CFLAGS += -DMUTANT=$(MUTANT)
endif

$(BUILD)/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	@$(if $(V),:,echo '  CC   $<')
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# What they include: NASM's own -MD leaves that out.
ASM_INCLUDES := $(foreach room,$(ROOMS),$(wildcard $(room)/*.inc))

$(BUILD)/%.asm.o: %.asm $(ASM_INCLUDES) Makefile
	@mkdir -p $(@D)
	@$(if $(V),:,echo '  NASM $<')
	$(Q)$(NASM) -f elf64 -g -F dwarf $(NASMFLAGS) -I. -I$(BUILD)/ $< -o $@

$(BUILD)/guest/code/%.bin: guest/code/%.asm guest/code/flat.inc
	@mkdir -p $(@D)
	@$(if $(V),:,echo '  NASM $<')
	$(Q)$(NASM) -f bin $(NASMFLAGS) -Iguest/code/ $< -o $@

$(BUILD)/guest/hello.bin: guest/example/hello.asm
	@mkdir -p $(@D)
	@$(if $(V),:,echo '  NASM $<')
	$(Q)$(NASM) -f bin $(NASMFLAGS) $< -o $@

$(BUILD)/guest/images.asm.o: $(GUESTS)

# Linked twice: the second time with the symbols of the first (tools/symbols.py says why).
$(BUILD)/symbols0.asm: tools/symbols.py
	@mkdir -p $(@D)
	@$(PYTHON) tools/symbols.py > $@

$(BUILD)/symbols.asm: $(BUILD)/lintel.stage1 tools/symbols.py
	@$(PYTHON) tools/symbols.py $< $(NM) > $@.tmp && mv $@.tmp $@

$(BUILD)/symbols.o $(BUILD)/symbols0.o: %.o: %.asm
	@$(NASM) -f elf64 $< -o $@

$(BUILD)/lintel.stage1: $(OBJECTS) $(BUILD)/symbols0.o linker.ld
	@$(LD) $(LDFLAGS) -T linker.ld $(OBJECTS) $(BUILD)/symbols0.o -o $@

$(BUILD)/lintel.debug: $(OBJECTS) $(BUILD)/symbols.o linker.ld
	@$(if $(V),:,echo '  LD   $@')
	$(Q)$(LD) $(LDFLAGS) -T linker.ld $(OBJECTS) $(BUILD)/symbols.o -o $@

$(BUILD)/lintel.elf: $(BUILD)/lintel.debug
	@$(OBJCOPY) --strip-all -I elf64-x86-64 -O elf32-i386 $< $@

$(BUILD)/lintel.bin: $(BUILD)/lintel.debug
	@$(OBJCOPY) --strip-all -O binary $< $@

$(BUILD)/lintel.iso: $(BUILD)/lintel.elf iso/grub.cfg tools/mkiso
	tools/mkiso $@ $(BUILD)/lintel.elf

-include $(C_SOURCES:%.c=$(BUILD)/%.d)

.PHONY: bench
bench: kernel
	@tools/bench $(RUN_OPTIONS)

debug: kernel
	@tools/run --gdb $(RUN_OPTIONS)

clean:
	rm -rf $(BUILD)

TEST_DEPS = deps-test
-include tests/unit/unit.mk
-include tests/fuzz/fuzz.mk
-include tests/tests.mk
-include tests/nested/nested.mk
-include tools/matrix.mk
-include tools/check.mk
