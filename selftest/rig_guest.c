/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scenario's guest finds in its memory: descriptors, an IDT for each mode with a handler for
 * each vector, and the change from one mode into another. SDM vol. 3A, "Interrupt and Exception
 * Handling", "Segment Descriptors".
 */
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "selftest/rig_build.h"
#include "vmx/guest_walk.h"
#include "vmx/run.h"

#define IDT_LONG      GPA(0xA000)
#define HANDLERS      GPA(0xB000) /* each mode's: 256 of 16 bytes */
#define IDT_PROTECTED GPA(0xC000)
#define IDT_REAL      GPA(0xE000) /* an interrupt vector table */
#define PD_PROTECTED  GPA(0x10000)
#define CODE_REAL     GPA(0x20000) /* a copy of the code, where a real-mode selector reaches it */
#define VECTORS       UINT64_C(256)
#define HANDLER_BYTES UINT64_C(16)

#define GATE_LONG      0x8E00 /* present, DPL 0, interrupt gate */
#define GATE_PROTECTED 0x8E00

/* Descriptors, accessed as the registers are that stand for them. */
#define DESCRIPTOR_CODE_32      UINT64_C(0x00CF9B000000FFFF)
#define DESCRIPTOR_USER_CODE_64 UINT64_C(0x00AFFB000000FFFF)
#define DESCRIPTOR_USER_DATA    UINT64_C(0x00CFF3000000FFFF)

#define RIGHTS_CODE_64      0xA09B
#define RIGHTS_CODE_32      0xC09B
#define RIGHTS_CODE_16      0x009B
#define RIGHTS_DATA_16      0x0093
#define RIGHTS_USER_CODE_64 0xA0FB
#define RIGHTS_USER_DATA    0xC0F3
#define REAL_LIMIT          0xFFFF

/* Where each mode's handlers stand: 64, 32 and 16 bits. */
static gpa_t handlers_of(enum rig_mode mode)
{
    return mode == RIG_PROTECTED ? GPA(0xD000) : mode == RIG_REAL ? GPA(0xF000) : HANDLERS;
}

static bool has_error_code(uint64_t vector)
{
    return vector == VECTOR_DF || (vector >= VECTOR_TS && vector <= VECTOR_PF) ||
           vector == VECTOR_AC || vector == VECTOR_CP;
}

/* VMCALL, then back, without the error code where there is one. A NOP stands before it: where Bochs
 * has several processors, the RIP of an exit is wrong of a handler's first instruction. */
static void fill_handlers(struct rig *rig, enum rig_mode mode)
{
    static const uint8_t with_code[][10] = {
        [RIG_LONG] = {0x90, 0x0F, 0x01, 0xC1, 0x48, 0x83, 0xC4, 0x08, 0x48, 0xCF},
        [RIG_PROTECTED] = {0x90, 0x0F, 0x01, 0xC1, 0x83, 0xC4, 0x04, 0xCF},
        [RIG_REAL] = {0x90, 0x0F, 0x01, 0xC1, 0xCF},
    };
    static const uint8_t without[][10] = {
        [RIG_LONG] = {0x90, 0x0F, 0x01, 0xC1, 0x48, 0xCF},
        [RIG_PROTECTED] = {0x90, 0x0F, 0x01, 0xC1, 0xCF},
        [RIG_REAL] = {0x90, 0x0F, 0x01, 0xC1, 0xCF},
    };
    uint8_t *handlers = rig_memory(rig, handlers_of(mode));

    for (uint64_t vector = 0; vector < VECTORS; vector++) {
        memcpy(handlers + vector * HANDLER_BYTES,
               has_error_code(vector) ? with_code[mode] : without[mode], sizeof(without[mode]));
    }
}

static void fill_idts(struct rig *rig)
{
    uint64_t *wide = rig_memory(rig, IDT_LONG);
    uint64_t *narrow = rig_memory(rig, IDT_PROTECTED);
    uint32_t *real = rig_memory(rig, IDT_REAL);

    for (uint64_t vector = 0; vector < VECTORS; vector++) {
        uint64_t at = handlers_of(RIG_LONG).value + vector * HANDLER_BYTES;

        wide[vector * 2] = (at & 0xFFFF) | (uint64_t)RIG_CODE_64 << 16 | (uint64_t)GATE_LONG << 32 |
                           at >> 16 << 48;
        at = handlers_of(RIG_PROTECTED).value + vector * HANDLER_BYTES;
        narrow[vector] = (at & 0xFFFF) | (uint64_t)RIG_CODE_32 << 16 |
                         (uint64_t)GATE_PROTECTED << 32 | at >> 16 << 48;
        real[vector] = (uint32_t)(handlers_of(RIG_REAL).value >> 4 << 16 | vector * HANDLER_BYTES);
    }
}

