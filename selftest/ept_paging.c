/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios of EPT: the largest leaves, and the guest's own paging under it. Each linear address is
 * walked by vmx/guest_walk.h before the processor translates it, and both must come to the same.
 */
#include "ept/violation.h"
#include "kernel/cpu.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "selftest/rig.h"
#include "vmx/walk_log.h"

extern const char code_ept_table_accesses[], code_ept_table_accesses_end[];
extern const char code_ept_linear[], code_ept_linear_end[];

#define FAR GPA(GIB) /* beyond the guest's memory; its own tables map it to itself */

/* The GiB in which one of the guest's pages lies, by a leaf of 1 GiB: to be read only, and UC, so
 * that nothing else in it is read ahead. Then a part of it is told apart, and may be written. */
static void page_1g(struct rig *rig)
{
    uint64_t *page = rig_memory(rig, RIG_PAGE_A);
    uint64_t offset = hpa_of(page).value % GIB;
    hpa_t base = HPA(hpa_of(page).value - offset);
    struct ept *ept = &rig->vm.ept;

    page[1] = 0x5EED;
    wbinvd(); /* it is reached by another memory type next */
    rig_want(rig, "the status of mapping", ept_map(ept, FAR, base, GIB, EPT_READ, EPT_TYPE_UC),
             STATUS_OK);
    ept_settle(ept);
    rig_want(rig, "the level of the leaf", ept_walk(ept, FAR).level, 3);
    rig_set_gpr(rig, RDI, FAR.value + offset + 8);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    rig_want(rig, "what was read", rig_gpr(rig, RAX), 0x5EED);
    if (!rig_expect(rig, EXIT_EPT_VIOLATION)) {
        return;
    }
    rig_want(rig, "the guest-physical address", rig->exit->physical.value, FAR.value + offset + 8);
    rig_want(rig, "what the entry allows", rig->exit->qualification & EPT_VIOLATION_ALLOWED,
             EPT_VIOLATION_READABLE);
    rig_want(rig, "the status of protecting",
             ept_set_rights(ept, GPA(FAR.value + offset), PAGE_SIZE, EPT_READ | EPT_WRITE),
             STATUS_OK);
    ept_settle(ept);
    rig_want(rig, "the level of the part", ept_walk(ept, GPA(FAR.value + offset)).level, 1);
    if (rig_expect_and_skip(rig, EXIT_VMCALL)) {
        rig_want(rig, "what was written", page[1], 0x5EED + 1);
    }
}

/* Linear addresses from FAR on, and what the guest's tables say of them. */
#define PD          GPA(0x4000) /* as guest/tables.c has it: of the second GiB */
#define PT          RIG_PAGE_C
#define LARGE       (2 * MIB)
#define HOLE        GPA(RIG_MEMORY + 16 * MIB)
#define CLOSED      GPA(RIG_MANY.value)             /* a page that EPT does not map */
#define READ_ONLY   GPA(RIG_MANY.value + PAGE_SIZE) /* one that it lets be read */
#define NO_TABLE    GVA(5 * GIB)
#define UNCANONICAL GVA(BIT(47))

enum access { READ, WRITE, CALL };

static gva_t small_page(unsigned number)
{
    return GVA(FAR.value + number * PAGE_SIZE + 8);
}

static gva_t large_page(unsigned number)
{
    return GVA(FAR.value + number * LARGE + 8);
}

