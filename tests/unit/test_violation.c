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

static void check_words(uint64_t qualification, bool mode_based, bool exit_information,
                        const char *expected)
{
    const struct ept_violation_mode mode = {.mode_based = mode_based,
                                            .exit_information = exit_information};
    char text[EPT_VIOLATION_WORDS];

    memset(text, '#', sizeof(text));
    ept_violation_words(qualification, &mode, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void in_full_the_object_and_the_guests_page_are_told(void **state)
{
    (void)state;
    check_words(LINEAR | TRANSLATION | WRITE | READABLE, false, false,
                "write of data, allowed is read");
    check_words(LINEAR | TRANSLATION | FETCH, false, false, "instruction fetch, nothing is mapped");
    check_words(LINEAR | READ | WRITE | 0x200, false, true,
                "read and write of a guest paging structure, nothing is mapped");
    check_words(READ | 0x700, false, true, "read without a linear address, nothing is mapped");
    check_words(LINEAR | TRANSLATION | READ | 0x600, false, true,
                "read of data in a user page, nothing is mapped");
    check_words(LINEAR | TRANSLATION | FETCH | READABLE, false, true,
                "instruction fetch in a supervisor page, allowed is read");
    check_words(LINEAR | TRANSLATION | READ | 0x200, false, false,
                "read of data, nothing is mapped"); /* bit 9 is undefined there */
}

static void in_full_users_and_supervisors_fetches_are_told_apart(void **state)
{
    (void)state;
    const uint64_t fetch = LINEAR | TRANSLATION | FETCH;

    check_words(fetch | READABLE | EXECUTABLE, true, false,
                "instruction fetch, allowed: read, supervisor fetch");
    check_words(fetch | 0x40, true, false, "instruction fetch, allowed: user fetch");
    check_words(fetch, true, false, "instruction fetch, nothing is mapped");
    check_words(fetch | READABLE | 0x40, false, false, "instruction fetch, allowed is read");
    check_words(fetch | READABLE | WRITABLE | EXECUTABLE | 0x40, true, false,
                "instruction fetch, allowed: read, write, supervisor fetch, user fetch");
}

static void in_full_the_rare_bits_are_told(void **state)
{
    (void)state;
    check_words(LINEAR | TRANSLATION | WRITE | 0x2000, false, false,
                "write of data, nothing is mapped, shadow stack");
    check_words(LINEAR | TRANSLATION | WRITE | 0x1000, false, false,
                "write of data, nothing is mapped, NMI unblocked");
    check_words(WRITE | 0x10000, false, false,
                "write without a linear address, nothing is mapped, asynchronous");
}

static void in_full_every_qualification_fits_and_ends(void **state)
{
    (void)state;
    for (uint64_t qualification = 0; qualification < 0x20000; qualification++) {
        const struct ept_violation_mode mode = {.mode_based = qualification % 3 != 0,
                                                .exit_information = true};
        char whole[300];

        ept_violation_words(qualification, &mode, whole, sizeof(whole));
        assert_true(strlen(whole) < EPT_VIOLATION_WORDS);
    }
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
        cmocka_unit_test(in_full_the_object_and_the_guests_page_are_told),
        cmocka_unit_test(in_full_users_and_supervisors_fetches_are_told_apart),
        cmocka_unit_test(in_full_the_rare_bits_are_told),
        cmocka_unit_test(in_full_every_qualification_fits_and_ends),
    };

    return cmocka_run_group_tests_name("violation", tests, NULL, NULL);
}
