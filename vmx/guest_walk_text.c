/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/guest_walk_text.h"

#include "kernel/cpu.h"
#include "kernel/format.h"

#define WHY 85 /* beside the longest addresses and the name of a fault; */
#define EPT_WHY                                                                                    \
    64 /* the same, within a sentence. What is longer is cut: an entry of many flaws               \
        */

const char *guest_paging_text(enum guest_paging paging)
{
    static const char *const names[] = {
        [PAGING_NONE] = "none", [PAGING_32] = "32-bit", [PAGING_PAE] = "PAE",
        [PAGING_4] = "4-level", [PAGING_5] = "5-level",
    };

    return names[paging];
}

void guest_rules_text(const struct guest_translation *guest, char text[GUEST_RULES_TEXT])
{
    size_t length;

    length = format_text(text, GUEST_RULES_TEXT, "%s%s%s%s%s%s", guest->cr0 & CR0_WP ? "WP," : "",
                         guest->cr4 & CR4_PSE && guest_paging_of(guest) == PAGING_32 ? "PSE," : "",
                         guest->cr4 & CR4_SMEP ? "SMEP," : "", guest->cr4 & CR4_SMAP ? "SMAP," : "",
                         guest->cr4 & (CR4_PKE | CR4_PKS) ? "keys," : "",
                         guest->efer & EFER_NXE ? "NXE," : "");
    if (length == 0) {
        length = format_text(text, GUEST_RULES_TEXT, "none,");
    }
    text[length - 1] = '\0'; /* the last comma */
}

/* "rwxu": what the bits allow; `u`: users too. */
static void rights_text(bool writable, bool executable, bool user, char text[RIGHTS_TEXT])
{
    text[0] = 'r';
    text[1] = writable ? 'w' : '-';
    text[2] = executable ? 'x' : '-';
    text[3] = user ? 'u' : '-';
    text[4] = '\0';
}

static void entry_rights_text(const struct guest_translation *guest, uint64_t entry,
                              char text[RIGHTS_TEXT])
{
    bool execute = !(guest->efer & EFER_NXE) || !(entry & GUEST_PTE_XD);

    rights_text(entry & GUEST_PTE_RW, execute, entry & GUEST_PTE_US, text);
}

static const char *page_text(enum guest_paging paging, unsigned level)
{
    return paging == PAGING_32 && level == 2 ? "4-MiB" : ept_page_text(level);
}

static void page_fault_text(const struct guest_path *path, const struct guest_step *last,
                            char *text, size_t size)
{
    const char *name = paging_entry_name(path->level);

    switch (path->why) {
    case GUEST_NOT_PRESENT:
        format_text(text, size, "not present at level %u (the guest's %s)", path->level, name);
        break;
    case GUEST_RESERVED:
        format_text(text, size, "the guest's %s (level %u) has reserved bits 0x%lx", name,
                    path->level, last->reserved);
        break;
    case GUEST_SUPERVISOR:
        format_text(text, size, "users not allowed by the guest's %s (level %u)", name,
                    path->level);
        break;
    case GUEST_READ_ONLY:
        format_text(text, size, "write not allowed by the guest's %s (level %u)", name,
                    path->level);
        break;
    case GUEST_NO_FETCH:
        format_text(text, size, "fetch not allowed by the guest's %s (level %u)", name,
                    path->level);
        break;
    case GUEST_SMEP:
        format_text(text, size, "a supervisor's fetch from a user page, with SMEP");
        break;
    case GUEST_SMAP:
        format_text(text, size, "a supervisor's access to a user page, with SMAP and AC clear");
        break;
    }
}

static void ept_text(const struct guest_path *path, const struct ept_rules *rules, char *text,
                     size_t size)
{
    char why[EPT_WHY];

    ept_path_why(guest_failed_ept(path), rules, why, sizeof(why));
    if (path->ept_reached) {
        format_text(text, size, "%s", why);
    } else {
        format_text(text, size, "reading the guest's %s: %s",
                    paging_entry_name(path->steps[path->count - 1].level), why);
    }
}

void guest_path_why(const struct guest_path *path, const struct guest_translation *guest,
                    const struct ept_rules *rules, char *text, size_t size)
{
    switch (path->verdict) {
    case GUEST_MAPPED:
        format_text(text, size, "%s", "");
        break;
    case GUEST_PAGE_FAULT:
        page_fault_text(path, &path->steps[path->count - 1], text, size);
        break;
    case GUEST_NOT_CANONICAL:
        format_text(text, size, "not canonical: bits 63:%u are not all the same",
                    path->paging == PAGING_5 ? 56 : 47);
        break;
    case GUEST_NO_ADDRESS:
        format_text(text, size, "linear addresses have 32 bits with %s",
                    guest->cr0 & CR0_PG ? "this paging" : "paging off");
        break;
    case GUEST_EPT:
        ept_text(path, rules, text, size);
        break;
    }
}