static void build_tables(struct rig *rig)
{
    const uint64_t all = GUEST_PTE_P | GUEST_PTE_RW | GUEST_PTE_US;
    unsigned width = rig->operation->capabilities.physical_width;
    uint64_t *directory = rig_memory(rig, PD);
    uint64_t *table = rig_memory(rig, PT);

    directory[0] = PT.value | all;
    /* directory[1] stays as it is: a page of 2 MiB, to where the guest has no memory. */
    directory[2] = CLOSED.value | all;
    directory[3] = HOLE.value | all;
    directory[4] = READ_ONLY.value | all;
    table[0] = RIG_PAGE_A.value | GUEST_PTE_P | GUEST_PTE_RW;
    table[1] = RIG_PAGE_B.value | GUEST_PTE_P;
    table[2] = 0;
    table[3] = RIG_PAGE_B.value | all | GUEST_PTE_XD;
    table[4] = RIG_PAGE_B.value | all | (width < 52 ? BIT(51) : 0); /* reserved */
    table[5] = HOLE.value | all;
    table[6] = READ_ONLY.value | all;
    /* Accessed already: the processor would write that flag, which EPT does not allow here. */
    *(uint64_t *)rig_memory(rig, READ_ONLY) = RIG_PAGE_A.value | all | GUEST_PTE_A;
    rig_protect(rig, READ_ONLY, EPT_READ);
    rig_protect(rig, CLOSED, EPT_READ);
    *rig_leaf(rig, CLOSED) &= ~EPT_RWX;
    rig_invalidate(rig);
    vmwrite(VMCS_EXCEPTION_BITMAP, vmread(VMCS_EXCEPTION_BITMAP) | BIT(VECTOR_PF) | BIT(VECTOR_GP));
}

/* What the exit tells of an EPT violation. In one on the guest's own tables, emulators differ in
 * whether it was read, too: see table_access(). */
static void want_violation(struct rig *rig, const struct guest_path *path)
{
    uint64_t can = rig->operation->capabilities.ept_vpid;
    uint64_t told = BITS(5, 0) | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION;

    if (path->ept_reached && can & EPT_CAP_EXIT_INFORMATION) {
        told |=
            EPT_VIOLATION_GUEST_USER | EPT_VIOLATION_GUEST_WRITABLE | EPT_VIOLATION_GUEST_NO_FETCH;
    }
    if (!path->ept_reached && can & EPT_CAP_AD) {
        told &= ~EPT_VIOLATION_READ;
    }
    rig_want(rig, "the exit's reason", rig->exit->reason, EXIT_EPT_VIOLATION);
    rig_want(rig, "the guest-linear address", rig->exit->linear.value, path->gva.value);
    rig_want(rig, "the guest-physical address", rig->exit->physical.value,
             guest_failed_ept(path)->gpa.value);
    rig_want(rig, "the qualification", rig->exit->qualification & told,
             guest_failed_ept(path)->qualification & told);
}

static void want_exception(struct rig *rig, unsigned vector, uint32_t error_code)
{
    rig_want(rig, "the exit's reason", rig->exit->reason, EXIT_EXCEPTION_OR_NMI);
    rig_want(rig, "the vector", FIELD_GET(INTERRUPTION_VECTOR, rig->exit->interruption), vector);
    rig_want(rig, "the error code", vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE), error_code);
}

/* The memory that the walk has led to must be what the guest has read, or written. */
static void want_access(struct rig *rig, const struct guest_path *path, enum access access)
{
    rig_want(rig, "the exit's reason", rig->exit->reason, EXIT_VMCALL);
    if (!rig->failed && access != CALL) {
        rig_want(rig, "the memory that the walk leads to", *(uint64_t *)pointer_to(path->ept.hpa),
                 rig_gpr(rig, RAX));
    }
}

/* The exit must be what the walk has come to. */
static void want_same(struct rig *rig, const struct guest_path *path, enum access access)
{
    switch (path->verdict) {
    case GUEST_MAPPED:
        want_access(rig, path, access);
        break;
    case GUEST_PAGE_FAULT:
        want_exception(rig, VECTOR_PF, path->error_code);
        rig_want(rig, "the address of the page fault", rig->exit->qualification, path->gva.value);
        break;
    case GUEST_EPT:
        want_violation(rig, path);
        break;
    case GUEST_NOT_CANONICAL:
    case GUEST_NO_ADDRESS:
        want_exception(rig, VECTOR_GP, 0);
        break;
    }
}

