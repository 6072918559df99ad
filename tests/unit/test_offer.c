/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether VT-x can be had, decided from CPUID and IA32_FEATURE_CONTROL alone. */
#include "vmx/offer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* IA32_FEATURE_CONTROL's bits, by number: SDM vol. 4, table "IA-32 Architectural MSRs". */
#define LOCKED     UINT64_C(0x1)
#define IN_SMX     UINT64_C(0x2)
#define OUTSIDE    UINT64_C(0x4)
#define OTHER_BITS UINT64_C(0x160000) /* SGX launch control, SGX, LMCE: none of our business */

static const uint32_t feature_vmx = 1U << 5;
static const uint32_t feature_hypervisor = 1U << 31;

static struct vmx_facts facts_of(const char *vendor, uint32_t ecx)
{
    struct vmx_facts facts = {.leaf1.ecx = ecx, .feature_control_read = true};

    memcpy(&facts.leaf0.ebx, vendor, 4);
    memcpy(&facts.leaf0.edx, vendor + 4, 4);
    memcpy(&facts.leaf0.ecx, vendor + 8, 4);
    return facts;
}

static struct vmx_facts intel_with(uint64_t feature_control)
{
    struct vmx_facts facts = facts_of("GenuineIntel", feature_vmx);

    facts.feature_control = feature_control;
    return facts;
}

/* The sentence goes into the log: one line, printable, ended. */
static void check_sentence(const struct vmx_offer *offer, const char *part)
{
    size_t length = strnlen(offer->sentence, sizeof(offer->sentence));

    assert_in_range(length, 10, sizeof(offer->sentence) - 1);
    for (size_t i = 0; i < length; i++) {
        assert_in_range(offer->sentence[i], ' ', '~');
    }
    if (strstr(offer->sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", offer->sentence, part);
    }
}

static void check_refused(const struct vmx_facts *facts, const char *part)
{
    struct vmx_offer offer = vmx_offer_decide(facts);

    assert_false(offer.available);
    assert_false(offer.must_enable);
    check_sentence(&offer, part);
}

static void an_intel_processor_without_the_bit_has_none(void **state)
{
    (void)state;
    struct vmx_facts facts = facts_of("GenuineIntel", ~(feature_vmx | feature_hypervisor));

    facts.feature_control = LOCKED | OUTSIDE; /* must not even be looked at */
    check_refused(&facts, "CPUID.01H:ECX.VMX[bit 5] is 0");
    facts.feature_control_read = false;
    check_refused(&facts, "CPUID.01H:ECX.VMX[bit 5] is 0");
}

static void an_amd_processor_is_told_as_one(void **state)
{
    (void)state;
    struct vmx_facts amd = facts_of("AuthenticAMD", 0);
    struct vmx_facts hygon = facts_of("HygonGenuine", 0);

    check_refused(&amd, "AMD");
    check_refused(&amd, "SVM");
    check_refused(&hygon, "SVM");
}

static void software_emulation_is_told_by_its_name(void **state)
{
    (void)state;
    struct vmx_facts facts = facts_of("AuthenticAMD", feature_hypervisor);

    strcpy(facts.hypervisor, "TCGTCGTCGTCG");
    check_refused(&facts, "TCG");
    check_refused(&facts, "Bochs");
}

static void another_hypervisor_is_told_by_its_name(void **state)
{
    (void)state;
    struct vmx_facts facts = facts_of("GenuineIntel", feature_hypervisor);

    strcpy(facts.hypervisor, "Microsoft Hv");
    check_refused(&facts, "Microsoft Hv");
    check_refused(&facts, "nested");
    strcpy(facts.hypervisor, "KVMKVMKVM"); /* three of its bytes are NUL */
    check_refused(&facts, "(KVMKVMKVM)");
}

/* Leaf 40000000H means something only where leaf 1 says so. */
static void a_hypervisor_that_leaf_1_denies_is_not_blamed(void **state)
{
    (void)state;
    struct vmx_facts facts = facts_of("GenuineIntel", 0);

    strcpy(facts.hypervisor, "TCGTCGTCGTCG");
    check_refused(&facts, "CPUID.01H:ECX.VMX[bit 5] is 0");
}

static void a_hypervisor_without_a_name_leaves_the_processor(void **state)
{
    (void)state;
    struct vmx_facts facts = facts_of("AuthenticAMD", feature_hypervisor);

    check_refused(&facts, "SVM");
}

static void locked_on_is_taken_as_it_is(void **state)
{
    (void)state;
    static const uint64_t values[] = {LOCKED | OUTSIDE, LOCKED | OUTSIDE | IN_SMX,
                                      LOCKED | OUTSIDE | OTHER_BITS};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct vmx_facts facts = intel_with(values[i]);
        struct vmx_offer offer = vmx_offer_decide(&facts);

        assert_true(offer.available);
        assert_false(offer.must_enable);
        check_sentence(&offer, "firmware");
    }
}