void rig_fill_guest(struct rig *rig)
{
    uint64_t *gdt = rig_memory(rig, RIG_GDT);
    uint8_t *tss = rig_memory(rig, RIG_TSS);
    uint64_t stack = RIG_STACK;

    gdt[RIG_CODE_32 / 8] = DESCRIPTOR_CODE_32;
    gdt[RIG_USER_CODE_64 / 8] = DESCRIPTOR_USER_CODE_64;
    gdt[RIG_USER_DATA / 8] = DESCRIPTOR_USER_DATA;
    memcpy(tss + 4, &stack, sizeof(stack)); /* RSP0 */
    fill_handlers(rig, RIG_LONG);
    fill_handlers(rig, RIG_PROTECTED);
    fill_handlers(rig, RIG_REAL);
    fill_idts(rig);
}

void rig_point_guest(const struct rig *rig)
{
    (void)rig;
    vmwrite(VMCS_GUEST_GDTR_LIMIT, RIG_GDT_ENTRIES * 8 - 1);
    vmwrite(VMCS_GUEST_IDTR_BASE, IDT_LONG.value);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, PAGE_SIZE - 1);
}

bool rig_is_event(const struct rig *rig, unsigned *vector)
{
    uint64_t at = rig->exit->rip;

    if (rig->mode == RIG_REAL) {
        at += vmread(VMCS_GUEST_CS_BASE);
    }
    at -= handlers_of(rig->mode).value;
    *vector = (unsigned)(at / HANDLER_BYTES);
    return rig->exit->reason == EXIT_VMCALL && at < PAGE_SIZE &&
           at % HANDLER_BYTES == RIG_VMCALL_OFFSET;
}

/* The stack frame's values from the guest's stack pointer on, of 2, 4 or 8 bytes each. */
static uint64_t slot_bytes(const struct rig *rig)
{
    return rig->mode == RIG_LONG ? 8 : rig->mode == RIG_PROTECTED ? 4 : 2;
}

static uint8_t *slot(const struct rig *rig, unsigned index)
{
    uint64_t at = vmread(VMCS_GUEST_SS_BASE) + vmread(VMCS_GUEST_RSP) + index * slot_bytes(rig);

    return guest_access(&rig->vm, GPA(at), slot_bytes(rig));
}

static uint64_t slot_value(struct rig *rig, unsigned index)
{
    const uint8_t *bytes = slot(rig, index);
    uint64_t value = 0;

    if (bytes == NULL) {
        rig_fail(rig, "the guest's stack pointer 0x%lx is outside its memory",
                 vmread(VMCS_GUEST_RSP));
        return 0;
    }
    memcpy(&value, bytes, slot_bytes(rig));
    return value;
}

/* Where the return address stands: behind the error code, if there is one. */
static unsigned return_slot(const struct rig *rig, unsigned vector)
{
    return rig->mode != RIG_REAL && has_error_code(vector) ? 1 : 0;
}

bool rig_expect_event(struct rig *rig, unsigned vector)
{
    unsigned first = return_slot(rig, vector);
    unsigned found;

    if (!rig_expect_exit(rig, EXIT_VMCALL, true) || !rig_is_event(rig, &found)) {
        return false;
    }
    rig_want(rig, "the vector that the guest is given", found, vector);
    rig->event = (struct rig_event){
        .vector = found,
        .error_code = first != 0 ? (uint32_t)slot_value(rig, 0) : 0,
        .rip = slot_value(rig, first),
        .cs = (uint16_t)slot_value(rig, first + 1),
        .rflags = slot_value(rig, first + 2),
    };
    if (rig->mode == RIG_LONG) {
        rig->event.rsp = slot_value(rig, first + 3);
        rig->event.ss = (uint16_t)slot_value(rig, first + 4);
    }
    return !rig->failed;
}

void rig_return(struct rig *rig, uint64_t rip)
{
    if (!rig->failed && !rig->skipped) {
        memcpy(slot(rig, return_slot(rig, rig->event.vector)), &rip, slot_bytes(rig));
        vcpu_advance(rig->vcpu);
    }
}

/* Every entry of the guest's paging structures gets U/S: its pages become user-mode pages. */
static void open_to_user(struct rig *rig)
{
    for (unsigned page = 0; page < 6; page++) {
        uint64_t *entries = rig_memory(rig, GPA(RIG_TABLES.value + page * PAGE_SIZE));

        for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
            entries[i] |= entries[i] & GUEST_PTE_P ? GUEST_PTE_US : 0;
        }
    }
}

