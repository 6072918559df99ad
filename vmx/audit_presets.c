/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests of other modes, as steps that make them of a guest in 64-bit mode whose data segments are
 * usable and whose FS, GS and LDTR are not. Pure.
 */
#include "vmx/audit_presets.h"
#include "vmx/audit_rule.h"

#define END STEP(STEP_END, 0, 0, 0)

/* SDM vol. 3C, "Guest Register State", the table of access rights. */
#define RIGHTS_CODE_32   0xC09B
#define RIGHTS_CODE_64_3 0xA0FB
#define RIGHTS_DATA      0xC093
#define RIGHTS_DATA_3    0xC0F3
#define RIGHTS_LDT       0x0082
#define RIGHTS_V86       0x00F3

#define NO_LONG_MODE                                                                               \
    OFF(ENTRY, ENTRY_IA32E_GUEST), CLEAR(GUEST_EFER, EFER_LME | EFER_LMA),                         \
        SET(GUEST_CS_AR, RIGHTS_CODE_32), LOWER(GUEST_CR4, 17)

static const audit_step protected_mode[] = {NO_LONG_MODE, CLEAR(GUEST_CR4, CR4_PAE), END};

static const audit_step pae[] = {
    NO_LONG_MODE,
    RAISE(GUEST_CR4, 5),
    SET(GUEST_PDPTE0, 0),
    SET(GUEST_PDPTE1, 0),
    SET(GUEST_PDPTE2, 0),
    SET(GUEST_PDPTE3, 0),
    END,
};

#define V86_SEGMENT(R)                                                                             \
    SET(GUEST_##R##_SELECTOR, 0x1000), SET(GUEST_##R##_BASE, 0x10000),                             \
        SET(GUEST_##R##_LIMIT, 0xFFFF), SET(GUEST_##R##_AR, RIGHTS_V86)

static const audit_step v86[] = {
    NO_LONG_MODE,
    CLEAR(GUEST_CR4, CR4_PAE),
    RAISE(GUEST_RFLAGS, 17),
    V86_SEGMENT(CS),
    V86_SEGMENT(SS),
    V86_SEGMENT(DS),
    V86_SEGMENT(ES),
    V86_SEGMENT(FS),
    V86_SEGMENT(GS),
    END,
};

static const audit_step real[] = {
    ON(SECONDARY, SECONDARY_UNRESTRICTED),
    NO_LONG_MODE,
    CLEAR(GUEST_CR4, CR4_PAE),
    LOWER(GUEST_CR0, 31),
    LOWER(GUEST_CR0, 0),
    END,
};

static const audit_step unpaged[] = {
    ON(SECONDARY, SECONDARY_UNRESTRICTED),
    NO_LONG_MODE,
    CLEAR(GUEST_CR4, CR4_PAE),
    LOWER(GUEST_CR0, 31),
    END,
};

static const audit_step ring_3[] = {
    SET(GUEST_CS_AR, RIGHTS_CODE_64_3),
    SET(GUEST_SS_AR, RIGHTS_DATA_3),
    OR(GUEST_CS_SELECTOR, 3),
    OR(GUEST_SS_SELECTOR, 3),
    END,
};

static const audit_step ldt[] = {
    SET(GUEST_LDTR_AR, RIGHTS_LDT),
    SET(GUEST_LDTR_LIMIT, 0xFFF),
    SET(GUEST_LDTR_BASE, 0),
    SET(GUEST_LDTR_SELECTOR, 0x20),
    END,
};

static const audit_step fs[] = {
    SET(GUEST_FS_AR, RIGHTS_DATA),
    SET(GUEST_GS_AR, RIGHTS_DATA),
    END,
};

const audit_step *const audit_presets[PRESETS] = {
    [PRESET_PROTECTED] = protected_mode,
    [PRESET_PAE] = pae,
    [PRESET_V86] = v86,
    [PRESET_REAL] = real,
    [PRESET_UNPAGED] = unpaged,
    [PRESET_RING_3] = ring_3,
    [PRESET_LDT] = ldt,
    [PRESET_FS] = fs,
};
