/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/audit_msrs.h"

#include "kernel/fault.h"
#include "vmx/controls.h"

/* SDM vol. 4, "IA-32 Architectural MSRs". */
struct loaded {
    uint32_t msr;
    uint8_t guest, host; /* fields; AUDIT_NO_FIELD: there is none */
    uint32_t control;    /* of VM entry, that loads it */
};

#define LOADED(msr, guest, host, control)                                                          \
    (struct loaded)                                                                                \
    {                                                                                              \
        msr, guest, host, (uint32_t)(control)                                                      \
    }

static const struct loaded loads_of[AUDIT_MSRS] = {
    LOADED(0x38F, INDEX_GUEST_PERF_GLOBAL_CTRL, INDEX_HOST_PERF_GLOBAL_CTRL,
           ENTRY_LOAD_PERF_GLOBAL_CTRL),
    LOADED(0xD90, INDEX_GUEST_BNDCFGS, AUDIT_NO_FIELD, ENTRY_LOAD_BNDCFGS),
    LOADED(0x6A2, INDEX_GUEST_S_CET, INDEX_HOST_S_CET, ENTRY_LOAD_CET),
    LOADED(0x6A8, INDEX_GUEST_INTERRUPT_SSP_TABLE, INDEX_HOST_INTERRUPT_SSP_TABLE, ENTRY_LOAD_CET),
    LOADED(0x6E1, INDEX_GUEST_PKRS, INDEX_HOST_PKRS, ENTRY_LOAD_PKRS),
    LOADED(0x988, INDEX_GUEST_UINV, AUDIT_NO_FIELD, ENTRY_LOAD_UINV),
    LOADED(0x14CE, INDEX_GUEST_LBR_CTL, AUDIT_NO_FIELD, ENTRY_LOAD_LBR_CTL),
    LOADED(0x570, INDEX_GUEST_RTIT_CTL, AUDIT_NO_FIELD, ENTRY_LOAD_RTIT_CTL),
};

void audit_msrs_read(struct audit_msrs *msrs, const struct audit *audit)
{
    for (unsigned i = 0; i < AUDIT_MSRS; i++) {
        msrs->known[i] = audit->present[loads_of[i].guest] &&
                         rdmsr_safe(loads_of[i].msr, &msrs->value[i]) == STATUS_OK;
    }
}

void audit_msrs_to_host(const struct audit_msrs *msrs, struct audit *audit)
{
    for (unsigned i = 0; i < AUDIT_MSRS; i++) {
        if (loads_of[i].host != AUDIT_NO_FIELD && audit->present[loads_of[i].host]) {
            audit->value[loads_of[i].host] = msrs->known[i] ? msrs->value[i] : 0;
        }
    }
}

void audit_msrs_restore(const struct audit_msrs *msrs, const struct audit *tried)
{
    for (unsigned i = 0; i < AUDIT_MSRS; i++) {
        bool loads = tried == NULL || tried->value[INDEX_ENTRY_CONTROLS] & loads_of[i].control;
        if (msrs->known[i] && loads) {
            (void)!wrmsr_safe(loads_of[i].msr, msrs->value[i]); /* it was read, so it is taken */
        }
    }
}

unsigned audit_msrs_compare(const struct audit_msrs *msrs)
{
    unsigned differ = 0;

    for (unsigned i = 0; i < AUDIT_MSRS; i++) {
        uint64_t value;
        differ += msrs->known[i] &&
                  (rdmsr_safe(loads_of[i].msr, &value) != STATUS_OK || value != msrs->value[i]);
    }
    return differ;
}
