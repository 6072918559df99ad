/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's memory: ranges, the one way to them, the EPT that maps them, and that every page is given
 * back. Pages come from the host's own memory: what the hypervisor takes for a physical address is
 * a pointer here.
 */
#include "vmx/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/log.h"
#include "kernel/memory.h"
#include "vmx/launch.h"

#define MOST_PAGES 64 /* in use at once */

static struct {
    void *base;
    uint64_t count;
} taken[MOST_PAGES];
static unsigned takes_until_failure;

enum status page_take(uint64_t count, uint64_t alignment, enum page_limit limit, hpa_t *base)
{
    (void)limit;
    if (takes_until_failure-- == 0) {
        takes_until_failure = 0;
        return STATUS_NO_MEMORY;
    }
    for (unsigned i = 0; i < MOST_PAGES; i++) {
        if (taken[i].base == NULL) {
            taken[i].base = aligned_alloc(alignment, count * PAGE_SIZE);
            taken[i].count = count;
            memset(taken[i].base, 0xA5, count * PAGE_SIZE);
            *base = HPA((uint64_t)taken[i].base);
            return STATUS_OK;
        }
    }
    return STATUS_NO_MEMORY;
}

enum status page_take_cleared(void **page)
{
    hpa_t base;
    enum status status = page_take(1, PAGE_SIZE, PAGES_ANYWHERE, &base);

    if (status == STATUS_OK) {
        *page = memset((void *)base.value, 0, PAGE_SIZE);
    }
    return status;
}

void page_give(hpa_t base, uint64_t count)
{
    for (unsigned i = 0; i < MOST_PAGES; i++) {
        if (taken[i].base == (void *)base.value && taken[i].base != NULL) {
            assert_int_equal(count, taken[i].count);
            free(taken[i].base);
            taken[i].base = NULL;
            return;
        }
    }
    fail_msg("0x%lx is given back, but not taken", base.value);
}

uint64_t pages_held(void)
{
    return 0;
}

uint64_t pages_free(void)
{
    uint64_t used = 0;

    for (unsigned i = 0; i < MOST_PAGES; i++) {
        used += taken[i].base != NULL ? taken[i].count : 0;
    }
    return 100000 - used;
}

hpa_t hpa_of(const volatile void *pointer)
{
    return HPA((uint64_t)pointer);
}

void log_line(const char *topic, const char *format, ...)
{
    (void)topic;
    (void)format;
}

/* A processor with all of EPT, as far as a VM asks, and memory that is all write-back. */
static struct vmx_operation operation;
static struct vm vm;
static char why[64];

static int make_vm(void **state)
{
    (void)state;
    takes_until_failure = 10000;
    operation = (struct vmx_operation){0};
    operation.capabilities.range[CONTROL_SECONDARY] = (struct control_range){0, UINT32_MAX, "MSR"};
    operation.capabilities.ept_vpid =
        EPT_CAP_WALK_4 | EPT_CAP_MEMORY_WB | EPT_CAP_2M | EPT_CAP_1G | EPT_CAP_AD;
    operation.capabilities.physical_width = 48;
    operation.mtrrs = (struct mtrrs){.on = true, .default_type = MTRR_TYPE_WB, .width = 48};
    return vm_create(&vm, 3, "test", &operation, why, sizeof(why)) == STATUS_OK ? 0 : -1;
}

static int destroy_vm(void **state)
{
    (void)state;
    vm_destroy(&vm);
    return pages_free() == 100000 ? 0 : -1;
}

static uint8_t *add(uint64_t gpa, uint64_t pages)
{
    hpa_t hpa;

    assert_int_equal(page_take(pages, PAGE_SIZE, PAGES_ANYWHERE, &hpa), STATUS_OK);
    assert_int_equal(vm_add_memory(&vm, GPA(gpa), hpa, pages * PAGE_SIZE), STATUS_OK);
    return (uint8_t *)hpa.value;
}

static void an_empty_vm_has_no_memory(void **state)
{
    (void)state;
    assert_null(guest_access(&vm, GPA(0), 1));
    assert_null(guest_access(&vm, GPA(0), 0));
    assert_null(guest_access(&vm, GPA(UINT64_MAX), 1));
    assert_false(ept_walk(&vm.ept, GPA(0)).present);
}

static void an_access_stays_within_one_range(void **state)
{
    (void)state;
    uint8_t *low = add(0, 4);
    uint8_t *high = add(0x100000, 2);

    assert_ptr_equal(guest_access(&vm, GPA(0), 1), low);
    assert_ptr_equal(guest_access(&vm, GPA(0x3FFF), 1), low + 0x3FFF);
    assert_ptr_equal(guest_access(&vm, GPA(0), 0x4000), low);
    assert_null(guest_access(&vm, GPA(0), 0x4001));
    assert_null(guest_access(&vm, GPA(0x3FFF), 2));
    assert_null(guest_access(&vm, GPA(0x4000), 1));
    assert_null(guest_access(&vm, GPA(0xFFFFF), 2)); /* begins before, ends in */
    assert_ptr_equal(guest_access(&vm, GPA(0x101FFC), 4), high + 0x1FFC);
    assert_null(guest_access(&vm, GPA(0x101FFD), 4));
}

