/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control-register accesses: checked as the processor would check them, then done through masks and
 * shadows. SDM vol. 3C, "Exit Qualification for Control-Register Accesses".
 */
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "vmx/guest_mode.h"
#include "vmx/handlers.h"
#include "vmx/inject.h"
#include "vmx/qualification.h"
#include "vmx/report.h"
#include "vmx/vmcs.h"

#define CR3_NO_FLUSH    BIT(63)
#define PDPTE_PRESENT   BIT(0)
#define PDPTE_RESERVED  (BITS(2, 1) | BITS(8, 5))
#define PAE_CR3_ADDRESS BITS(31, 5)

static bool unrestricted(const struct vcpu *vcpu)
{
    return vcpu->controls.bits[CONTROL_SECONDARY] & SECONDARY_UNRESTRICTED;
}

/* SDM vol. 3A, "PDPTE Registers": PAE paging without long mode keeps four PDPTEs in the VMCS.
 * STATUS_INVALID: one has reserved bits set; STATUS_NOT_FOUND: not in guest memory. */
static enum status load_pdptes(const struct vcpu *vcpu, uint64_t cr3, unsigned physical_width)
{
    uint64_t reserved = PDPTE_RESERVED | ~BITS(physical_width - 1, 0);
    uint64_t entries[4];
    const void *table = guest_access(vcpu->vm, GPA(cr3 & PAE_CR3_ADDRESS), sizeof(entries));

    if (table == NULL) {
        return STATUS_NOT_FOUND;
    }
    memcpy(entries, table, sizeof(entries));
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        if (entries[i] & PDPTE_PRESENT && entries[i] & reserved) {
            return STATUS_INVALID;
        }
    }
    vmwrite(VMCS_GUEST_PDPTE0, entries[0]);
    vmwrite(VMCS_GUEST_PDPTE1, entries[1]);
    vmwrite(VMCS_GUEST_PDPTE2, entries[2]);
    vmwrite(VMCS_GUEST_PDPTE3, entries[3]);
    return STATUS_OK;
}

static bool uses_pdptes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LME);
}

/* Answers for a PDPTE load that did not succeed. */
static enum action pdptes_failed(struct vcpu *vcpu, enum status status)
{
    if (status == STATUS_INVALID) {
        return inject_gp(vcpu);
    }
    vcpu_report(vcpu);
    return vm_stop(vcpu, true, 0, "PDPTEs outside the guest's memory");
}

/* LMA and the entry control follow CR0.PG where EFER.LME is set. */
static void switch_long_mode(struct vcpu *vcpu, bool on, uint64_t efer)
{
    uint32_t *entry = &vcpu->controls.bits[CONTROL_ENTRY];

    *entry = on ? *entry | ENTRY_IA32E_GUEST : *entry & ~(uint32_t)ENTRY_IA32E_GUEST;
    vmwrite(VMCS_ENTRY_CONTROLS, *entry);
    vmwrite(VMCS_GUEST_EFER, on ? efer | EFER_LMA : efer & ~EFER_LMA);
}

static enum action write_guest_cr0(struct vcpu *vcpu, uint64_t value)
{
    struct guest_mode mode = guest_mode_read(vcpu);
    uint64_t real = value & ~(CR0_CD | CR0_NW); /* an exit would leave these to the hypervisor */
    bool paging_changes = (value ^ mode.cr0) & CR0_PG;
    bool reloads_pdptes = (value ^ mode.cr0) & (CR0_PG | CR0_CD | CR0_NW);

