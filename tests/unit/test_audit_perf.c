/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bits IA32_PERF_GLOBAL_CTRL takes. */
#include "vmx/audit_perf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t bits(uint32_t eax, uint32_t ecx, uint32_t edx)
{
    return audit_perf_global_bits(&(struct cpuid){.eax = eax, .ecx = ecx, .edx = edx}, false);
}

static void counters_are_counted(void **state)
{
    (void)state;
    assert_int_equal(bits(0, 0, 0), 0);
    assert_int_equal(bits(0x0402, 0, 3), 0x70000000F);
    assert_int_equal(bits(0x0803, 0, 3), 0x7000000FF);
    assert_int_equal(bits(0x2002, 0, 0), 0xFFFFFFFF);
    assert_int_equal(bits(0xFF02, 0, 0), 0xFFFFFFFF); /* the register has room for 32 */
    assert_int_equal(bits(0x0001, 0, 3), 0);          /* version 1 has no fixed counters */
}

static void fixed_counters_may_have_gaps(void **state)
{
    (void)state;
    assert_int_equal(bits(0x0805, 0xF, 4), 0xF000000FF);
    assert_int_equal(bits(0x0805, 0x8, 3), 0xF000000FF);
    assert_int_equal(bits(0x0805, 0x5, 0), 0x5000000FF);
    assert_int_equal(bits(0x0804, 0x5, 0), 0x0000000FF); /* ECX has no meaning before version 5 */
    assert_int_equal(bits(0x0005, 0xFFFFFFFF, 31), 0xFFFF00000000);
}

static void metrics_have_a_bit(void **state)
{
    (void)state;
    assert_int_equal(audit_perf_global_bits(&(struct cpuid){0}, true), BIT(48));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_counted),
        cmocka_unit_test(fixed_counters_may_have_gaps),
        cmocka_unit_test(metrics_have_a_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