/* Guest-physical neighbours need not be neighbours in the host's memory. */
static void ranges_are_not_joined(void **state)
{
    (void)state;
    uint8_t *first = add(0x1000, 1);
    uint8_t *second = add(0x2000, 1);

    assert_ptr_equal(guest_access(&vm, GPA(0x1FFF), 1), first + 0xFFF);
    assert_ptr_equal(guest_access(&vm, GPA(0x2000), 1), second);
    assert_null(guest_access(&vm, GPA(0x1FFF), 2));
}

static void lengths_and_addresses_do_not_wrap(void **state)
{
    (void)state;
    uint8_t *memory = add(0x100000, 1);

    assert_ptr_equal(guest_access(&vm, GPA(0x100000), PAGE_SIZE), memory);
    assert_null(guest_access(&vm, GPA(0x100000), UINT64_MAX));
    assert_null(guest_access(&vm, GPA(0x100010), UINT64_MAX - 0xF));
    assert_null(guest_access(&vm, GPA(0xFF000), UINT64_MAX));
    assert_null(guest_access(&vm, GPA(UINT64_MAX), 2));
    assert_null(guest_access(&vm, GPA(UINT64_MAX - 0xFFF), 0x101000));
}

/* What the processor will find is what guest_access() finds. */
static void ept_maps_what_is_accessed(void **state)
{
    (void)state;
    uint8_t *memory = add(0x200000, 3);

    for (uint64_t offset = 0; offset < 3 * PAGE_SIZE; offset += 0x7F8) {
        struct pt_walk walk = ept_walk(&vm.ept, GPA(0x200000 + offset));

        assert_true(walk.present);
        assert_int_equal(walk.target.value, (uint64_t)memory + offset);
        assert_int_equal(walk.attributes & 7, 7);      /* read, write, execute */
        assert_int_equal(walk.attributes >> 3 & 7, 6); /* write-back */
    }
    assert_false(ept_walk(&vm.ept, GPA(0x1FFFFF)).present);
    assert_false(ept_walk(&vm.ept, GPA(0x203000)).present);
}

/* A page that the MTRRs say is uncacheable, in the midst of write-back memory. */
static void memory_has_the_type_that_the_mtrrs_give_to_it(void **state)
{
    (void)state;
    hpa_t hpa;

    assert_int_equal(page_take(4, PAGE_SIZE, PAGES_ANYWHERE, &hpa), STATUS_OK);
    operation.mtrrs.count = 1;
    operation.mtrrs.range[0] = (struct mtrr_range){
        .base = hpa.value + PAGE_SIZE, .mask = BITS(47, 12), .type = MTRR_TYPE_UC};
    assert_int_equal(vm_add_memory(&vm, GPA(0x200000), hpa, 4 * PAGE_SIZE), STATUS_OK);
    for (uint64_t page = 0; page < 4; page++) {
        struct pt_walk walk = ept_walk(&vm.ept, GPA(0x200000 + page * PAGE_SIZE));

        assert_int_equal(walk.target.value, hpa.value + page * PAGE_SIZE);
        assert_int_equal(walk.attributes >> 3 & 7, page == 1 ? MTRR_TYPE_UC : MTRR_TYPE_WB);
    }
}

/* SDM vol. 3C, "Extended-Page-Table Pointer (EPTP)": type 2:0, walk length less 1 5:3, flags 6. */
static void the_ept_pointer_says_what_the_processor_can(void **state)
{
    (void)state;
    uint64_t root = vm.ept.table.root.value;
    struct ept_abilities old = {.largest_leaf = 1, .physical_width = 40};

    assert_int_equal(ept_pointer(&vm.ept, &vm.ept_abilities), root | 6 | 3 << 3 | 1 << 6);
    assert_int_equal(ept_pointer(&vm.ept, &old), root | 0 | 3 << 3);
}

static void abilities_are_read_from_the_capability_msr(void **state)
{
    (void)state;
    struct vm other;

    assert_int_equal(vm.ept_abilities.largest_leaf, 3);
    operation.capabilities.ept_vpid = EPT_CAP_WALK_4 | EPT_CAP_2M;
    assert_int_equal(vm_create(&other, 1, "other", &operation, why, sizeof(why)), STATUS_OK);
    assert_int_equal(other.ept_abilities.largest_leaf, 2);
    assert_false(other.ept_abilities.accessed_dirty || other.ept_abilities.write_back);
    vm_destroy(&other);
}