void rig_go_user(struct rig *rig, uint64_t rip)
{
    open_to_user(rig);
    vmwrite(VMCS_GUEST_CS_SELECTOR, RIG_USER_CODE_64);
    vmwrite(VMCS_GUEST_CS_AR, RIGHTS_USER_CODE_64);
    vmwrite(VMCS_GUEST_SS_SELECTOR, RIG_USER_DATA);
    vmwrite(VMCS_GUEST_SS_AR, RIGHTS_USER_DATA);
    vmwrite(VMCS_GUEST_RIP, rip);
}

/* What 32-bit and real mode have in common: no IA-32e mode, paging as asked. */
static void leave_long_mode(struct rig *rig, uint64_t cr0)
{
    uint64_t cr4 = vmread(VMCS_GUEST_CR4) & ~(uint64_t)CR4_PAE;

    (void)rig_switch(rig, CONTROL_ENTRY, ENTRY_IA32E_GUEST, false);
    vmwrite(VMCS_GUEST_EFER, 0);
    vmwrite(VMCS_GUEST_CR0, cr0);
    vmwrite(VMCS_CR0_SHADOW, cr0);
    vmwrite(VMCS_GUEST_CR4, cr4 | CR4_PSE);
    vmwrite(VMCS_CR4_SHADOW, (vmread(VMCS_CR4_SHADOW) & ~(uint64_t)CR4_PAE) | CR4_PSE);
}

void rig_go_protected(struct rig *rig, bool paging, uint64_t rip)
{
    uint64_t cr0 = vmread(VMCS_GUEST_CR0) | CR0_PE;
    uint32_t *directory = rig_memory(rig, PD_PROTECTED);

    for (uint32_t i = 0; i < PAGE_SIZE / 4; i++) { /* 4 GiB in pages of 4 MiB */
        directory[i] = i << 22 | GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_PS;
    }
    leave_long_mode(rig, paging ? cr0 | CR0_PG : cr0 & ~(uint64_t)CR0_PG);
    rig->mode = RIG_PROTECTED;
    vmwrite(VMCS_GUEST_CR3, PD_PROTECTED.value);
    vmwrite(VMCS_GUEST_CS_SELECTOR, RIG_CODE_32);
    vmwrite(VMCS_GUEST_CS_AR, RIGHTS_CODE_32);
    vmwrite(VMCS_GUEST_IDTR_BASE, IDT_PROTECTED.value);
    vmwrite(VMCS_GUEST_RIP, rip);
}

struct data_segment {
    const struct vmcs_field *selector, *base, *limit, *rights;
};

#define DATA_SEGMENT(symbol)                                                                       \
    (struct data_segment)                                                                          \
    {                                                                                              \
        &VMCS_GUEST_##symbol##_SELECTOR, &VMCS_GUEST_##symbol##_BASE,                              \
            &VMCS_GUEST_##symbol##_LIMIT, &VMCS_GUEST_##symbol##_AR                                \
    }

/* Stack and data from address 0 on. */
void rig_go_real(struct rig *rig, uint64_t rip)
{
    static const struct data_segment data[] = {DATA_SEGMENT(SS), DATA_SEGMENT(DS), DATA_SEGMENT(ES),
                                               DATA_SEGMENT(FS), DATA_SEGMENT(GS)};

    leave_long_mode(rig, vmread(VMCS_GUEST_CR0) & ~(uint64_t)(CR0_PE | CR0_PG));
    rig->mode = RIG_REAL;
    memcpy(rig_memory(rig, CODE_REAL), rig_memory(rig, RIG_CODE), PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        vmwrite(*data[i].selector, 0);
        vmwrite(*data[i].base, 0);
        vmwrite(*data[i].limit, REAL_LIMIT);
        vmwrite(*data[i].rights, RIGHTS_DATA_16);
    }
    vmwrite(VMCS_GUEST_CS_SELECTOR, CODE_REAL.value >> 4);
    vmwrite(VMCS_GUEST_CS_BASE, CODE_REAL.value);
    vmwrite(VMCS_GUEST_CS_LIMIT, REAL_LIMIT);
    vmwrite(VMCS_GUEST_CS_AR, RIGHTS_CODE_16);
    vmwrite(VMCS_GUEST_IDTR_BASE, IDT_REAL.value);
    vmwrite(VMCS_GUEST_RSP, vmread(VMCS_GUEST_RSP) & 0xFFF0);
    vmwrite(VMCS_GUEST_RIP, rip);
}