static void locked_off_says_what_to_switch(void **state)
{
    (void)state;
    struct vmx_facts facts = intel_with(LOCKED);

    check_refused(&facts, "locked");
    check_refused(&facts, "Intel Virtualization Technology");
    check_refused(&facts, "setup");
    check_refused(&facts, "off and on");
}

/* VMXON outside SMX operation needs bit 2; bit 1 does not help. */
static void locked_for_smx_only_is_locked_off(void **state)
{
    (void)state;
    struct vmx_facts facts = intel_with(LOCKED | IN_SMX | OTHER_BITS);

    check_refused(&facts, "Intel Virtualization Technology");
}

static void unlocked_is_switched_on_and_locked(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, OUTSIDE, IN_SMX, OTHER_BITS,
                                      IN_SMX | OUTSIDE | OTHER_BITS};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct vmx_facts facts = intel_with(values[i]);
        struct vmx_offer offer = vmx_offer_decide(&facts);

        assert_true(offer.available);
        assert_true(offer.must_enable);
        assert_int_equal(offer.enable, values[i] | LOCKED | OUTSIDE);
        check_sentence(&offer, "unlocked");
    }
}

static void an_unreadable_register_leaves_it_to_vmxon(void **state)
{
    (void)state;
    struct vmx_facts facts = intel_with(0);
    struct vmx_offer offer;

    facts.feature_control_read = false;
    offer = vmx_offer_decide(&facts);
    assert_true(offer.available);
    assert_false(offer.must_enable);
    check_sentence(&offer, "IA32_FEATURE_CONTROL");
}

/* Zhaoxin and VIA processors have VT-x: the bit counts, not the vendor. */
static void the_bit_counts_whoever_made_the_processor(void **state)
{
    (void)state;
    struct vmx_facts facts = facts_of("  Shanghai  ", feature_vmx);

    facts.feature_control = LOCKED | OUTSIDE;
    assert_true(vmx_offer_decide(&facts).available);
    facts = facts_of("GenuineIntel", feature_vmx | feature_hypervisor);
    strcpy(facts.hypervisor, "KVMKVMKVM");
    facts.feature_control = LOCKED | OUTSIDE;
    assert_true(vmx_offer_decide(&facts).available);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_intel_processor_without_the_bit_has_none),
        cmocka_unit_test(an_amd_processor_is_told_as_one),
        cmocka_unit_test(software_emulation_is_told_by_its_name),
        cmocka_unit_test(another_hypervisor_is_told_by_its_name),
        cmocka_unit_test(a_hypervisor_that_leaf_1_denies_is_not_blamed),
        cmocka_unit_test(a_hypervisor_without_a_name_leaves_the_processor),
        cmocka_unit_test(locked_on_is_taken_as_it_is),
        cmocka_unit_test(locked_off_says_what_to_switch),
        cmocka_unit_test(locked_for_smx_only_is_locked_off),
        cmocka_unit_test(unlocked_is_switched_on_and_locked),
        cmocka_unit_test(an_unreadable_register_leaves_it_to_vmxon),
        cmocka_unit_test(the_bit_counts_whoever_made_the_processor),
    };

    return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}
