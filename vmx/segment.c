/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/segment.h"

#include "kernel/format.h"

/* Of each segment, the distance of its fields from those of ES: the VMCS has them in the order of
 * the hardware's numbers. */
static const struct {
    char name[5];
    uint8_t number;
} segments[SEGMENTS] = {{"cs", 1}, {"ss", 2}, {"ds", 3},   {"es", 0},
                        {"fs", 4}, {"gs", 5}, {"ldtr", 6}, {"tr", 7}};

#define ASSERT_ORDER(part)                                                                         \
    _Static_assert(INDEX_GUEST_CS_##part == INDEX_GUEST_ES_##part + 1 &&                           \
                       INDEX_GUEST_SS_##part == INDEX_GUEST_ES_##part + 2 &&                       \
                       INDEX_GUEST_DS_##part == INDEX_GUEST_ES_##part + 3 &&                       \
                       INDEX_GUEST_FS_##part == INDEX_GUEST_ES_##part + 4 &&                       \
                       INDEX_GUEST_GS_##part == INDEX_GUEST_ES_##part + 5 &&                       \
                       INDEX_GUEST_LDTR_##part == INDEX_GUEST_ES_##part + 6 &&                     \
                       INDEX_GUEST_TR_##part == INDEX_GUEST_ES_##part + 7,                         \
                   "the segments in the hardware's order")
ASSERT_ORDER(SELECTOR);
ASSERT_ORDER(BASE);
ASSERT_ORDER(LIMIT);
ASSERT_ORDER(AR);

unsigned segment_field(unsigned segment, enum segment_part part)
{
    static const uint8_t of_es[SEGMENT_PARTS] = {
        [SEGMENT_SELECTOR] = INDEX_GUEST_ES_SELECTOR,
        [SEGMENT_BASE] = INDEX_GUEST_ES_BASE,
        [SEGMENT_LIMIT] = INDEX_GUEST_ES_LIMIT,
        [SEGMENT_RIGHTS] = INDEX_GUEST_ES_AR,
    };

    return of_es[part] + segments[segment].number;
}

/* SDM vol. 3A, "System Descriptor Types". */
static const char *const system_types[16] = {
    [0] = "reserved type 0",
    [1] = "available 16-bit TSS",
    [2] = "LDT",
    [3] = "busy 16-bit TSS",
    [4] = "16-bit call gate",
    [5] = "task gate",
    [6] = "16-bit interrupt gate",
    [7] = "16-bit trap gate",
    [8] = "reserved type 8",
    [9] = "available 32/64-bit TSS",
    [10] = "reserved type 10",
    [11] = "busy 32/64-bit TSS",
    [12] = "32/64-bit call gate",
    [13] = "reserved type 13",
    [14] = "32/64-bit interrupt gate",
    [15] = "32/64-bit trap gate",
};

/* SDM vol. 3A, "Code- and Data-Segment Descriptor Types". */
#define TYPE_ACCESSED BIT(0)
#define TYPE_WRITE    BIT(1) /* of code: read */
#define TYPE_DOWN     BIT(2) /* of code: conforming */
#define TYPE_CODE     BIT(3)

static size_t type_text(uint64_t rights, char *text, size_t size)
{
    static const char *const kinds[] = {"read-only data", "read/write data", "execute-only code",
                                        "execute/read code"};
    bool code = rights & TYPE_CODE;

    if (!(rights & RIGHTS_S)) {
        return format_text(text, size, "%s", system_types[FIELD_GET(RIGHTS_TYPE, rights)]);
    }
    return format_text(text, size, "%s%s%s", kinds[(code ? 2 : 0) + (rights & TYPE_WRITE ? 1 : 0)],
                       !(rights & TYPE_DOWN) ? ""
                       : code                ? ", conforming"
                                             : ", expand-down",
                       rights & TYPE_ACCESSED ? ", accessed" : "");
}

void segment_rights_text(uint64_t rights, char *text, size_t size)
{
    char type[48];
    if (rights == RIGHTS_UNUSABLE) {
        format_text(text, size, "unusable");
        return;
    }
    type_text(rights, type, sizeof(type));
    format_text(text, size, "%s%s, %s, DPL %lu%s%s%s%s%s",
                rights & RIGHTS_UNUSABLE ? "unusable, " : "", type,
                rights & RIGHTS_P ? "present" : "not present", FIELD_GET(RIGHTS_DPL, rights),
                rights & RIGHTS_AVL ? ", AVL" : "", rights & RIGHTS_L ? ", L" : "",
                rights & RIGHTS_DB ? ", D/B" : "", rights & RIGHTS_G ? ", G" : "",
                rights & RIGHTS_RESERVED ? ", reserved" : "");
}

void segment_text(unsigned segment, const uint64_t value[SEGMENT_PARTS], size_t room,
                  struct segment_lines *lines)
{
    size_t size = MIN(room + 1, sizeof(lines->first));
    const char *name = segments[segment].name;
    uint64_t rights = value[SEGMENT_RIGHTS];
    char where[80];
    char meaning[128];
    size_t length;

    segment_rights_text(rights, meaning, sizeof(meaning));
    format_text(where, sizeof(where), " selector=0x%lx base=0x%lx limit=0x%lx",
                value[SEGMENT_SELECTOR], value[SEGMENT_BASE], value[SEGMENT_LIMIT]);
    lines->second[0] = '\0';
    length = format_text(lines->first, size, " segment=%s%s rights=0x%lx meaning=\"%s\"", name,
                         where, rights, meaning);
    if (length > room) {
        format_text(lines->first, size, " segment=%s%s", name, where);
        format_text(lines->second, size, " segment=%s rights=0x%lx meaning=\"%s\"", name, rights,
                    meaning);
    }
}