static void without_ept_there_is_no_vm(void **state)
{
    (void)state;
    struct vm other;

    operation.capabilities.ept_vpid &= ~EPT_CAP_WALK_4;
    assert_int_equal(vm_create(&other, 1, "other", &operation, why, sizeof(why)),
                     STATUS_UNSUPPORTED);
    assert_string_equal(why, "no EPT");
    vm_destroy(&other);
    operation.capabilities.ept_vpid |= EPT_CAP_WALK_4;
    operation.capabilities.range[CONTROL_SECONDARY].may_be_1 &= ~(uint32_t)SECONDARY_EPT;
    assert_int_equal(vm_create(&other, 1, "other", &operation, why, sizeof(why)),
                     STATUS_UNSUPPORTED);
    vm_destroy(&other);
}

/* Every port exits and every MSR too, until someone says otherwise. */
static void bitmaps_start_as_they_should(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * PAGE_SIZE; i++) {
        assert_int_equal(((uint8_t *)vm.io_bitmap)[i], 0xFF);
    }
    assert_true(IS_ALIGNED((uint64_t)vm.io_bitmap, PAGE_SIZE));
    assert_true(IS_ALIGNED((uint64_t)vm.msr_bitmap, PAGE_SIZE));
}

static void there_is_room_for_so_many_ranges(void **state)
{
    (void)state;
    hpa_t hpa;

    for (unsigned i = 0; i < VM_MAX_RANGES; i++) {
        (void)add(0x100000 + i * 0x10000, 1);
    }
    assert_int_equal(page_take(1, PAGE_SIZE, PAGES_ANYWHERE, &hpa), STATUS_OK);
    assert_int_equal(vm_add_memory(&vm, GPA(0x800000), hpa, PAGE_SIZE), STATUS_NO_MEMORY);
    page_give(hpa, 1);
    assert_null(guest_access(&vm, GPA(0x800000), 1));
}

/* Whichever allocation fails, all is given back: destroy_vm() counts. */
static void every_failure_gives_all_back(void **state)
{
    (void)state;
    for (unsigned successes = 0; successes < 8; successes++) {
        struct vm other;
        uint64_t before = pages_free();
        hpa_t hpa = {0};
        enum status status;

        takes_until_failure = successes;
        status = vm_create(&other, 1, "other", &operation, why, sizeof(why));
        if (status == STATUS_OK) {
            status = page_take(2, PAGE_SIZE, PAGES_ANYWHERE, &hpa);
        }
        if (status == STATUS_OK) {
            status = vm_add_memory(&other, GPA(0x100000), hpa, 2 * PAGE_SIZE);
            if (status != STATUS_OK) {
                page_give(hpa, 2);
            }
        }
        assert_int_equal(status, successes < 7 ? STATUS_NO_MEMORY : STATUS_OK);
        vm_destroy(&other);
        takes_until_failure = 10000;
        assert_int_equal(pages_free(), before);
    }
}

static void the_first_end_counts(void **state)
{
    (void)state;
    struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

    vcpu->vm = &vm;
    assert_int_equal(vm_stop(vcpu, true, 7, "first at 0x%lx", UINT64_C(0x1234)), ACTION_STOP);
    assert_int_equal(vm_stop(vcpu, false, 0, "second"), ACTION_STOP);
    assert_true(vm.end.ended && vm.end.failed);
    assert_int_equal(vm.end.code, 7);
    assert_string_equal(vm.end.why, "first at 0x1234");
    free(vcpu);
}

static void a_long_reason_is_cut(void **state)
{
    (void)state;
    struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

    vcpu->vm = &vm;
    (void)vm_stop(vcpu, false, 0, "%0200u", 0);
    assert_int_equal(strnlen(vm.end.why, sizeof(vm.end.why)), sizeof(vm.end.why) - 1);
    free(vcpu);
}

#define WITH_VM(test) cmocka_unit_test_setup_teardown(test, make_vm, destroy_vm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VM(an_empty_vm_has_no_memory),
        WITH_VM(an_access_stays_within_one_range),
        WITH_VM(ranges_are_not_joined),
        WITH_VM(lengths_and_addresses_do_not_wrap),
        WITH_VM(ept_maps_what_is_accessed),
        WITH_VM(memory_has_the_type_that_the_mtrrs_give_to_it),
        WITH_VM(the_ept_pointer_says_what_the_processor_can),
        WITH_VM(abilities_are_read_from_the_capability_msr),
        WITH_VM(without_ept_there_is_no_vm),
        WITH_VM(bitmaps_start_as_they_should),
        WITH_VM(there_is_room_for_so_many_ranges),
        WITH_VM(every_failure_gives_all_back),
        WITH_VM(the_first_end_counts),
        WITH_VM(a_long_reason_is_cut),
    };

    return cmocka_run_group_tests_name("guest_memory", tests, NULL, NULL);
}
