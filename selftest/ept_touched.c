/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios of EPT: accessed and dirty flags, and the page-modification log. */
#include "ept/harvest.h"
#include "kernel/string.h"
#include "selftest/rig.h"
#include "vmx/pml.h"

extern const char code_ept_touch[], code_ept_touch_end[];
extern const char code_ept_many[], code_ept_many_end[];
extern const char code_ept_random[], code_ept_random_end[];

#define PAGES  (RIG_ROOMY / PAGE_SIZE)
#define TABLES 6 /* pages of the guest's own paging structures, from 1000H on */

/* What was seen of each page of the guest's memory. */
struct touched {
    bool accessed[PAGES], dirty[PAGES], logged[PAGES];
    unsigned records; /* in the log */
    bool beyond;      /* a page that is not the guest's */
};

static void take_touched(void *context, const struct ept_touched *page)
{
    struct touched *pages = context;
    uint64_t number = page->gpa.value / PAGE_SIZE;

    if (number >= PAGES) {
        pages->beyond = true;
        return;
    }
    pages->accessed[number] = true;
    pages->dirty[number] = page->dirty;
}

static void take_logged(void *context, gpa_t page)
{
    struct touched *pages = context;
    uint64_t number = page.value / PAGE_SIZE;

    pages->records++;
    if (number >= PAGES || page.value % PAGE_SIZE != 0) {
        pages->beyond = true;
        return;
    }
    pages->logged[number] = true;
}

/* Every page by itself, and nothing touched so far. */
static void start_clean(struct rig *rig)
{
    for (uint64_t gpa = 0; guest_access(&rig->vm, GPA(gpa), PAGE_SIZE) != NULL; gpa += PAGE_SIZE) {
        rig_protect(rig, GPA(gpa), EPT_RWX);
    }
    ept_harvest(&rig->vm.ept, NULL, NULL);
    rig_invalidate(rig);
}

static void harvest(struct rig *rig, struct touched *pages)
{
    memset(pages, 0, sizeof(*pages));
    ept_harvest(&rig->vm.ept, take_touched, pages);
    rig_invalidate(rig);
    rig_want(rig, "a page beyond the guest's memory", pages->beyond, 0);
}

static uint64_t number(gpa_t gpa)
{
    return gpa.value / PAGE_SIZE;
}

static void accessed_dirty(struct rig *rig)
{
    struct touched pages;

    start_clean(rig);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    harvest(rig, &pages);
    rig_want(rig, "accessed, of the page that was read", pages.accessed[number(RIG_PAGE_A)], 1);
    rig_want(rig, "dirty, of the page that was read", pages.dirty[number(RIG_PAGE_A)], 0);
    rig_want(rig, "dirty, of the page that was written", pages.dirty[number(RIG_PAGE_B)], 1);
    rig_want(rig, "accessed, of the code", pages.accessed[number(RIG_CODE)], 1);
    rig_want(rig, "dirty, of the code", pages.dirty[number(RIG_CODE)], 0);
    if (pages.accessed[number(RIG_PAGE_C)]) { /* the SDM lets a processor read ahead */
        rig_note(rig, "a page that was left alone was accessed");
    }
    /* The guest's own page walk counts as writes. */
    rig_want(rig, "dirty, of the guest's PML4", pages.dirty[1], 1);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    harvest(rig, &pages);
    rig_want(rig, "accessed, of the page read since", pages.accessed[number(RIG_PAGE_C)], 1);
    rig_want(rig, "accessed, of the page read before", pages.accessed[number(RIG_PAGE_A)], 0);
    rig_want(rig, "dirty, of the page written before", pages.dirty[number(RIG_PAGE_B)], 0);
}

static bool start_pml(struct rig *rig)
{
    start_clean(rig);
    rig_want(rig, "the start of the log", pml_start(rig->vcpu), STATUS_OK);
    return !rig->failed;
}

/* More pages than the log has entries: it fills, exits, is drained, and the write is done after. */
static void pml_full(struct rig *rig)
{
    unsigned wanted = PML_ENTRIES + 40;
    struct touched pages = {0};

    if (!start_pml(rig)) {
        return;
    }
    rig_set_gpr(rig, RCX, wanted);
    if (!rig_expect(rig, EXIT_PML_FULL)) {
        return;
    }
    rig_want(rig, "records in a full log", pml_drain(rig->vcpu, take_logged, &pages), PML_ENTRIES);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    (void)pml_drain(rig->vcpu, take_logged, &pages);
    rig_want(rig, "a record beyond the guest's memory", pages.beyond, 0);
    for (unsigned i = 0; i < wanted; i++) {
        rig_want(rig, "logged, of a page that was written", pages.logged[number(RIG_MANY) + i], 1);
    }
    rig_want(rig, "logged, of a page behind them", pages.logged[number(RIG_MANY) + wanted], 0);
    rig_want(rig, "records are each of another page", pages.records <= wanted + TABLES, 1);
}

