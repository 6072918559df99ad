/* SPDX-License-Identifier: BSD-2-Clause */
/* Patterns over names: by hand, against a plain matcher on all short ones, and where they are slow.
 */
#include "kernel/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void assert_glob(const char *pattern, const char *text, bool matches)
{
    if (glob_matches(pattern, text) != matches) {
        fail_msg("\"%s\" %s \"%s\"", pattern, matches ? "does not match" : "matches", text);
    }
}

static void plain_text_is_itself_alone(void **state)
{
    (void)state;
    assert_glob("audit.random", "audit.random", true);
    assert_glob("audit.random", "audit.rando", false);
    assert_glob("audit.random", "audit.randoms", false);
    assert_glob("audit.random", "Audit.random", false);
    assert_glob("audit.random", "audit_random", false); /* a dot is a dot */
    assert_glob("a", "b", false);
}

static void the_empty_pattern_and_the_empty_text(void **state)
{
    (void)state;
    assert_glob("", "", true);
    assert_glob("", "a", false);
    assert_glob("a", "", false);
    assert_glob("?", "", false);
    assert_glob("*", "", true);
    assert_glob("***", "", true);
    assert_glob("*?", "", false);
    assert_glob("?*", "", false);
    assert_glob("*a", "", false);
}

static void a_question_mark_is_one_character(void **state)
{
    (void)state;
    assert_glob("?", "a", true);
    assert_glob("?", "ab", false);
    assert_glob("??", "ab", true);
    assert_glob("a?c", "abc", true);
    assert_glob("a?c", "ac", false);
    assert_glob("a?c", "abbc", false);
    assert_glob("?", "*", true);
    assert_glob("\xff?", "\xff\x80", true);
}

static void a_star_is_any_text(void **state)
{
    (void)state;
    assert_glob("*", "audit.guest.tr.type", true);
    assert_glob("audit.*", "audit.guest.tr.type", true);
    assert_glob("audit.*", "audit.", true);
    assert_glob("audit.*", "audit", false);
    assert_glob("*.type", "audit.guest.tr.type", true);
    assert_glob("*.type", "audit.guest.tr.types", false);
    assert_glob("audit*type", "audit.guest.tr.type", true);
    assert_glob("audit*type", "audittype", true);
    assert_glob("audit*type", "audityp", false);
    assert_glob("*", "*", true);
    assert_glob("a*", "*", false);
}

/* The end that the last star finds first need not be the right one. */
static void stars_take_as_much_as_is_needed(void **state)
{
    (void)state;
    assert_glob("*.ss.*", "audit.guest.ss.type", true);
    assert_glob("*.ss.*", "audit.guest.sss.type", false);
    assert_glob("*ab", "aab", true);
    assert_glob("*ab", "abab", true);
    assert_glob("*ab", "aba", false);
    assert_glob("a*b*c", "aXbYbZc", true);
    assert_glob("a*b*c", "aXcYb", false);
    assert_glob("*a?b", "aabab", false);
    assert_glob("*a?b", "aabaab", true);
    assert_glob("**a**", "bab", true);
    assert_glob("*?*?*", "a", false);
    assert_glob("*?*?*", "ab", true);
    assert_glob("a*", "ba", false);
}

/* --- Against the definition ------------------------------------------------------------------- */

static bool by_definition(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return by_definition(pattern + 1, text) ||
               (*text != '\0' && by_definition(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) &&
           by_definition(pattern + 1, text + 1);
}

/* The text `number` of `letters`, as a number's digits, the shorter ones first. */
static void make_text(unsigned number, const char *letters, char *text)
{
    unsigned count = (unsigned)strlen(letters);
    size_t length = 0;

    for (; number != 0; number = (number - 1) / count) {
        text[length++] = letters[(number - 1) % count];
    }
    text[length] = '\0';
}

#define PATTERNS 5461 /* up to 6 of 4 letters */
#define TEXTS    255  /* up to 7 of 2 */

static void all_short_ones_are_as_defined(void **state)
{
    unsigned matching = 0;

    (void)state;
    for (unsigned i = 0; i < PATTERNS; i++) {
        char pattern[8];

        make_text(i, "ab?*", pattern);
        for (unsigned j = 0; j < TEXTS; j++) {
            char text[9];

            make_text(j, "ab", text);
            assert_glob(pattern, text, by_definition(pattern, text));
            matching += glob_matches(pattern, text);
        }
    }
    assert_in_range(matching, 10000, PATTERNS * TEXTS / 2); /* of both there are many */
}

/* --- Time ------------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As long as select= and a test's name can be, and longer: who tries each star again at each place
 * does not end. The product of both lengths is the worst. */
static void many_stars_are_not_slow(void **state)
{
    static char pattern[2049], text[4097];
    double start = seconds();

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    assert_glob(pattern, text, true);
    pattern[sizeof(pattern) - 2] = 'b';
    assert_glob(pattern, text, false);
    text[63] = '\0';
    assert_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab", text, false);
    assert_glob("*a?*a?*a?*a?*a?*a?*a?*a?*a?*a?*a?*a?*a?*a?*b", text, false);
    if (seconds() - start > 2) {
        fail_msg("it took %.1f s", seconds() - start);
    }
}

/* Nothing is read beyond either end: each is a block of its own, as long as it is. */
static void neither_end_is_passed(void **state)
{
    static const char *const words[] = {"", "*", "?", "a", "a*", "*a", "a?", "*?", "aa*", "**"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
            char *pattern = strdup(words[i]);
            char *text = strdup(words[j]);

            assert_glob(pattern, text, by_definition(words[i], words[j]));
            free(pattern);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_itself_alone),
        cmocka_unit_test(the_empty_pattern_and_the_empty_text),
        cmocka_unit_test(a_question_mark_is_one_character),
        cmocka_unit_test(a_star_is_any_text),
        cmocka_unit_test(stars_take_as_much_as_is_needed),
        cmocka_unit_test(all_short_ones_are_as_defined),
        cmocka_unit_test(many_stars_are_not_slow),
        cmocka_unit_test(neither_end_is_passed),
    };

    return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
