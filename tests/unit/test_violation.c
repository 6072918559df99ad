/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT violations in words. Bits by number, as SDM vol. 3C, "Exit Qualification for EPT Violations"
 * numbers them. */
#include "ept/violation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define READ        0x01
#define WRITE       0x02
#define FETCH       0x04
#define READABLE    0x08
#define WRITABLE    0x10
#define EXECUTABLE  0x20
#define LINEAR      0x080
#define TRANSLATION 0x100

static void check(uint64_t qualification, const char *expected)
{
    char text[96];

    memset(text, '#', sizeof(text));
    ept_violation_text(qualification, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void the_access_is_named(void **state)
{
    (void)state;
    check(LINEAR | TRANSLATION | READ, "read, nothing is mapped");
    check(LINEAR | TRANSLATION | WRITE, "write, nothing is mapped");
    check(LINEAR | TRANSLATION | FETCH, "instruction fetch, nothing is mapped");
    /* A read-modify-write may set both bits. */
    check(LINEAR | TRANSLATION | READ | WRITE, "read and write, nothing is mapped");
    check(LINEAR | TRANSLATION, "access, nothing is mapped");
}

static void what_was_accessed_is_told(void **state)
{
    (void)state;
    check(LINEAR | READ, "read of a guest paging structure, nothing is mapped");
    /* With accessed and dirty flags on, walks count as writes too. */
    check(LINEAR | READ | WRITE, "read and write of a guest paging structure, nothing is mapped");
    check(READ, "read without a linear address, nothing is mapped");
    /* Bit 8 is undefined where bit 7 is 0. */
    check(READ | TRANSLATION, "read without a linear address, nothing is mapped");
}

static void what_is_allowed_is_told(void **state)
{
    (void)state;
    const uint64_t write = LINEAR | TRANSLATION | WRITE;

    check(write | READABLE, "write, allowed is read");
    check(write | WRITABLE, "write, allowed is write");
    check(write | EXECUTABLE, "write, allowed is fetch");
    check(write | READABLE | WRITABLE, "write, allowed are read and write");
    check(write | READABLE | EXECUTABLE, "write, allowed are read and fetch");
    check(write | WRITABLE | EXECUTABLE, "write, allowed are write and fetch");
    check(write | READABLE | WRITABLE | EXECUTABLE, "write, everything is allowed");
}

/* Bits 6 and 9 up speak of features that are not in use: user-mode execute, #VE, NMI unblocking. */
static void other_bits_change_no_word(void **state)
{
    (void)state;
    const uint64_t others =
        ~(uint64_t)(READ | WRITE | FETCH | READABLE | WRITABLE | EXECUTABLE | LINEAR | TRANSLATION);

    check(others | LINEAR | TRANSLATION | FETCH | READABLE | WRITABLE,
          "instruction fetch, allowed are read and write");
}

static void every_qualification_fits_and_ends(void **state)
{
    (void)state;
    for (uint64_t qualification = 0; qualification < 0x2000; qualification++) {
        char whole[200], cut[16];

        ept_violation_text(qualification, whole, sizeof(whole));
        assert_true(strlen(whole) < 96); /* what a record has room for */
        ept_violation_text(qualification, cut, sizeof(cut));
        assert_int_equal(strnlen(cut, sizeof(cut)), sizeof(cut) - 1);
        assert_memory_equal(cut, whole, sizeof(cut) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_access_is_named),
        cmocka_unit_test(what_was_accessed_is_told),
        cmocka_unit_test(what_is_allowed_is_told),
        cmocka_unit_test(other_bits_change_no_word),
        cmocka_unit_test(every_qualification_fits_and_ends),
    };

    return cmocka_run_group_tests_name("violation", tests, NULL, NULL);
}
