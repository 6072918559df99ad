/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest's MOV to CR0, CR3 and CR4 and WRMSR of EFER and PAT may do, rule by rule of SDM vol.
 * 2B, "MOV—Move to/from Control Registers", and vol. 3A, "Initializing IA-32e Mode". Bits are
 * numbers here, so that a wrong constant is found too.
 */
#include "vmx/guest_cr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/cpu.h"

#define N(bit) (UINT64_C(1) << (bit))

#define PE N(0)
#define MP N(1)
#define TS N(3)
#define ET N(4)
#define NE N(5)
#define WP N(16)
#define NW N(29)
#define CD N(30)
#define PG N(31)

#define PAE   N(5)
#define PGE   N(7)
#define LA57  N(12)
#define VMXE  N(13)
#define SMXE  N(14)
#define PCIDE N(17)
#define CET   N(23)

#define SCE N(0)
#define LME N(8)
#define LMA N(10)
#define NXE N(11)

#define CR0_64 (PE | MP | ET | NE | WP | PG)

/* 64-bit code, as a flat guest starts. */
static struct guest_mode in_64_bit_code(void)
{
    return (struct guest_mode){
        .cr0 = CR0_64,
        .cr3 = 0x1000,
        .cr4 = PAE,
        .efer = LME | LMA | NXE,
        .code_64 = true,
        .cr4_allowed = 0x3FFFFF & ~(VMXE | SMXE),
        .physical_width = 40,
    };
}

/* Long mode, but a code segment of 32 bits: the way in and out of paging. */
static struct guest_mode in_compatibility_mode(void)
{
    struct guest_mode mode = in_64_bit_code();

    mode.code_64 = false;
    return mode;
}

/* Protected mode without paging, long mode not wanted. */
static struct guest_mode without_paging(void)
{
    struct guest_mode mode = in_compatibility_mode();

    mode.cr0 = PE | ET;
    mode.cr4 = 0;
    mode.efer = 0;
    return mode;
}

static void cr0_takes_what_is_common(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    assert_true(guest_cr0_valid(&mode, CR0_64));
    assert_true(guest_cr0_valid(&mode, CR0_64 | TS));
    assert_true(guest_cr0_valid(&mode, CR0_64 & ~(WP | MP | NE)));
    assert_true(guest_cr0_valid(&mode, CR0_64 | CD));
    assert_true(guest_cr0_valid(&mode, CR0_64 | CD | NW));
    /* Reserved bits of the lower half are ignored, not refused. */
    assert_true(guest_cr0_valid(&mode, CR0_64 | N(6) | N(17) | N(28)));
}

static void cr0_refuses_its_upper_half(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    for (unsigned bit = 32; bit < 64; bit++) {
        assert_false(guest_cr0_valid(&mode, CR0_64 | N(bit)));
    }
}

static void cr0_refuses_combinations_that_mean_nothing(void **state)
{
    (void)state;
    struct guest_mode mode = in_compatibility_mode();
    struct guest_mode flat = without_paging();

    assert_false(guest_cr0_valid(&mode, CR0_64 & ~PE)); /* PG without PE */
    assert_false(guest_cr0_valid(&mode, CR0_64 | NW));  /* NW without CD */
    assert_false(guest_cr0_valid(&flat, PG | ET));
    assert_false(guest_cr0_valid(&flat, ET | NW));
    assert_true(guest_cr0_valid(&flat, ET)); /* real mode */
}

static void paging_does_not_go_off_in_64_bit_code(void **state)
{
    (void)state;
    struct guest_mode code_64 = in_64_bit_code();
    struct guest_mode compatibility = in_compatibility_mode();

    assert_false(guest_cr0_valid(&code_64, CR0_64 & ~PG));
    assert_true(guest_cr0_valid(&compatibility, CR0_64 & ~PG));
}

static void paging_does_not_go_off_with_pcids_on(void **state)
{
    (void)state;
    struct guest_mode mode = in_compatibility_mode();

    mode.cr4 |= PCIDE;
    assert_false(guest_cr0_valid(&mode, CR0_64 & ~PG));
    assert_true(guest_cr0_valid(&mode, CR0_64 | TS));
}

static void paging_goes_on_into_the_mode_that_efer_asks_for(void **state)
{
    (void)state;
    struct guest_mode mode = without_paging();

    assert_true(guest_cr0_valid(&mode, mode.cr0 | PG)); /* 32-bit paging */
    mode.cr4 = PAE;
    assert_true(guest_cr0_valid(&mode, mode.cr0 | PG)); /* PAE paging */
    mode.efer = LME;
    assert_true(guest_cr0_valid(&mode, mode.cr0 | PG)); /* long mode */
    mode.cr4 = 0;
    assert_false(guest_cr0_valid(&mode, mode.cr0 | PG)); /* which needs PAE */
}

/* With CR4.CET set, CR0.WP must be too. */
static void cet_holds_write_protection(void **state)
{
    (void)state;
    struct guest_mode mode = in_compatibility_mode();

    mode.cr4 |= CET;
    assert_false(guest_cr0_valid(&mode, CR0_64 & ~WP));
    assert_true(guest_cr0_valid(&mode, CR0_64));
}

static void cr3_keeps_within_the_physical_width(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    assert_true(guest_cr3_valid(&mode, N(40) - 0x1000));
    assert_true(guest_cr3_valid(&mode, 0xFFF)); /* the low bits are ignored or PCID */
    assert_false(guest_cr3_valid(&mode, N(40)));
    assert_false(guest_cr3_valid(&mode, N(62)));
    mode.physical_width = 52;
    assert_true(guest_cr3_valid(&mode, N(51)));
    assert_false(guest_cr3_valid(&mode, N(52)));
}

