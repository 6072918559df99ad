/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/offer.h"

#include "kernel/format.h"
#include "kernel/string.h"

static bool vendor_is(const struct cpuid *leaf0, const char *vendor)
{
    char text[12];

    memcpy(text, &leaf0->ebx, 4);
    memcpy(text + 4, &leaf0->edx, 4);
    memcpy(text + 8, &leaf0->ecx, 4);
    return memcmp(text, vendor, sizeof(text)) == 0;
}

/* Why there is no VT-x, for the person who wonders: most specific cause first. */
static void explain_absence(const struct vmx_facts *facts, struct vmx_offer *offer)
{
    const char *hypervisor = facts->hypervisor;

    if (facts->leaf1.ecx & CPUID_1_ECX_HYPERVISOR && strcmp(hypervisor, "TCGTCGTCGTCG") == 0) {
        format_text(offer->sentence, sizeof(offer->sentence),
                    "QEMU's software emulation (TCG) has no VT-x; use Bochs, or QEMU with KVM and "
                    "nested VMX");
    } else if (facts->leaf1.ecx & CPUID_1_ECX_HYPERVISOR && hypervisor[0] != '\0') {
        format_text(offer->sentence, sizeof(offer->sentence),
                    "the hypervisor below (%s) offers no VT-x: switch nested VMX on there",
                    hypervisor);
    } else if (vendor_is(&facts->leaf0, "AuthenticAMD") ||
               vendor_is(&facts->leaf0, "HygonGenuine")) {
        format_text(offer->sentence, sizeof(offer->sentence),
                    "an AMD processor has SVM in place of VT-x; Lintel needs an Intel one");
    } else {
        format_text(offer->sentence, sizeof(offer->sentence),
                    "this processor has no VT-x (CPUID.01H:ECX.VMX[bit 5] is 0)");
    }
}

struct vmx_offer vmx_offer_decide(const struct vmx_facts *facts)
{
    struct vmx_offer offer = {0};
    uint64_t control = facts->feature_control;

    if (!(facts->leaf1.ecx & CPUID_1_ECX_VMX)) {
        explain_absence(facts, &offer);
    } else if (!facts->feature_control_read) {
        offer.available = true;
        string_copy(offer.sentence, sizeof(offer.sentence),
                    "IA32_FEATURE_CONTROL cannot be read: VMXON will tell");
    } else if (!(control & FEATURE_CONTROL_LOCK)) {
        offer.available = offer.must_enable = true;
        offer.enable = control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
        string_copy(
            offer.sentence, sizeof(offer.sentence),
            "the firmware left VT-x undecided (IA32_FEATURE_CONTROL unlocked): switched on");
    } else if (control & FEATURE_CONTROL_VMX) {
        offer.available = true;
        string_copy(offer.sentence, sizeof(offer.sentence), "the firmware has switched VT-x on");
    } else {
        string_copy(offer.sentence, sizeof(offer.sentence),
                    "the firmware has locked VT-x off: enable \"Intel Virtualization Technology\" "
                    "(VT-x, VMX) in its setup, then power the machine off and on");
    }
    return offer;
}
