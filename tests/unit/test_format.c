/* SPDX-License-Identifier: BSD-2-Clause */
/* The formatter, against libc's snprintf wherever the two mean the same. */
#include "kernel/format.h"
#include "kernel/status.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The same call to both, with the same format, which is made at run time. */
#define SAME_AS_LIBC(format, ...)                                                                  \
    do {                                                                                           \
        char ours[256], libcs[256];                                                                \
        int expected = snprintf(libcs, sizeof(libcs), format, __VA_ARGS__);                        \
        size_t length = format_text(ours, sizeof(ours), format, __VA_ARGS__);                      \
        if (strcmp(ours, libcs) != 0 || length != (size_t)expected) {                              \
            fail_msg("\"%s\": ours \"%s\" (%zu), libc's \"%s\" (%d)", format, ours, length, libcs, \
                     expected);                                                                    \
        }                                                                                          \
    } while (0)

static const char *const flag_sets[] = {"",   "-",  "0",  "#",  "+",    "-0",  "-#",
                                        "0#", "+0", "-+", "#+", "-0#+", "00#", "--"};
static const char *const widths[] = {"", "1", "2", "5", "18", "40"};
static const uint64_t values[] = {0,           1,
                                  9,           10,
                                  0x7f,        0x80,
                                  0xff,        0x100,
                                  0x7fff,      0x8000,
                                  0xffff,      0x7fffffff,
                                  0x80000000,  0xffffffff,
                                  0x100000000, 0x123456789abcdef0,
                                  INT64_MAX,   (uint64_t)INT64_MIN,
                                  UINT64_MAX,  (uint64_t)-42};

static void integers_of_one_kind(const char *flags, const char *width, const char *precision,
                                 char letter)
{
    static const char *const narrow[] = {"hh", "h", ""};
    static const char *const wide[] = {"l", "ll", "z", "j"};
    char format[32];

    for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
        for (size_t i = 0; i < ARRAY_SIZE(narrow); i++) {
            snprintf(format, sizeof(format), "[%%%s%s%s%s%c]", flags, width, precision, narrow[i],
                     letter);
            SAME_AS_LIBC(format, (int)values[v]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(wide); i++) {
            snprintf(format, sizeof(format), "[%%%s%s%s%s%c]", flags, width, precision, wide[i],
                     letter);
            SAME_AS_LIBC(format, (long)values[v]);
        }
    }
}

static void integers(void **state)
{
    static const char *const precisions[] = {"", ".", ".0", ".1", ".7", ".30"};

    (void)state;
    for (size_t f = 0; f < ARRAY_SIZE(flag_sets); f++) {
        for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
            for (size_t p = 0; p < ARRAY_SIZE(precisions); p++) {
                for (const char *letter = "diuxX"; *letter != '\0'; letter++) {
                    integers_of_one_kind(flag_sets[f], widths[w], precisions[p], *letter);
                }
            }
        }
    }
}

static void strings_and_characters(void **state)
{
    static const char *const flags[] = {"", "-"};
    static const char *const precisions[] = {"", ".", ".0", ".1", ".3", ".9"};
    static const char *const texts[] = {"", "a", "abc", "HLT exit", "a text of some more bytes"};
    char format[32];

    (void)state;
    for (size_t f = 0; f < ARRAY_SIZE(flags); f++) {
        for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
            snprintf(format, sizeof(format), "[%%%s%sc]", flags[f], widths[w]);
            SAME_AS_LIBC(format, 'x');
            for (size_t p = 0; p < ARRAY_SIZE(precisions); p++) {
                snprintf(format, sizeof(format), "[%%%s%s%ss]", flags[f], widths[w], precisions[p]);
                for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
                    SAME_AS_LIBC(format, texts[t]);
                }
            }
        }
    }
}

static void stars(void **state)
{
    (void)state;
    for (int width = -12; width <= 12; width++) {
        SAME_AS_LIBC("[%*d]", width, -345);
        SAME_AS_LIBC("[%0*x]", width, 0xbeefu);
        SAME_AS_LIBC("[%-*u]", width, 7u);
        for (int precision = -3; precision <= 6; precision++) {
            SAME_AS_LIBC("[%*.*s]", width, precision, "abcdef");
            SAME_AS_LIBC("[%.*s]", precision, "abcdef");
        }
    }
}

static void mixtures(void **state)
{
    (void)state;
    SAME_AS_LIBC("exit: n=%lu vm=%u reason=%s code=%u rip=%#lx len=%u%%", 1ul, 0u, "HLT", 12u,
                 0x100000ul, 1u);
    SAME_AS_LIBC("[%6lu.%06lu] cpu%u %s: %-8s|%4c|%x", 12ul, 345678ul, 3u, "boot", "ok", 'z', 511);
    SAME_AS_LIBC("%p", (void *)(uintptr_t)0xfee00000);
    SAME_AS_LIBC("%20p|", (void *)(uintptr_t)UINT64_MAX);
    SAME_AS_LIBC("no conversion%s", "");
}

