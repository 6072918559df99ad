/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/guest_walk.h"

#include "ept/violation.h"
#include "kernel/cpu.h"
#include "kernel/string.h"

/* How a paging mode takes an address apart. */
struct guest_format {
    unsigned levels;
    unsigned index_bits; /* of an address, a level */
    unsigned entry_size; /* bytes */
    unsigned linear;     /* bits of a linear address */
};

static const struct guest_format formats[] = {
    [PAGING_NONE] = {0, 0, 0, 32}, [PAGING_32] = {2, 10, 4, 32}, [PAGING_PAE] = {3, 9, 8, 32},
    [PAGING_4] = {4, 9, 8, 48},    [PAGING_5] = {5, 9, 8, 57},
};

/* Everything that one walk works with. */
struct walk {
    const struct guest_translation *guest;
    const struct ept_rules *rules;
    const struct physical_reader *reader;
    const struct guest_format *format;
    struct guest_access access;
    struct guest_path *path;
};

enum guest_paging guest_paging_of(const struct guest_translation *guest)
{
    if (!(guest->cr0 & CR0_PG)) {
        return PAGING_NONE;
    }
    if (guest->efer & EFER_LMA) {
        return guest->cr4 & CR4_LA57 ? PAGING_5 : PAGING_4;
    }
    return guest->cr4 & CR4_PAE ? PAGING_PAE : PAGING_32;
}

static unsigned shift_of(const struct guest_format *format, unsigned level)
{
    return PAGE_SHIFT + format->index_bits * (level - 1);
}

/* The bits of an address that are its offset in a page at `level`. */
static uint64_t offset_mask(const struct guest_format *format, unsigned level)
{
    return BIT(shift_of(format, level)) - 1;
}

bool guest_is_leaf(const struct guest_translation *guest, unsigned level, uint64_t entry)
{
    enum guest_paging paging = guest_paging_of(guest);

    if (level == 1) {
        return true;
    }
    if (!(entry & GUEST_PTE_PS)) {
        return false;
    }
    if (level == 2) {
        return paging != PAGING_32 || guest->cr4 & CR4_PSE;
    }
    return level == 3 && paging >= PAGING_4 && guest->page_1g;
}

static bool no_execute(const struct guest_translation *guest)
{
    return guest->efer & EFER_NXE && guest_paging_of(guest) != PAGING_32;
}

/* The address bits above 31 that a 4-MiB page can have: they stand in bits 20:13 of its entry. */
static unsigned pse_bits(const struct guest_translation *guest)
{
    return guest->pse_36 && guest->width > 32 ? MIN(guest->width, 40U) - 32 : 0;
}

/* The bits that must be 0. SDM vol. 3A, "Paging", the tables "Format of …". A PDPTE of PAE paging
 * was judged when it was loaded. */
static uint64_t must_be_0(const struct guest_translation *guest, unsigned level, uint64_t entry)
{
    enum guest_paging paging = guest_paging_of(guest);
    bool leaf = guest_is_leaf(guest, level, entry);
    uint64_t bits;

    if (paging == PAGING_32) {
        return leaf && level == 2 ? BITS(21, 13 + pse_bits(guest)) : 0;
    }
    if (paging == PAGING_PAE && level == 3) {
        return 0;
    }
    bits = BITS(paging == PAGING_PAE ? 62 : 51, guest->width);
    bits |= no_execute(guest) ? 0 : GUEST_PTE_XD;
    if (level > 1 && leaf) {
        bits |= BITS(pt_shift(level) - 1, PAGE_SHIFT + 1); /* bit 12 is PAT */
    }
    return bits | (level > 2 && !leaf ? GUEST_PTE_PS : 0);
}

/* The address in an entry, of a table or a page. */
static uint64_t address_of(const struct walk *walk, unsigned level, uint64_t entry, bool leaf)
{
    uint64_t mask = BITS(MIN(walk->guest->width, 52U) - 1, PAGE_SHIFT);

    if (walk->path->paging == PAGING_32) {
        uint64_t high = level == 2 && leaf ? BITS(20, 13) & entry : 0;

        mask = BITS(31, PAGE_SHIFT);
        return (entry & mask & ~(leaf ? offset_mask(walk->format, level) : 0)) | high << 19;
    }
    return entry & mask & ~(leaf ? offset_mask(walk->format, level) : 0);
}

