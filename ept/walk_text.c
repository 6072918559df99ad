/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/walk_text.h"

#include "kernel/format.h"

#define WHY 106 /* beside the longest address; only an entry of five flaws is cut */

void walk_line(const struct walk_sink *sink, const char *format, ...)
{
    char line[WALK_LINE];
    va_list arguments;

    va_start(arguments, format);
    format_text_v(line, sizeof(line), format, arguments);
    va_end(arguments);
    sink->line(sink, line);
}

const char *paging_entry_name(unsigned level)
{
    static const char *const names[] = {"", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"};

    return level < ARRAY_SIZE(names) ? names[level] : "";
}

const char *ept_page_text(unsigned level)
{
    static const char *const sizes[] = {"none", "4-KiB", "2-MiB", "1-GiB"};

    return level < ARRAY_SIZE(sizes) ? sizes[level] : "none";
}

const char *memory_type_text(unsigned type)
{
    static const char *const types[8] = {"uc", "wc", "reserved", "reserved",
                                         "wt", "wp", "wb",       "reserved"};

    return types[type & 7];
}

void ept_rights_text(const struct ept_rules *rules, uint64_t entry, char text[RIGHTS_TEXT])
{
    text[0] = entry & EPT_READ ? 'r' : '-';
    text[1] = entry & EPT_WRITE ? 'w' : '-';
    text[2] = entry & EPT_EXECUTE ? 'x' : '-';
    text[3] = '\0';
    if (rules->mode_based) {
        text[2] = entry & EPT_EXECUTE ? 's' : '-';
        text[3] = entry & EPT_EXECUTE_USER ? 'u' : '-';
    }
    text[4] = '\0';
}

/* "A,D,IPAT,SVE", as many of them as are set; "none". */
static void flags_text(const struct ept_rules *rules, bool leaf, uint64_t entry, char *text,
                       size_t size)
{
    bool counted = rules->pointer & EPTP_AD;
    size_t length;

    length = format_text(text, size, "%s%s%s%s", counted && entry & EPT_ACCESSED ? ",A" : "",
                         counted && leaf && entry & EPT_DIRTY ? ",D" : "",
                         leaf && entry & EPT_IGNORE_PAT ? ",IPAT" : "",
                         leaf && entry & EPT_SUPPRESS_VE ? ",SVE" : "");
    if (length == 0) {
        format_text(text, size, ",none");
    }
}

/* "the PDE (level 2) has W without R, address beyond 39 bits". */
static void misconfiguration_text(const struct ept_path *path, const struct ept_rules *rules,
                                  char *text, size_t size)
{
    uint64_t entry = path->walk.entry[path->level];
    uint64_t bits = path->reserved & ~(BITS(51, PAGE_SHIFT) & ~BITS(rules->width - 1, 0));
    char reserved[40] = "";
    char beyond[32] = "";
    char type[20] = "";
    char flaws[112];

    if (path->flaws & EPT_FLAW_RESERVED) {
        format_text(reserved, sizeof(reserved), ", reserved bits 0x%lx", bits);
    }
    if (path->flaws & EPT_FLAW_WIDTH) {
        format_text(beyond, sizeof(beyond), ", address beyond %u bits", rules->width);
    }
    if (path->flaws & EPT_FLAW_TYPE) {
        format_text(type, sizeof(type), ", memory type %lu", FIELD_GET(EPT_MEMORY, entry));
    }
    format_text(flaws, sizeof(flaws), "%s%s%s%s%s",
                path->flaws & EPT_FLAW_WRITE ? ", W without R" : "",
                path->flaws & EPT_FLAW_EXECUTE ? ", X without R" : "", reserved, beyond, type);
    format_text(text, size, "the %s (level %u) has%s", paging_entry_name(path->level), path->level,
                flaws + 1);
}

static void violation_text(const struct ept_path *path, const struct ept_rules *rules, char *text,
                           size_t size)
{
    const char *fetch = !rules->mode_based                ? "fetch"
                        : path->denied & EPT_EXECUTE_USER ? "user fetch"
                                                          : "supervisor fetch";
    uint64_t denied;

    if (path->levels == 0) {
        unsigned levels = (unsigned)FIELD_GET(EPTP_WALK, rules->pointer) + 1;
        format_text(text, size, "beyond the %u bits that %u levels translate", levels * 9 + 12,
                    levels);
        return;
    }
    if (!path->walk.present) {
        format_text(text, size, "not present at level %u (%s)", path->level,
                    paging_entry_name(path->level));
        return;
    }
    denied = path->denied & ~path->walk.entry[path->level];
    format_text(text, size, "%s not allowed by the %s (level %u)",
                denied & EPT_READ && denied & EPT_WRITE ? "read and write"
                : denied & EPT_READ                     ? "read"
                : denied & EPT_WRITE                    ? "write"
                                                        : fetch,
                paging_entry_name(path->level), path->level);
}

/* One of the tables, or what the guest's own table turned out to be. */
static void unreadable_text(const struct ept_path *path, char *text, size_t size)
{
    if (path->walk.present) {
        format_text(text, size, "the memory 0x%lx cannot be read", path->hpa.value);
    } else {
        format_text(text, size, "the table 0x%lx at level %u is not in memory",
                    path->walk.table[path->walk.level].value, path->walk.level);
    }
}

void ept_path_why(const struct ept_path *path, const struct ept_rules *rules, char *text,
                  size_t size)
{
    switch (path->verdict) {
    case EPT_MAPPED:
        format_text(text, size, "%s", "");
        break;
    case EPT_VIOLATED:
        violation_text(path, rules, text, size);
        break;
    case EPT_MISCONFIGURED:
        misconfiguration_text(path, rules, text, size);
        break;
    case EPT_BEYOND:
        format_text(text, size, "no processor of %u address bits has this address", rules->width);
        break;
    case EPT_UNREADABLE:
        unreadable_text(path, text, size);
        break;
    case EPT_BAD_POINTER:
        format_text(text, size, "the EPT pointer 0x%lx has a walk of %lu levels", rules->pointer,
                    FIELD_GET(EPTP_WALK, rules->pointer) + 1);
        break;
    }
}

const char *ept_fault_name(enum ept_verdict verdict)
{
    static const char *const names[] = {
        [EPT_MAPPED] = "none",
        [EPT_VIOLATED] = "EPT-violation",
        [EPT_MISCONFIGURED] = "EPT-misconfiguration",
        [EPT_BEYOND] = "no-such-address",
        [EPT_UNREADABLE] = "unreadable",
        [EPT_BAD_POINTER] = "no-walk",
    };

    return names[verdict];
}

/* What follows an entry that was read. */
static const char *next_text(const struct ept_path *path, unsigned level)
{
    if (path->verdict == EPT_MISCONFIGURED && level == path->level) {
        return "misconfigured";
    }
    if (level > path->walk.level) {
        return "table";
    }
    return path->walk.present ? "page" : "nothing";
}

static void entry_line(const struct ept_path *path, const struct ept_rules *rules, unsigned level,
                       unsigned indent, const struct walk_sink *sink)
{
    uint64_t entry = path->walk.entry[level];
    bool leaf = level == path->walk.level && path->walk.present;
    bool absent = ept_kind(rules, level, entry) == PT_ABSENT;
    char rights[RIGHTS_TEXT];
    char more[32] = "";
    char flags[16];

    ept_rights_text(rules, entry, rights);
    flags_text(rules, leaf, entry, flags, sizeof(flags));
    if (leaf) {
        format_text(more, sizeof(more), " type=%s page=%s",
                    memory_type_text(FIELD_GET(EPT_MEMORY, entry)), ept_page_text(level));
    }
    walk_line(
        sink, "%*sEPT %s gpa=0x%lx level=%u entry=%s table=0x%lx value=0x%lx%s%s%s%s%s next=%s",
        (int)indent, "", paging_entry_name(level), path->gpa.value, level, paging_entry_name(level),
        path->walk.table[level].value, entry, absent ? "" : " rights=", absent ? "" : rights, more,
        absent ? "" : " flags=", absent ? "" : flags + 1, next_text(path, level));
}

void ept_path_lines(const struct ept_path *path, const struct ept_rules *rules, unsigned indent,
                    const struct walk_sink *sink)
{
    unsigned last = path->walk.readable ? path->walk.level : path->walk.level + 1;

    for (unsigned level = path->levels; level != 0 && level >= last; level--) {
        unsigned blanks = indent + 2 * (path->levels - level);

        entry_line(path, rules, level, MIN(blanks, (unsigned)WALK_INDENT), sink);
    }
}

void ept_path_outcome(const struct ept_path *path, const struct ept_rules *rules,
                      const struct walk_sink *sink)
{
    char rights[RIGHTS_TEXT];
    char why[WHY];

    if (path->verdict == EPT_MAPPED) {
        uint64_t leaf = path->walk.entry[path->walk.level];

        ept_rights_text(rules, path->rights, rights);
        walk_line(sink, "translated gpa=0x%lx hpa=0x%lx rights=%s type=%s page=%s fault=none",
                  path->gpa.value, path->hpa.value, rights,
                  memory_type_text(FIELD_GET(EPT_MEMORY, leaf)), ept_page_text(path->walk.level));
        return;
    }
    ept_path_why(path, rules, why, sizeof(why));
    if (path->verdict == EPT_VIOLATED) {
        walk_line(sink, "fault gpa=0x%lx fault=%s qual=0x%lx why=\"%s\"", path->gpa.value,
                  ept_fault_name(path->verdict), path->qualification, why);
        return;
    }
    walk_line(sink, "fault gpa=0x%lx fault=%s why=\"%s\"", path->gpa.value,
              ept_fault_name(path->verdict), why);
}
