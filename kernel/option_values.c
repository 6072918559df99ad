/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of value that options have. Every parser looks at the whole text and forgives nothing.
 */
#include "kernel/option_values.h"
#include "kernel/string.h"

/* 0 to 15, or 16 where the byte is no hexadecimal digit. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c |= 0x20; /* letters to lower case */
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Takes digits from `*text` on, which stops behind them; false for none, or for more than 64 bits.
 */
static bool take_digits(const char **text, unsigned base, uint64_t *number)
{
    const char *start = *text;
    uint64_t value = 0;

    for (; digit_value(**text) < base; (*text)++) {
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit_value(**text), &value)) {
            return false;
        }
    }
    *number = value;
    return *text != start;
}

static bool is_hexadecimal(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

static bool take_number(const char **text, uint64_t *number)
{
    if (is_hexadecimal(*text)) {
        *text += 2;
        return take_digits(text, 16, number);
    }
    return take_digits(text, 10, number);
}

bool option_number(const char *text, uint64_t *number)
{
    uint64_t value;

    if (!take_number(&text, &value) || *text != '\0') {
        return false;
    }
    *number = value;
    return true;
}

bool option_hexadecimal(const char *text, uint64_t *number)
{
    return is_hexadecimal(text) && option_number(text, number);
}

bool option_size(const char *text, uint64_t *bytes)
{
    uint64_t value, unit = 1;

    if (!take_number(&text, &value)) {
        return false;
    }
    switch (*text) {
    case 'K':
    case 'k':
        unit = KIB;
        break;
    case 'M':
    case 'm':
        unit = MIB;
        break;
    case 'G':
    case 'g':
        unit = GIB;
        break;
    default:
        break;
    }
    text += unit != 1;
    if (*text != '\0' || __builtin_mul_overflow(value, unit, &value)) {
        return false;
    }
    *bytes = value;
    return true;
}

bool option_choice(const char *text, const char *const *choices, unsigned count, unsigned *choice)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *choice = i;
            return true;
        }
    }
    return false;
}

static bool is_name_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '_' || c == '-';
}

static bool is_among(char c, const char *characters)
{
    while (*characters != '\0' && *characters != c) {
        characters++;
    }
    return *characters != '\0';
}

enum option_verdict option_text(const char *text, const char *more, char *value, size_t size)
{
    size_t length = 0;

    for (; text[length] != '\0'; length++) {
        if (!is_name_character(text[length]) && !is_among(text[length], more)) {
            return OPTION_BAD;
        }
    }
    if (length >= size) {
        return OPTION_TOO_LONG;
    }
    memcpy(value, text, length + 1);
    return OPTION_TAKEN;
}

enum option_verdict option_name(const char *text, char *name, size_t size)
{
    return option_text(text, "", name, size);
}