/* Flags that are on, and the protection key of a leaf where keys are on. */
static void flags_text(const struct guest_translation *guest, const struct guest_step *step,
                       bool leaf, char *text, size_t size)
{
    uint64_t entry = step->entry;
    size_t length;

    if (step->in_register) {
        text[0] = '\0';
        return;
    }
    length = format_text(text, size, " flags=%s%s%s", entry & GUEST_PTE_A ? "A," : "",
                         leaf && entry & GUEST_PTE_D ? "D," : "",
                         leaf && entry & GUEST_PTE_G ? "G," : "");
    if (text[length - 1] == '=') {
        length += format_text(text + length, size - length, "none");
    } else {
        text[--length] = '\0'; /* the last comma */
    }
    if (leaf && guest->cr4 & (CR4_PKE | CR4_PKS) && guest_paging_of(guest) >= PAGING_4) {
        format_text(text + length, size - length, " pkey=%lu", FIELD_GET(GUEST_PTE_KEY, entry));
    }
}

static void entry_line(const struct guest_path *path, const struct guest_translation *guest,
                       const struct guest_step *step, unsigned indent, const struct walk_sink *sink)
{
    const char *name = paging_entry_name(step->level);
    bool present = step->entry & GUEST_PTE_P;
    bool leaf = present && path->page_level == step->level;
    char rights[RIGHTS_TEXT];
    char place[48] = "";
    char flags[32] = "";
    char page[16] = "";

    if (!step->in_register) {
        format_text(place, sizeof(place), " gpa=0x%lx", step->gpa.value);
    }
    if (!step->read) {
        walk_line(sink, "%*sguest %s of=guest level=%u entry=%s%s next=fault", (int)indent, "",
                  name, step->level, name, place);
        return;
    }
    if (!step->in_register) {
        format_text(place, sizeof(place), " gpa=0x%lx hpa=0x%lx", step->gpa.value,
                    step->ept.hpa.value);
    }
    if (present) {
        entry_rights_text(guest, step->entry, rights);
        flags_text(guest, step, leaf, flags, sizeof(flags));
    }
    if (leaf) {
        format_text(page, sizeof(page), " page=%s", page_text(path->paging, step->level));
    }
    walk_line(sink, "%*sguest %s of=guest level=%u entry=%s%s value=0x%lx%s%s%s%s next=%s",
              (int)indent, "", name, step->level, name, place, step->entry,
              present && !step->in_register ? " rights=" : "",
              present && !step->in_register ? rights : "", flags, page,
              !present              ? "nothing"
              : step->reserved != 0 ? "reserved"
              : leaf                ? "page"
                                    : "table");
}

static void outcome_line(const struct guest_path *path, const struct guest_translation *guest,
                         const struct ept_rules *rules, const struct walk_sink *sink)
{
    char why[WHY];

    guest_path_why(path, guest, rules, why, sizeof(why));
    if (path->verdict == GUEST_PAGE_FAULT) {
        walk_line(sink, "fault gva=0x%lx fault=#PF error=0x%x why=\"%s\"", path->gva.value,
                  path->error_code, why);
    } else if (path->verdict == GUEST_EPT) {
        const struct ept_path *ept = guest_failed_ept(path);
        char qualification[32] = "";

        if (ept->verdict == EPT_VIOLATED) {
            format_text(qualification, sizeof(qualification), " qual=0x%lx", ept->qualification);
        }
        walk_line(sink, "fault gva=0x%lx gpa=0x%lx fault=%s%s why=\"%s\"", path->gva.value,
                  ept->gpa.value, ept_fault_name(ept->verdict), qualification, why);
    } else {
        walk_line(sink, "fault gva=0x%lx fault=%s why=\"%s\"", path->gva.value,
                  path->verdict == GUEST_NOT_CANONICAL ? "#GP" : "no-such-address", why);
    }
}

static void mapped_line(const struct guest_path *path, const struct ept_rules *rules,
                        const struct walk_sink *sink)
{
    const struct ept_path *ept = &path->ept;
    char rights[RIGHTS_TEXT];
    char guest_rights[RIGHTS_TEXT];

    ept_rights_text(rules, ept->rights, rights);
    rights_text(path->writable, path->executable, path->user, guest_rights);
    walk_line(sink,
              "translated gva=0x%lx gpa=0x%lx hpa=0x%lx guest-rights=%s guest-page=%s rights=%s "
              "type=%s page=%s fault=none",
              path->gva.value, path->gpa.value, ept->hpa.value, guest_rights,
              page_text(path->paging, path->page_level), rights,
              memory_type_text(FIELD_GET(EPT_MEMORY, ept->walk.entry[ept->walk.level])),
              ept_page_text(ept->walk.level));
}

void guest_path_lines(const struct guest_path *path, const struct guest_translation *guest,
                      const struct ept_rules *rules, bool whole, const struct walk_sink *sink)
{
    unsigned indent = 0;

    for (unsigned i = 0; i < path->count; i++, indent += 2) {
        const struct guest_step *step = &path->steps[i];

        entry_line(path, guest, step, indent, sink);
        if (!step->in_register && (whole || !step->read)) {
            ept_path_lines(&step->ept, rules, indent + 2, sink);
        }
    }
    if (path->ept_reached) {
        ept_path_lines(&path->ept, rules, MIN(indent, 6U), sink);
    }
    if (path->verdict == GUEST_MAPPED) {
        mapped_line(path, rules, sink);
    } else {
        outcome_line(path, guest, rules, sink);
    }
}