static uint32_t base_error(const struct walk *walk)
{
    bool tells_fetch = walk->guest->cr4 & CR4_SMEP || no_execute(walk->guest);

    return (uint32_t)((walk->access.write ? PF_WRITE : 0) | (walk->access.user ? PF_USER : 0) |
                      (walk->access.fetch && tells_fetch ? PF_FETCH : 0));
}

static void page_fault(const struct walk *walk, enum guest_why why, unsigned level)
{
    struct guest_path *path = walk->path;

    path->verdict = GUEST_PAGE_FAULT;
    path->why = why;
    path->level = level;
    path->error_code = base_error(walk) | (uint32_t)((why != GUEST_NOT_PRESENT ? PF_PRESENT : 0) |
                                                     (why == GUEST_RESERVED ? PF_RESERVED : 0));
}

/* A guest-physical address on its way through EPT. */
static struct ept_path reach(const struct walk *walk, gpa_t gpa, struct ept_access access)
{
    if (walk->rules == NULL) {
        return (struct ept_path){.gpa = gpa, .verdict = EPT_MAPPED, .hpa = HPA(gpa.value)};
    }
    return ept_follow(walk->rules, walk->reader, gpa, access);
}

/* The processor reads the entry, which EPT has to let it; with EPT's accessed and dirty flags on,
 * that counts as a write too. SDM vol. 3C, "Accessed and Dirty Flags for EPT". */
static bool read_entry(const struct walk *walk, struct guest_step *step)
{
    struct ept_access access = {.read = true,
                                .write = walk->rules != NULL && walk->rules->pointer & EPTP_AD};
    const void *bytes;

    step->ept = reach(walk, step->gpa, access);
    if (step->ept.verdict == EPT_MAPPED) {
        bytes = physical_at(walk->reader, step->ept.hpa, walk->format->entry_size);
        if (bytes == NULL) {
            step->ept.verdict = EPT_UNREADABLE;
        } else {
            memcpy(&step->entry, bytes, walk->format->entry_size);
            step->read = true;
        }
    }
    if (!step->read) {
        walk->path->verdict = GUEST_EPT;
        step->ept.qualification |= EPT_VIOLATION_LINEAR;
    }
    return step->read;
}

static unsigned index_of(const struct walk *walk, unsigned level)
{
    return (unsigned)(walk->path->gva.value >> shift_of(walk->format, level)) &
           (BIT(walk->format->index_bits) - 1);
}

/* What all levels together allow. */
static void add_rights(const struct walk *walk, const struct guest_step *step)
{
    struct guest_path *path = walk->path;

    if (step->in_register) { /* it has no rights */
        return;
    }
    path->writable &= (step->entry & GUEST_PTE_RW) != 0;
    path->user &= (step->entry & GUEST_PTE_US) != 0;
    path->executable &= !(no_execute(walk->guest) && step->entry & GUEST_PTE_XD);
}

/*
 * Follows the tables to a guest-physical address; false: the path has its verdict. One access a
 * level, whatever the tables hold.
 */
static bool follow_tables(const struct walk *walk)
{
    struct guest_path *path = walk->path;
    uint64_t table = path->paging >= PAGING_4
                         ? walk->guest->cr3 & BITS(MIN(walk->guest->width, 52U) - 1, PAGE_SHIFT)
                         : walk->guest->cr3 & BITS(31, PAGE_SHIFT);

    for (unsigned level = walk->format->levels;; level--) {
        struct guest_step *step = &path->steps[path->count++];
        bool leaf;

        step->level = level;
        step->gpa = GPA(table + (uint64_t)index_of(walk, level) * walk->format->entry_size);
        if (path->paging == PAGING_PAE && level == 3) {
            step->in_register = step->read = true;
            step->entry = walk->guest->pdptes[index_of(walk, level) & 3];
        } else if (!read_entry(walk, step)) {
            return false;
        }
        if (!(step->entry & GUEST_PTE_P)) {
            page_fault(walk, GUEST_NOT_PRESENT, level);
            return false;
        }
        step->reserved = step->entry & must_be_0(walk->guest, level, step->entry);
        if (step->reserved != 0) {
            page_fault(walk, GUEST_RESERVED, level);
            return false;
        }
        add_rights(walk, step);
        leaf = guest_is_leaf(walk->guest, level, step->entry);
        table = address_of(walk, level, step->entry, leaf);
        if (leaf) {
            path->page_level = level;
            path->gpa = GPA(table | (path->gva.value & offset_mask(walk->format, level)));
            return true;
        }
    }
}