    if (!guest_cr0_valid(&mode, value)) {
        return inject_gp(vcpu);
    }
    if ((value & (CR0_PE | CR0_PG)) != (CR0_PE | CR0_PG) && !unrestricted(vcpu)) {
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "CR0=0x%lx needs secondary.unrestricted", value);
    }
    if (reloads_pdptes && uses_pdptes(value, mode.cr4, mode.efer)) {
        enum status status = load_pdptes(vcpu, mode.cr3, mode.physical_width);
        if (status != STATUS_OK) {
            return pdptes_failed(vcpu, status);
        }
    }
    if (paging_changes && mode.efer & EFER_LME) {
        switch_long_mode(vcpu, value & CR0_PG, mode.efer);
    }
    vmwrite(VMCS_CR0_SHADOW, value | CR0_ET);
    vmwrite(VMCS_GUEST_CR0, (real | vcpu->cr0_fixed0) & vcpu->cr0_fixed1);
    guest_tlb_flush(vcpu);
    return ACTION_ADVANCE;
}

static enum action write_guest_cr3(struct vcpu *vcpu, uint64_t value)
{
    struct guest_mode mode = guest_mode_read(vcpu);
    bool keep_tlb = mode.cr4 & CR4_PCIDE && value & CR3_NO_FLUSH;

    if (!guest_cr3_valid(&mode, value)) {
        return inject_gp(vcpu);
    }
    if (uses_pdptes(mode.cr0, mode.cr4, mode.efer)) {
        enum status status = load_pdptes(vcpu, value, mode.physical_width);
        if (status != STATUS_OK) {
            return pdptes_failed(vcpu, status);
        }
    }
    vmwrite(VMCS_GUEST_CR3, value & ~CR3_NO_FLUSH);
    if (!keep_tlb) {
        guest_tlb_flush(vcpu);
    }
    return ACTION_ADVANCE;
}

static enum action write_guest_cr4(struct vcpu *vcpu, uint64_t value)
{
    struct guest_mode mode = guest_mode_read(vcpu);

    if (!guest_cr4_valid(&mode, value)) {
        return inject_gp(vcpu);
    }
    if (uses_pdptes(mode.cr0, value, mode.efer) && (value ^ mode.cr4) & (CR4_PAE | CR4_PGE)) {
        enum status status = load_pdptes(vcpu, mode.cr3, mode.physical_width);
        if (status != STATUS_OK) {
            return pdptes_failed(vcpu, status);
        }
    }
    vmwrite(VMCS_CR4_SHADOW, value);
    vmwrite(VMCS_GUEST_CR4, (value | vcpu->cr4_fixed0) & vcpu->cr4_fixed1);
    guest_tlb_flush(vcpu);
    return ACTION_ADVANCE;
}

static enum action write_register(struct vcpu *vcpu, unsigned cr, uint64_t value)
{
    switch (cr) {
    case 0:
        return write_guest_cr0(vcpu, value);
    case 3:
        return write_guest_cr3(vcpu, value);
    case 4:
        return write_guest_cr4(vcpu, value);
    default: /* CR8: its exiting is never asked for */
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "unhandled write of CR%u", cr);
    }
}

enum action handle_control_register(struct vcpu *vcpu)
{
    struct cr_access access = cr_access_decode(vcpu->exit->qualification);
    uint64_t cr0, value;

    switch (access.type) {
    case CR_WRITE: /* outside 64-bit code, the operand is the lower half */
        value = vcpu_gpr(vcpu, access.gpr);
        return write_register(vcpu, access.cr,
                              guest_mode_read(vcpu).code_64 ? value : value & UINT32_MAX);
    case CR_READ:
        if (access.cr == 3) {
            vcpu_set_gpr(vcpu, access.gpr, vmread(VMCS_GUEST_CR3));
            return ACTION_ADVANCE;
        }
        vcpu_report(vcpu);
        return vm_stop(vcpu, true, 0, "unhandled read of CR%u", access.cr);
    case CR_CLTS:
        return write_guest_cr0(vcpu, guest_cr0_read() & ~CR0_TS);
    case CR_LMSW: /* sets PE, MP, EM and TS; it cannot clear PE */
    default:
        cr0 = guest_cr0_read();
        return write_guest_cr0(vcpu,
                               (cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) |
                                   (access.lmsw_source & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
    }
}
