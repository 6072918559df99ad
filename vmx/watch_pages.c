/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watched pages in EPT: closed, or open to the instruction that is stepped, on the guest's own
 * memory or on a copy. Nobody but the virtual CPU that is stepped writes that memory meanwhile.
 */
#include "kernel/image.h"
#include "kernel/string.h"
#include "vmx/mutant.h"
#include "vmx/watch_state.h"

bool watch_covers(const struct watch *watch, gpa_t page)
{
    return watch->range.access != 0 && watch->range.from.value < page.value + PAGE_SIZE &&
           watch->range.from.value + watch->range.length > page.value;
}

static uint8_t *memory_of(const struct vcpu *vcpu, gpa_t page)
{
    return guest_access(vcpu->vm, page, PAGE_SIZE);
}

/* What processors do not take: fetching alone, where that is not supported. */
static bool is_refused(const struct vcpu *vcpu, uint64_t rights)
{
    return rights == EPT_EXECUTE && !(vcpu->capabilities->ept_vpid & EPT_CAP_EXECUTE_ONLY);
}

/* The rights that leave every access of a watch to fail. What processors do not take is taken away
 * too: writing without reading, and fetching alone. */
static uint64_t closed_rights(const struct vcpu *vcpu, gpa_t page)
{
    uint64_t rights = memory_of(vcpu, page) != NULL ? EPT_RWX : 0;

    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &vcpu->watching->watches[i];
        uint32_t access = watch->range.access;
        if (!watch_covers(watch, page)) {
            continue;
        }
        rights &= access & WATCH_READ ? ~(uint64_t)(EPT_READ | EPT_WRITE) : EPT_RWX;
        rights &= access & WATCH_WRITE ? ~MUTATE(WATCH, (uint64_t)EPT_WRITE) : EPT_RWX;
        rights &= access & WATCH_FETCH ? ~(uint64_t)EPT_EXECUTE : EPT_RWX;
        rights &= watch->shadow != NULL ? EPT_EXECUTE : EPT_RWX;
    }
    return is_refused(vcpu, rights) ? 0 : rights;
}

/* `rights` and what `access` takes; what processors do not take is added to. */
static uint64_t opened_rights(const struct vcpu *vcpu, uint64_t rights, uint32_t access)
{
    rights |= access & WATCH_READ ? EPT_READ : 0;
    rights |= access & WATCH_WRITE ? EPT_READ | EPT_WRITE : 0;
    rights |= access & WATCH_FETCH ? EPT_EXECUTE : 0;
    return is_refused(vcpu, rights) ? rights | EPT_READ : rights;
}

/* The breakpoints of a page share one copy. */
static uint8_t *shadow_of(const struct watch_state *state, gpa_t page)
{
    for (unsigned i = 0; i < WATCHES; i++) {
        if (watch_covers(&state->watches[i], page) && state->watches[i].shadow != NULL) {
            return state->watches[i].shadow;
        }
    }
    return NULL;
}

static void fill_shadow(const struct vcpu *vcpu, gpa_t page, uint8_t *shadow)
{
    const struct watch_state *state = vcpu->watching;

    memcpy(shadow, memory_of(vcpu, page), PAGE_SIZE);
    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch_range *range = &state->watches[i].range;
        if (watch_covers(&state->watches[i], page) && range->access == WATCH_BREAKPOINT) {
            shadow[range->from.value % PAGE_SIZE] = OPCODE_INT3;
        }
    }
}

/* The entry of the page, a leaf of 4 KiB since it is watched. */
static uint64_t *leaf_of(const struct vcpu *vcpu, gpa_t page)
{
    struct pt_walk walk = ept_walk(&vcpu->vm->ept, page);
    uint64_t *entries = pointer_to(walk.table[1]);

    return &entries[pt_index(1, page.value)];
}

static void set_page(const struct vcpu *vcpu, gpa_t page, uint64_t rights, const void *memory)
{
    uint64_t *leaf = leaf_of(vcpu, page);
    uint64_t address = vcpu->vm->ept.format.address;

    __atomic_store_n(leaf, (*leaf & ~(EPT_RWX | address)) | rights | hpa_of(memory).value,
                     __ATOMIC_RELEASE);
}

void watch_close(const struct vcpu *vcpu, gpa_t page)
{
    uint8_t *shadow = shadow_of(vcpu->watching, page);
    const uint8_t *memory = memory_of(vcpu, page);

    if (shadow != NULL) {
        fill_shadow(vcpu, page, shadow); /* the guest may have written its code */
        memory = shadow;
    }
    set_page(vcpu, page, closed_rights(vcpu, page),
             memory != NULL ? memory : vcpu->watching->copies);
}