/* The highest level whose entry has `bit` as `set` says: where a right was lost. */
static unsigned level_with(const struct guest_path *path, uint64_t bit, bool set)
{
    for (unsigned i = 0; i < path->count; i++) {
        const struct guest_step *step = &path->steps[i];

        if (!step->in_register && ((step->entry & bit) != 0) == set) {
            return step->level;
        }
    }
    return 0;
}

/* SDM vol. 3A, "Determination of Access Rights". */
static bool judge_rights(const struct walk *walk)
{
    const struct guest_translation *guest = walk->guest;
    const struct guest_path *path = walk->path;
    struct guest_access access = walk->access;
    bool data_of_user = !access.user && path->user && !access.fetch;

    if (access.user && !path->user) {
        page_fault(walk, GUEST_SUPERVISOR, level_with(path, GUEST_PTE_US, false));
    } else if (access.fetch && !path->executable) {
        page_fault(walk, GUEST_NO_FETCH, level_with(path, GUEST_PTE_XD, true));
    } else if (access.fetch && !access.user && path->user && guest->cr4 & CR4_SMEP) {
        page_fault(walk, GUEST_SMEP, 0);
    } else if (data_of_user && guest->cr4 & CR4_SMAP && !(guest->rflags & RFLAGS_AC)) {
        page_fault(walk, GUEST_SMAP, 0);
    } else if (access.write && !path->writable && (access.user || guest->cr0 & CR0_WP)) {
        page_fault(walk, GUEST_READ_ONLY, level_with(path, GUEST_PTE_RW, false));
    }
    return path->verdict == GUEST_MAPPED;
}

/* Whether there is such a linear address; else the path has its verdict. */
static bool judge_address(const struct walk *walk)
{
    struct guest_path *path = walk->path;
    unsigned unused = 64 - walk->format->linear;

    if (walk->format->linear == 32) {
        path->verdict = path->gva.value >> 32 == 0 ? GUEST_MAPPED : GUEST_NO_ADDRESS;
    } else if ((int64_t)(path->gva.value << unused) >> unused != (int64_t)path->gva.value) {
        path->verdict = GUEST_NOT_CANONICAL;
    }
    return path->verdict == GUEST_MAPPED;
}

/* The access itself, once the guest's tables have let it. */
static void follow_page(const struct walk *walk)
{
    struct guest_path *path = walk->path;
    struct guest_access access = walk->access;

    path->ept_reached = true;
    path->ept = reach(walk, path->gpa,
                      (struct ept_access){.read = !access.write && !access.fetch,
                                          .write = access.write,
                                          .fetch = access.fetch,
                                          .user = path->user});
    if (path->ept.verdict == EPT_MAPPED) {
        return;
    }
    path->verdict = GUEST_EPT;
    path->ept.qualification |= EPT_VIOLATION_LINEAR | EPT_VIOLATION_TRANSLATION;
    if (walk->rules->exit_information) {
        path->ept.qualification |= (path->user ? EPT_VIOLATION_GUEST_USER : 0) |
                                   (path->writable ? EPT_VIOLATION_GUEST_WRITABLE : 0) |
                                   (path->executable ? 0 : EPT_VIOLATION_GUEST_NO_FETCH);
    }
}

void guest_follow(const struct guest_translation *guest, const struct ept_rules *rules,
                  const struct physical_reader *reader, gva_t gva, struct guest_access access,
                  struct guest_path *path)
{
    enum guest_paging paging = guest_paging_of(guest);
    const struct walk walk = {.guest = guest,
                              .rules = rules,
                              .reader = reader,
                              .format = &formats[paging],
                              .access = access,
                              .path = path};

    memset(path, 0, sizeof(*path));
    path->gva = gva;
    path->paging = paging;
    path->user = path->writable = path->executable = true;
    if (!judge_address(&walk)) {
        return;
    }
    if (paging == PAGING_NONE) {
        path->gpa = GPA(gva.value);
    } else if (!follow_tables(&walk) || !judge_rights(&walk)) {
        return;
    }
    follow_page(&walk);
}

const struct ept_path *guest_failed_ept(const struct guest_path *path)
{
    return path->ept_reached ? &path->ept : &path->steps[path->count - 1].ept;
}