/* Walks the address, then has the guest go there. */
static void try(struct rig *rig, gva_t gva, enum access access, enum guest_verdict verdict)
{
    const struct guest_access asked = {.write = access == WRITE, .fetch = access == CALL};
    struct guest_path path;

    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    walk_linear(rig->vcpu, gva, asked, &path);
    rig_want(rig, "the walk's verdict", path.verdict, verdict);
    rig_set_gpr(rig, RCX, access);
    rig_set_gpr(rig, RDI, gva.value);
    rig_set_gpr(rig, RAX, gva.value ^ 0xF00D);
    if (rig_enter(rig)) {
        want_same(rig, &path, access);
    }
    if (rig->failed) {
        size_t length = strlen(rig->note);
        format_text(rig->note + length, sizeof(rig->note) - length, ", linear 0x%lx, access %u",
                    gva.value, access);
    }
}

static void walk_guest(struct rig *rig)
{
    bool writes = rig->operation->capabilities.ept_vpid & EPT_CAP_AD;
    bool reserves = rig->operation->capabilities.physical_width < 52;

    build_tables(rig);
    ((uint64_t *)rig_memory(rig, RIG_PAGE_A))[1] = 0xC3; /* RET */
    ((uint64_t *)rig_memory(rig, RIG_PAGE_B))[1] = 0xC3;
    try(rig, small_page(0), READ, GUEST_MAPPED);
    try(rig, small_page(0), CALL, GUEST_MAPPED);
    try(rig, small_page(0), WRITE, GUEST_MAPPED);
    try(rig, small_page(1), READ, GUEST_MAPPED);
    try(rig, small_page(1), WRITE, GUEST_PAGE_FAULT);
    try(rig, small_page(2), READ, GUEST_PAGE_FAULT);
    try(rig, small_page(2), WRITE, GUEST_PAGE_FAULT);
    try(rig, small_page(2), CALL, GUEST_PAGE_FAULT);
    try(rig, small_page(3), READ, GUEST_MAPPED);
    try(rig, small_page(3), CALL, GUEST_PAGE_FAULT);
    try(rig, small_page(4), READ, reserves ? GUEST_PAGE_FAULT : GUEST_MAPPED);
    try(rig, small_page(5), READ, GUEST_EPT);
    try(rig, small_page(5), CALL, GUEST_EPT);
    try(rig, small_page(6), READ, GUEST_MAPPED);
    try(rig, small_page(6), WRITE, GUEST_EPT);
    try(rig, large_page(1), WRITE, GUEST_EPT);
    try(rig, large_page(2), READ, GUEST_EPT);
    try(rig, large_page(2), CALL, GUEST_EPT);
    try(rig, large_page(3), WRITE, GUEST_EPT);
    /* With accessed and dirty flags, a read of a guest's table counts as a write. */
    try(rig, large_page(4), READ, writes ? GUEST_EPT : GUEST_MAPPED);
    try(rig, NO_TABLE, READ, GUEST_PAGE_FAULT);
    try(rig, UNCANONICAL, READ, GUEST_NOT_CANONICAL);
}

/* SDM vol. 3C, "Exit Qualification for EPT Violations": with accessed and dirty flags, an access to
 * a paging structure of the guest's that is refused sets bits 0 and 1, read and write. */
static void table_access(struct rig *rig)
{
    build_tables(rig);
    rig_set_gpr(rig, RCX, READ);
    rig_set_gpr(rig, RDI, large_page(2).value);
    if (rig_expect_and_skip(rig, EXIT_VMCALL) && rig_expect(rig, EXIT_EPT_VIOLATION)) {
        rig_want(rig, "the qualification",
                 rig->exit->qualification &
                     (BITS(5, 0) | EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION),
                 EPT_VIOLATION_READ | EPT_VIOLATION_WRITE | EPT_VIOLATION_LINEAR);
    }
}

static const struct scenario scenarios[] = {
    {"ept.page_1g", SCENARIO_CODE(ept_table_accesses), .run = page_1g, .needs_ept = EPT_CAP_1G},
    {"ept.walk_guest", SCENARIO_CODE(ept_linear), .run = walk_guest},
    {"ept.table_access", SCENARIO_CODE(ept_linear), .run = table_access, .needs_ept = EPT_CAP_AD,
     .known_wrong = {"bochs-3.0", "an access to a guest paging structure is told as a write alone"},
     .known_answer = "the qualification is 0x82, wanted 0x83"},
};

SCENARIO_SUITE(selftest_ept_paging, scenarios);