void watch_forget(const struct vcpu *vcpu, gpa_t page)
{
    __atomic_store_n(leaf_of(vcpu, page), 0, __ATOMIC_RELEASE);
}

static struct open_page *find_open(struct watch_state *state, gpa_t page)
{
    for (unsigned i = 0; i < state->open_count; i++) {
        if (state->open[i].page.value == page.value) {
            return &state->open[i];
        }
    }
    return NULL;
}

/* The watches whose bytes on the page stay as they are, whatever the instruction. */
static uint32_t always_ignored(const struct watch_state *state, gpa_t page)
{
    uint32_t ignored = 0;

    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &state->watches[i];
        if (watch_covers(watch, page) && watch->range.policy == WATCH_IGNORE) {
            ignored |= UINT32_C(1) << i;
        }
    }
    return ignored;
}

/* What a read sees where there is no memory is all ones, as from a bus without a device. */
static uint8_t *fill_copy(struct watch_state *state, const struct open_page *open,
                          const uint8_t *memory)
{
    uint8_t *copy = state->copies + (size_t)(open - state->open) * PAGE_SIZE;

    return memory != NULL ? memcpy(copy, memory, PAGE_SIZE) : memset(copy, 0xFF, PAGE_SIZE);
}

bool watch_open(const struct vcpu *vcpu, gpa_t page, uint32_t access, const struct watch *ignored)
{
    struct watch_state *state = vcpu->watching;
    struct open_page *open = find_open(state, page);
    const uint8_t *memory = memory_of(vcpu, page);

    if (open == NULL) {
        if (state->open_count == OPEN_PAGES) {
            return false;
        }
        open = &state->open[state->open_count++];
        *open = (struct open_page){.page = page,
                                   .rights = closed_rights(vcpu, page),
                                   .ignored = always_ignored(state, page)};
    }
    open->ignored |= ignored != NULL ? UINT32_C(1) << (ignored - state->watches) : 0;
    open->rights = opened_rights(vcpu, open->rights, access);
    if (open->copy == NULL && (memory == NULL || open->ignored != 0)) {
        open->copy = fill_copy(state, open, memory);
    }
    set_page(vcpu, page, open->rights, open->copy != NULL ? open->copy : memory);
    return true;
}

/* The part of the range that lies on the page: its offset there, and its length. */
static uint64_t part_of(const struct watch_range *range, gpa_t page, uint64_t *offset)
{
    uint64_t from = MAX(range->from.value, page.value);
    uint64_t to = MIN(range->from.value + range->length, page.value + PAGE_SIZE);

    *offset = from - page.value;
    return to - from;
}

/* What the instruction wrote beside the bytes that are to be kept. */
static void merge(const struct vcpu *vcpu, const struct open_page *open)
{
    uint8_t *memory = memory_of(vcpu, open->page);

    if (open->copy == NULL || memory == NULL || !(open->rights & EPT_WRITE)) {
        return;
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        if (open->ignored & UINT32_C(1) << i) {
            uint64_t offset;
            uint64_t length = part_of(&vcpu->watching->watches[i].range, open->page, &offset);
            memcpy(open->copy + offset, memory + offset, length);
        }
    }
    memcpy(memory, open->copy, PAGE_SIZE);
}

void watch_close_open(const struct vcpu *vcpu)
{
    struct watch_state *state = vcpu->watching;

    for (unsigned i = 0; i < state->open_count; i++) {
        merge(vcpu, &state->open[i]);
        watch_close(vcpu, state->open[i].page);
    }
    state->open_count = 0;
}

void *watch_place(const struct vcpu *vcpu, gpa_t gpa)
{
    const struct open_page *open = find_open(vcpu->watching, watch_page(gpa));
    uint8_t *page =
        open != NULL && open->copy != NULL ? open->copy : memory_of(vcpu, watch_page(gpa));

    return page != NULL ? page + gpa.value % PAGE_SIZE : NULL;
}

uint64_t watch_bytes(const void *place, gpa_t gpa)
{
    uint64_t length = MIN((uint64_t)REPORT_BYTES, PAGE_SIZE - gpa.value % PAGE_SIZE);
    uint64_t value = 0;

    if (place == NULL) {
        return UINT64_MAX;
    }
    memcpy(&value, place, length);
    return value;
}

uint64_t watch_bytes_in_memory(const struct vcpu *vcpu, gpa_t gpa)
{
    return watch_bytes(guest_access(vcpu->vm, gpa, 1), gpa);
}