static void cr3_takes_the_no_flush_bit_with_pcids_only(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    assert_false(guest_cr3_valid(&mode, N(63) | 0x1000));
    mode.cr4 |= PCIDE;
    assert_true(guest_cr3_valid(&mode, N(63) | 0x1001));
    assert_false(guest_cr3_valid(&mode, N(63) | N(62)));
}

static void cr4_takes_allowed_bits_alone(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    assert_true(guest_cr4_valid(&mode, PAE | PGE));
    assert_false(guest_cr4_valid(&mode, PAE | VMXE));
    assert_false(guest_cr4_valid(&mode, PAE | SMXE));
    assert_false(guest_cr4_valid(&mode, PAE | CET));
    for (unsigned bit = 22; bit < 64; bit++) {
        assert_false(guest_cr4_valid(&mode, PAE | N(bit)));
    }
}

static void cr4_keeps_the_paging_of_long_mode(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();
    struct guest_mode flat = without_paging();

    assert_false(guest_cr4_valid(&mode, PGE)); /* PAE cleared */
    assert_false(guest_cr4_valid(&mode, PAE | LA57));
    mode.cr4 |= LA57;
    assert_false(guest_cr4_valid(&mode, PAE));
    assert_true(guest_cr4_valid(&mode, PAE | LA57 | PGE));
    assert_true(guest_cr4_valid(&flat, LA57));
    assert_true(guest_cr4_valid(&flat, 0));
}

static void pcids_go_on_in_long_mode_only(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();
    struct guest_mode flat = without_paging();

    assert_true(guest_cr4_valid(&mode, PAE | PCIDE));
    assert_false(guest_cr4_valid(&flat, PCIDE));
}

/* "…to set CR4.PCIDE from 0 to 1 while CR3[11:0] ≠ 000H." */
static void pcids_go_on_with_pcid_0_only(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    mode.cr3 = 0x1018; /* PCD and PWT */
    assert_false(guest_cr4_valid(&mode, PAE | PCIDE));
    mode.cr4 |= PCIDE;
    assert_true(guest_cr4_valid(&mode, PAE | PCIDE | PGE));
}

static void efer_refuses_reserved_bits(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();

    assert_true(guest_efer_valid(&mode, LME | LMA | NXE | SCE));
    assert_true(guest_efer_valid(&mode, LME)); /* LMA is not the guest's to write: ignored */
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(N(bit) & (SCE | LME | LMA | NXE))) {
            assert_false(guest_efer_valid(&mode, LME | LMA | N(bit)));
        }
    }
}

static void long_mode_is_not_switched_while_paging(void **state)
{
    (void)state;
    struct guest_mode mode = in_64_bit_code();
    struct guest_mode flat = without_paging();

    assert_false(guest_efer_valid(&mode, LMA | NXE));
    mode.efer = 0;
    assert_false(guest_efer_valid(&mode, LME));
    assert_true(guest_efer_valid(&flat, LME));
    flat.efer = LME;
    assert_true(guest_efer_valid(&flat, 0));
}

/* SDM vol. 3A, "IA32_PAT MSR": 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC-. */
static void pat_takes_memory_types_that_exist(void **state)
{
    (void)state;
    assert_true(guest_pat_valid(UINT64_C(0x0007040600070406)));
    assert_true(guest_pat_valid(UINT64_C(0x0706050401000000)));
    for (unsigned entry = 0; entry < 8; entry++) {
        for (unsigned type = 0; type < 256; type++) {
            bool exists = type == 0 || type == 1 || (type >= 4 && type <= 7);

            assert_int_equal(guest_pat_valid((uint64_t)type << 8 * entry), exists);
        }
    }
}

/* Whatever the hypervisor must see the guest change, and nothing that costs exits for nothing. */
static void owned_bits_are_those_that_need_the_hypervisor(void **state)
{
    (void)state;
    assert_int_equal(CR0_OWNED & (PE | PG | NE | CD | NW), PE | PG | NE | CD | NW);
    assert_int_equal(CR0_OWNED & (TS | MP), 0);
    assert_int_equal(CR4_OWNED & (VMXE | SMXE), VMXE | SMXE);
    assert_int_equal(CR4_OWNED & (PGE | PCIDE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr0_takes_what_is_common),
        cmocka_unit_test(cr0_refuses_its_upper_half),
        cmocka_unit_test(cr0_refuses_combinations_that_mean_nothing),
        cmocka_unit_test(paging_does_not_go_off_in_64_bit_code),
        cmocka_unit_test(paging_does_not_go_off_with_pcids_on),
        cmocka_unit_test(paging_goes_on_into_the_mode_that_efer_asks_for),
        cmocka_unit_test(cet_holds_write_protection),
        cmocka_unit_test(cr3_keeps_within_the_physical_width),
        cmocka_unit_test(cr3_takes_the_no_flush_bit_with_pcids_only),
        cmocka_unit_test(cr4_takes_allowed_bits_alone),
        cmocka_unit_test(cr4_keeps_the_paging_of_long_mode),
        cmocka_unit_test(pcids_go_on_in_long_mode_only),
        cmocka_unit_test(pcids_go_on_with_pcid_0_only),
        cmocka_unit_test(efer_refuses_reserved_bits),
        cmocka_unit_test(long_mode_is_not_switched_while_paging),
        cmocka_unit_test(pat_takes_memory_types_that_exist),
        cmocka_unit_test(owned_bits_are_those_that_need_the_hypervisor),
    };

    return cmocka_run_group_tests_name("guest_cr", tests, NULL, NULL);
}
