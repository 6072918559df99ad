/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/host_state.h"

#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/string.h"
#include "vmx/mutant.h"

#define CPUID_XSTATE_XSAVES BIT(3) /* leaf 0DH, subleaf 1, EAX */

static void find_features(struct host_state *host)
{
    host->has_xsave = read_cr4() & CR4_OSXSAVE;
    host->has_xss =
        host->has_xsave && cpuid(0, 0).eax >= 0xD && cpuid(0xD, 1).eax & CPUID_XSTATE_XSAVES;
    host->has_tscp = cpuid(0x80000001, 0).edx & CPUID_80000001_EDX_TSCP;
}

void host_state_save(struct host_state *host)
{
    find_features(host);
    host->gdtr = read_gdtr(); /* VM exit sets both limits to FFFFH */
    host->idtr = read_idtr();
    host->dr[0] = read_dr0();
    host->dr[1] = read_dr1();
    host->dr[2] = read_dr2();
    host->dr[3] = read_dr3();
    host->dr6 = read_dr6();
    host->dr7 = read_dr7();
    host->cr2 = read_cr2();
    host->cr8 = read_cr8();
    host->xcr0 = host->has_xsave ? xgetbv(0) : 0;
    host->xss = host->has_xss ? rdmsr(MSR_IA32_XSS) : 0;
    host->has_debugctl = rdmsr_safe(MSR_IA32_DEBUGCTL, &host->debugctl) == STATUS_OK;
    host->star = rdmsr(MSR_IA32_STAR);
    host->lstar = rdmsr(MSR_IA32_LSTAR);
    host->cstar = rdmsr(MSR_IA32_CSTAR);
    host->fmask = rdmsr(MSR_IA32_FMASK);
    host->kernel_gs_base = rdmsr(MSR_IA32_KERNEL_GS_BASE);
    host->tsc_aux = host->has_tscp ? rdmsr(MSR_IA32_TSC_AUX) : 0;
    host->sysenter_cs = rdmsr(MSR_IA32_SYSENTER_CS);
    host->sysenter_esp = rdmsr(MSR_IA32_SYSENTER_ESP);
    host->sysenter_eip = rdmsr(MSR_IA32_SYSENTER_EIP);
    host->pat = rdmsr(MSR_IA32_PAT);
    host->efer = rdmsr(MSR_IA32_EFER);
}

void host_state_restore(const struct host_state *host)
{
    write_gdtr(host->gdtr);
    write_idtr(host->idtr);
    write_dr0(host->dr[0]);
    write_dr1(host->dr[1]);
    write_dr2(host->dr[2]);
    write_dr3(MUTATE(HOST_DR3, host->dr[3]));
    write_dr6(host->dr6);
    write_dr7(host->dr7);
    write_cr2(host->cr2);
    write_cr8(host->cr8);
    /* These were read from the processor, so it takes them; an emulator may still disagree. */
    if (host->has_xsave) {
        (void)!xsetbv_safe(0, host->xcr0);
    }
    if (host->has_xss) {
        (void)!wrmsr_safe(MSR_IA32_XSS, host->xss);
    }
    if (host->has_debugctl) {
        (void)!wrmsr_safe(MSR_IA32_DEBUGCTL, host->debugctl);
    }
    wrmsr(MSR_IA32_STAR, host->star);
    wrmsr(MSR_IA32_LSTAR, host->lstar);
    wrmsr(MSR_IA32_CSTAR, host->cstar);
    wrmsr(MSR_IA32_FMASK, host->fmask);
    wrmsr(MSR_IA32_KERNEL_GS_BASE, host->kernel_gs_base);
    if (host->has_tscp) {
        wrmsr(MSR_IA32_TSC_AUX, host->tsc_aux);
    }
    wrmsr(MSR_IA32_SYSENTER_CS, host->sysenter_cs);
    wrmsr(MSR_IA32_SYSENTER_ESP, host->sysenter_esp);
    wrmsr(MSR_IA32_SYSENTER_EIP, host->sysenter_eip);
    wrmsr(MSR_IA32_PAT, host->pat);
    wrmsr(MSR_IA32_EFER, host->efer);
}

struct host_field {
    const char *name;
    size_t offset, size;
};

#define FIELD(name, member)                                                                        \
    (struct host_field)                                                                            \
    {                                                                                              \
        name, offsetof(struct host_state, member), sizeof(((struct host_state *)0)->member)        \
    }

static const struct host_field fields[] = {
    FIELD("gdtr", gdtr),
    FIELD("idtr", idtr),
    FIELD("dr0-dr3", dr),
    FIELD("dr6", dr6),
    FIELD("dr7", dr7),
    FIELD("cr2", cr2),
    FIELD("cr8", cr8),
    FIELD("xcr0", xcr0),
    FIELD("xss", xss),
    FIELD("debugctl", debugctl),
    FIELD("star", star),
    FIELD("lstar", lstar),
    FIELD("cstar", cstar),
    FIELD("fmask", fmask),
    FIELD("kernel_gs_base", kernel_gs_base),
    FIELD("tsc_aux", tsc_aux),
    FIELD("sysenter_cs", sysenter_cs),
    FIELD("sysenter_esp", sysenter_esp),
    FIELD("sysenter_eip", sysenter_eip),
    FIELD("pat", pat),
    FIELD("efer", efer),
};

unsigned host_state_compare(const struct host_state *host, char *names, size_t size)
{
    struct host_state now = {0};
    unsigned differ = 0;
    size_t at = 0;

    host_state_save(&now);
    string_copy(names, size, "none");
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        const struct host_field *field = &fields[i];
        if (memcmp((const char *)host + field->offset, (const char *)&now + field->offset,
                   field->size) != 0) {
            differ++;
            at += at < size
                      ? format_text(names + at, size - at, "%s%s", at != 0 ? " " : "", field->name)
                      : 0;
        }
    }
    return differ;
}
