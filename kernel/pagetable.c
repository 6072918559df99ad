/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be asked of tables: every range, target and attribute is judged here, before a table is
 * looked at. The changes themselves are pageedit.c's and pagejoin.c's, the reading pagewalk.c's and
 * pagerun.c's; what an entry means stands once, in the header.
 */
#include "kernel/pagetable.h"

#include "kernel/pageedit.h"

/* The bits of an address that may differ from one to another within a half of the space. */
static uint64_t width_mask(const struct pt_format *format)
{
    unsigned width = pt_shift(format->levels + 1);

    return BIT(format->width == 0 ? width : MIN(format->width, width)) - 1;
}

/* Whether `address` is one that the tables translate: the bits that select nothing are 0, or in the
 * upper half of a canonical space, all 1 as is the highest that selects. */
static bool in_space(const struct pt_format *format, uint64_t mask, uint64_t address)
{
    uint64_t above = format->canonical ? ~(mask >> 1) : ~mask;

    return (address & above) == 0 || (format->canonical && (address & above) == above);
}

static inline bool range_in_space(const struct pt_format *format, uint64_t first, uint64_t last)
{
    uint64_t mask = width_mask(format);

    return ((first | (last + 1)) & (PAGE_SIZE - 1)) == 0 && first <= last &&
           ((first ^ last) & ~mask) == 0 && in_space(format, mask, first) &&
           in_space(format, mask, last);
}

bool pt_range_in_space(const struct pt_format *format, uint64_t first, uint64_t last)
{
    return range_in_space(format, first, last);
}

/* What every change ends with. */
static inline enum status finish(struct page_table *pt, enum status status)
{
    if (pt->changes.retired != 0 && pt->flusher == NULL) {
        pt_give_retired(pt);
    }
    return status;
}

/* In tables' terms, a canonical address's upper bits select nothing. */
static enum status edit_range(struct page_table *pt, const struct pt_edit *edit, uint64_t address,
                              uint64_t length)
{
    uint64_t mask = pt_space_mask(pt->format);

    if (length == 0 && IS_ALIGNED(address, PAGE_SIZE)) {
        return STATUS_OK;
    }
    if (!pt_range_in_space(pt->format, address, address + length - 1)) {
        return STATUS_INVALID;
    }
    return finish(pt, pt_edit(pt, edit, address & mask, (address + length - 1) & mask));
}

/* Ranges of any size, and all that is refused. */
static __attribute__((noinline)) enum status map_range(struct page_table *pt, uint64_t address,
                                                       hpa_t target, uint64_t length,
                                                       uint64_t attributes)
{
    const struct pt_format *format = pt->format;
    uint64_t target_last = target.value + length - 1;
    struct pt_edit edit = {
        .aim = PT_MAP,
        .distance = target.value - (address & pt_space_mask(format)),
        .attributes = attributes,
    };

    if (length == 0 && IS_ALIGNED(address | target.value, PAGE_SIZE)) {
        return STATUS_OK;
    }
    /* Both spaces are far below 2^64: with the range in its own, the target cannot wrap. */
    if ((target.value & ~format->address) != 0 ||
        (target_last & ~(format->address | (PAGE_SIZE - 1))) != 0 ||
        (attributes & (format->address | format->leaf)) != 0 ||
        (attributes & format->present) == 0) {
        return STATUS_INVALID;
    }
    return edit_range(pt, &edit, address, length);
}

/*
 * What map_range() would do for one page of a space that is not canonical, if the tables on the way
 * to its entry are there and need not be asked for; else nothing. A guest that gets its memory page
 * by page is waiting: this is all straight on.
 */
static inline bool map_page(struct page_table *pt, uint64_t address, uint64_t target,
                            uint64_t attributes)
{
    const struct pt_format *format = pt->format;
    uint64_t *entries = pointer_to(pt->root);
    unsigned level = format->levels;

    if (!pt->memory->direct || format->canonical || (address & ~width_mask(format)) != 0 ||
        ((address | target) & ~format->address) != 0 ||
        (attributes & (format->address | format->leaf)) != 0 ||
        (attributes & format->present) == 0) {
        return false;
    }
    for (unsigned shift = pt_shift(level); shift != PAGE_SHIFT; shift -= 9) {
        uint64_t entry = entries[(address >> shift) % PT_ENTRIES];

        if ((entry & (format->table | format->leaf)) != format->table) {
            return false;
        }
        entries = pointer_to(pt_table(format, entry));
    }
    (void)pt_set(pt, &entries[pt_index(1, address)], 1, address, target | attributes);
    return true;
}

enum status pt_map(struct page_table *pt, uint64_t address, hpa_t target, uint64_t length,
                   uint64_t attributes)
{
    if (length == PAGE_SIZE && map_page(pt, address, target.value, attributes)) {
        return STATUS_OK;
    }
    return map_range(pt, address, target, length, attributes);
}

enum status pt_unmap(struct page_table *pt, uint64_t address, uint64_t length)
{
    struct pt_edit edit = {.aim = PT_UNMAP};

    return edit_range(pt, &edit, address, length);
}

enum status pt_protect(struct page_table *pt, uint64_t address, uint64_t length, uint64_t clear,
                       uint64_t set)
{
    const struct pt_format *format = pt->format;
    struct pt_edit edit = {.aim = PT_PROTECT, .clear = clear, .set = set};

    if (((clear | set) & (format->address | format->leaf)) != 0 ||
        ((format->present & ~clear) == 0 && (set & format->present) == 0)) {
        return STATUS_INVALID;
    }
    return edit_range(pt, &edit, address, length);
}

enum status pt_split(struct page_table *pt, uint64_t address, uint64_t length, unsigned level)
{
    struct pt_edit edit = {.aim = PT_SPLIT, .level = level};

    if (level == 0) {
        return STATUS_INVALID;
    }
    return edit_range(pt, &edit, address, length);
}

enum status pt_join(struct page_table *pt, uint64_t address, uint64_t length)
{
    uint64_t mask = pt_space_mask(pt->format);

    if (length == 0 && IS_ALIGNED(address, PAGE_SIZE)) {
        return STATUS_OK;
    }
    if (!pt_range_in_space(pt->format, address, address + length - 1)) {
        return STATUS_INVALID;
    }
    return finish(pt, pt_join_tables(pt, address & mask, (address + length - 1) & mask));
}
