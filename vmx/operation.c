/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/operation.h"

#include "kernel/fault.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "vmx/vmcs.h"

#define CPUID_HYPERVISOR_VENDOR 0x40000000

void vmx_facts_read(struct vmx_facts *facts)
{
    *facts = (struct vmx_facts){.leaf0 = cpuid(0, 0), .leaf1 = cpuid(1, 0)};
    if (facts->leaf1.ecx & CPUID_1_ECX_HYPERVISOR) {
        struct cpuid vendor = cpuid(CPUID_HYPERVISOR_VENDOR, 0);
        memcpy(facts->hypervisor, &vendor.ebx, 12);
    }
    if (facts->leaf1.ecx & CPUID_1_ECX_VMX) {
        facts->feature_control_read =
            rdmsr_safe(MSR_IA32_FEATURE_CONTROL, &facts->feature_control) == STATUS_OK;
    }
}

enum status vmx_probe(char *why, size_t size)
{
    struct vmx_facts facts;
    struct vmx_offer offer;

    vmx_facts_read(&facts);
    offer = vmx_offer_decide(&facts);
    if (offer.must_enable && wrmsr_safe(MSR_IA32_FEATURE_CONTROL, offer.enable) != STATUS_OK) {
        offer.available = false;
        string_copy(offer.sentence, sizeof(offer.sentence),
                    "IA32_FEATURE_CONTROL is unlocked, but refuses to be written");
    }
    log_line("vmx", "%s%s", offer.available ? "" : "no VT-x: ", offer.sentence);
    string_copy(why, size, offer.available ? "" : "no VT-x");
    return offer.available ? STATUS_OK : STATUS_UNSUPPORTED;
}

/* STATUS_FAULT: #GP or #UD; STATUS_INVALID: VMfail. SDM vol. 3C, "VMXON—Enter VMX Operation". */
static enum status vmxon(hpa_t region)
{
    bool failed;

    __asm__ goto volatile("1: vmxon %1\n\t" FIXUP(fault)
                          : "=@ccbe"(failed)
                          : "m"(region.value)
                          : "memory"
                          : fault);
    return failed ? STATUS_INVALID : STATUS_OK;
fault:
    return STATUS_FAULT;
}

static void restore_registers(const struct vmx_operation *operation)
{
    write_cr4(operation->cr4);
    write_cr0(operation->cr0);
}

enum status vmx_enter_operation(struct vmx_operation *operation, bool verbose)
{
    const struct vmx_capabilities *capabilities = &operation->capabilities;
    enum status status = page_take_cleared(&operation->vmxon_region);

    if (status != STATUS_OK) {
        log_line("vmx", "no page for the VMXON region: %s", status_text(status));
        return status;
    }
    vmx_capabilities_read(&operation->capabilities);
    mtrr_read(&operation->mtrrs);
    if (verbose) {
        vmx_capabilities_log(capabilities);
        mtrr_log(&operation->mtrrs);
    }
    *(uint32_t *)operation->vmxon_region =
        (uint32_t)FIELD_GET(VMX_BASIC_REVISION, capabilities->basic);

    operation->cr0 = read_cr0();
    operation->cr4 = read_cr4();
    write_cr0((operation->cr0 | capabilities->cr0_fixed0) & capabilities->cr0_fixed1);
    write_cr4((operation->cr4 | CR4_VMXE | capabilities->cr4_fixed0) & capabilities->cr4_fixed1);
    log_line("vmx", "CR0 and CR4 fixed bits and CR4.VMXE set cr0=0x%lx cr4=0x%lx", read_cr0(),
             read_cr4());

    status = vmxon(hpa_of(operation->vmxon_region));
    if (status != STATUS_OK) {
        log_line("vmx", "VMXON refused answer=%s region=0x%lx cr0=0x%lx cr4=0x%lx",
                 status == STATUS_FAULT ? "#GP" : "VMfailInvalid",
                 hpa_of(operation->vmxon_region).value, read_cr0(), read_cr4());
        restore_registers(operation);
        page_give(hpa_of(operation->vmxon_region), 1);
        return STATUS_INVALID;
    }
    log_line("vmx", "VMXON region=0x%lx", hpa_of(operation->vmxon_region).value);
    return STATUS_OK;
}

void vmx_leave_operation(struct vmx_operation *operation)
{
    bool failed;

    __asm__ volatile("vmxoff" : "=@ccbe"(failed) : : "memory");
    if (failed) {
        panic("VMXOFF failed cr4=0x%lx", read_cr4());
    }
    restore_registers(operation);
    page_give(hpa_of(operation->vmxon_region), 1);
    log_line("vmx", "VMXOFF, CR4.VMXE clear cr0=0x%lx cr4=0x%lx", read_cr0(), read_cr4());
}
