/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability report: what a processor's VT-x can do, one record a fact. Every processor gets
 * the same facts in the same order, so that two reports line up; a fact whose MSR does not exist is
 * `absent`. Pure: vmx/caps.c reads the MSRs. SDM vol. 3D, appendix "VMX Capability Reporting
 * Facility".
 */
#ifndef VMX_CAPS_REPORT_H
#define VMX_CAPS_REPORT_H

#include "vmx/capabilities.h"

#define CAPS_FIRST_MSR MSR_IA32_VMX_BASIC
#define CAPS_MSRS      (MSR_IA32_VMX_EXIT_CTLS2 - CAPS_FIRST_MSR + 1)

/* What RDMSR and CPUID gave. Without VMX in CPUID no MSR is readable. */
struct caps_facts {
    bool vmx;                 /* CPUID.01H:ECX.VMX */
    bool has_widths;          /* there is a CPUID.80000008H, */
    uint32_t widths;          /* and this is its EAX */
    uint64_t feature_control; /* 0 where it is not readable, as each of these */
    uint64_t msr[CAPS_MSRS];  /* from CAPS_FIRST_MSR on */
    bool feature_control_readable;
    uint32_t readable; /* one bit for each of msr[] */
};

/* Takes a record without its topic, such as "secondary.pml=may-be-1 msr=0x48b bit=17". */
typedef void (*caps_sink)(void *context, const char *record);

void caps_report(const struct caps_facts *facts, caps_sink sink, void *context);

#endif