static void a_string_with_a_precision_needs_no_end(void **state)
{
    char signature[4] = {'F', 'A', 'C', 'P'};
    char out[16];

    (void)state;
    assert_int_equal(format_text(out, sizeof(out), "%.4s", signature), 4);
    assert_string_equal(out, "FACP");
}

static void null_pointers_are_told(void **state)
{
    const char *volatile nothing = NULL;
    char out[32];

    (void)state;
    format_text(out, sizeof(out), "%s|%9s|%p", nothing, nothing, (void *)NULL);
    assert_string_equal(out, "(null)|   (null)|0x0");
}

/* Called through a pointer, so that the compiler does not object to what is wrong on purpose. */
static size_t (*const volatile unchecked)(char *, size_t, const char *, ...) = format_text;

static void an_unknown_conversion_stands_as_it_is(void **state)
{
    static const char *const formats[] = {"%q", "a %5k b", "%-08.3lly", "%n", "%f", "%.2f", "%$"};
    char out[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        assert_int_equal(unchecked(out, sizeof(out), formats[i]), strlen(formats[i]));
        assert_string_equal(out, formats[i]);
    }
    unchecked(out, sizeof(out), "%q=%d", 5);
    assert_string_equal(out, "%q=5");
}

static void a_format_may_end_within_a_conversion(void **state)
{
    static const char *const formats[] = {"%", "100%", "%5", "%-", "%.", "%l", "%hh", "%#08.4ll"};
    char out[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        char *exact = strdup(formats[i]); /* the sanitizer guards its end */

        assert_int_equal(unchecked(out, sizeof(out), exact), strlen(exact));
        assert_string_equal(out, formats[i]);
        free(exact);
    }
}

static void text_is_cut_to_the_buffer_but_counted_whole(void **state)
{
    (void)state;
    for (size_t size = 0; size < 24; size++) {
        char *ours = malloc(size), *libcs = malloc(size);
        const char *format = "%s=%#010x;%5d";

        assert_int_equal(format_text(ours, size, format, "port", 0x3f8, -1),
                         snprintf(libcs, size, format, "port", 0x3f8, -1));
        assert_memory_equal(ours, libcs, MIN(size, strlen("port=0x000003f8;   -1") + 1));
        free(ours);
        free(libcs);
    }
    assert_int_equal(format_text(NULL, 0, "%d", 12345), 5);
}

static void huge_widths_do_not_overflow(void **state)
{
    char out[8];

    (void)state;
    assert_int_equal(unchecked(out, sizeof(out), "%99999999999999999999q"), 22);
    assert_int_equal(unchecked(out, sizeof(out), "%1000000d", 1), 1000000);
    assert_string_equal(out, "       ");
}

static void bytes_are_escaped(void **state)
{
    static const char bytes[] = "a\"b\\c\n\r\t\0\x01\x1b\x7f\x80\xff ~";
    char out[128];

    (void)state;
    assert_int_equal(format_escaped(out, sizeof(out), bytes, sizeof(bytes) - 1), sizeof(bytes) - 1);
    assert_string_equal(out, "a\\\"b\\\\c\\n\\r\\t\\0\\x01\\x1b\\x7f\\x80\\xff ~");
}

static void an_escape_is_never_cut(void **state)
{
    static const struct {
        size_t size, taken;
        const char *text;
    } cases[] = {{0, 0, NULL},     {1, 0, ""},       {2, 1, "a"},         {5, 1, "a"},
                 {6, 2, "a\\x01"}, {7, 2, "a\\x01"}, {8, 3, "a\\x01\\n"}, {9, 4, "a\\x01\\nb"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *out = malloc(cases[i].size);

        assert_int_equal(format_escaped(out, cases[i].size, "a\x01\nb", 4), cases[i].taken);
        if (cases[i].text != NULL) {
            assert_string_equal(out, cases[i].text);
        }
        free(out);
    }
}

static void every_status_has_its_words(void **state)
{
    (void)state;
    assert_string_equal(status_text(STATUS_OK), "ok");
    assert_string_equal(status_text(STATUS_INVALID), "invalid");
    assert_string_equal(status_text(STATUS_NO_MEMORY), "out of memory");
    assert_string_equal(status_text(STATUS_NOT_FOUND), "not found");
    assert_string_equal(status_text(STATUS_EXISTS), "already there");
    assert_string_equal(status_text(STATUS_UNSUPPORTED), "not supported");
    assert_string_equal(status_text(STATUS_FAULT), "processor exception");
    assert_string_equal(status_text((enum status)99), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(strings_and_characters),
        cmocka_unit_test(stars),
        cmocka_unit_test(mixtures),
        cmocka_unit_test(a_string_with_a_precision_needs_no_end),
        cmocka_unit_test(null_pointers_are_told),
        cmocka_unit_test(an_unknown_conversion_stands_as_it_is),
        cmocka_unit_test(a_format_may_end_within_a_conversion),
        cmocka_unit_test(text_is_cut_to_the_buffer_but_counted_whole),
        cmocka_unit_test(huge_widths_do_not_overflow),
        cmocka_unit_test(bytes_are_escaped),
        cmocka_unit_test(an_escape_is_never_cut),
        cmocka_unit_test(every_status_has_its_words),
    };

    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