/* The same sum as the guest's. Gives the number of the last page. */
static uint64_t choose_pages(uint64_t seed, unsigned count, bool chosen[PAGES])
{
    uint64_t page = 0;

    for (; count != 0; count--) {
        seed = seed * 1103515245 + 12345;
        page = number(RIG_MANY) + (seed >> 16 & 0x7F);
        chosen[page] = true;
    }
    return page;
}

/* Dirty flags, log and guest agree on the set of pages; beside them stand the guest's own paging
 * structures, whose accesses count as writes. */
static void pml_agrees(struct rig *rig)
{
    unsigned count = 50;
    uint64_t last;
    bool chosen[PAGES] = {false};
    struct touched pages;

    if (!start_pml(rig)) {
        return;
    }
    rig_set_gpr(rig, RSI, rig->seed);
    rig_set_gpr(rig, RCX, count);
    last = choose_pages(rig->seed, count, chosen);
    if (!rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    harvest(rig, &pages);
    (void)pml_drain(rig->vcpu, take_logged, &pages);
    for (unsigned i = 0; i < PAGES; i++) {
        bool own = i >= 1 && i < 1 + TABLES;

        rig_want(rig, "logged, against dirty", pages.logged[i], pages.dirty[i]);
        rig_want(rig, "dirty, against what the guest wrote", pages.dirty[i] && !own, chosen[i]);
    }
    rig_want(rig, "dirty, of the guest's PML4", pages.dirty[1], 1);
    rig_note(rig, "seed 0x%lx, the last page 0x%lx", rig->seed, last * PAGE_SIZE);
}

/* Once more, from the code's start. */
static bool touch_again(struct rig *rig)
{
    start_clean(rig);
    vmwrite(VMCS_GUEST_RIP, RIG_CODE.value);
    return rig_expect_and_skip(rig, EXIT_VMCALL);
}

/* With the log; without it; and with it, but without the flags that it goes by. */
static void pml(struct rig *rig)
{
    struct touched pages = {0};
    uint64_t index;
    unsigned records;

    if (!start_pml(rig) || !rig_expect_and_skip(rig, EXIT_VMCALL)) {
        return;
    }
    index = vmread(VMCS_PML_INDEX);
    records = pml_drain(rig->vcpu, take_logged, &pages);
    rig_want(rig, "logged, of the page that was written", pages.logged[number(RIG_PAGE_B)], 1);
    rig_want(rig, "logged, of the page that was read", pages.logged[number(RIG_PAGE_A)], 0);
    rig_want(rig, "the index after the records", index, PML_ENTRIES - 1 - records);
    if (rig_switch(rig, CONTROL_SECONDARY, SECONDARY_PML, false) && touch_again(rig)) {
        harvest(rig, &pages);
        rig_want(rig, "dirty, of the page that was written", pages.dirty[number(RIG_PAGE_B)], 1);
        rig_want(rig, "the index, without the control", vmread(VMCS_PML_INDEX), PML_ENTRIES - 1);
        (void)rig_switch(rig, CONTROL_SECONDARY, SECONDARY_PML, true);
    }
    rig->vcpu->ept_pointer &= ~EPTP_AD;
    vmwrite(VMCS_EPT_POINTER, rig->vcpu->ept_pointer);
    if (touch_again(rig)) {
        harvest(rig, &pages);
        rig_want(rig, "dirty, without the flags", pages.dirty[number(RIG_PAGE_B)], 0);
        rig_want(rig, "the index, without the flags", vmread(VMCS_PML_INDEX), PML_ENTRIES - 1);
    }
}

#define NEEDS_PML .needs = {{[CONTROL_SECONDARY] = SECONDARY_PML}}, .needs_ept = EPT_CAP_AD

static const struct scenario scenarios[] = {
    {"ept.accessed_dirty", SCENARIO_CODE(ept_touch), .run = accessed_dirty,
     .needs_ept = EPT_CAP_AD},
    {"ept.pml_full", SCENARIO_CODE(ept_many), .run = pml_full, NEEDS_PML, .roomy = true},
    {"ept.pml_agrees", SCENARIO_CODE(ept_random), .run = pml_agrees, NEEDS_PML},
    {"secondary.pml", SCENARIO_CODE(ept_touch), .run = pml, NEEDS_PML},
};

SCENARIO_SUITE(selftest_ept_touched, scenarios);
