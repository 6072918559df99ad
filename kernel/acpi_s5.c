/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the sleep types of S5 (soft off) in a DSDT without an AML interpreter: a Name() of a
 * Package() of constants has one encoding, and firmware writes \_S5_ in no other way.
 * ACPI Specification 6.5, "\_Sx (System States)", "Name Objects Encoding", "Data Objects Encoding",
 * "Package Length Encoding".
 */
#include "kernel/acpi_tables.h"

#define AML_ZERO_OP      0x00
#define AML_ONE_OP       0x01
#define AML_NAME_OP      0x08
#define AML_BYTE_PREFIX  0x0a
#define AML_WORD_PREFIX  0x0b
#define AML_DWORD_PREFIX 0x0c
#define AML_PACKAGE_OP   0x12
#define AML_ROOT         0x5c /* the `\` of an absolute name */

#define S5_NAME   "_S5_"
#define NAME_SIZE 4

/* SLP_TYP in the PM1 control registers has three bits. */
#define LARGEST_SLEEP_TYPE 7

/* The AML that is still to be read. */
struct aml {
    const uint8_t *at, *end;
};

/* A little-endian constant of `width` bytes. */
static bool take_bytes(struct aml *aml, size_t width, uint64_t *value)
{
    if ((size_t)(aml->end - aml->at) < width) {
        return false;
    }
    *value = 0;
    memcpy(value, aml->at, width);
    aml->at += width;
    return true;
}

static bool take_integer(struct aml *aml, uint64_t *value)
{
    uint64_t code;

    if (!take_bytes(aml, 1, &code)) {
        return false;
    }
    switch (code) {
    case AML_ZERO_OP:
    case AML_ONE_OP:
        *value = code;
        return true;
    case AML_BYTE_PREFIX:
        return take_bytes(aml, 1, value);
    case AML_WORD_PREFIX:
        return take_bytes(aml, 2, value);
    case AML_DWORD_PREFIX:
        return take_bytes(aml, 4, value);
    default:
        return false;
    }
}

/*
 * The length of a package, which counts its own bytes; `aml` ends there afterwards. The lead byte
 * holds the number of bytes that follow it in its two top bits, and bits 5:0 of the length, or 3:0
 * where any follow.
 */
static bool enter_package(struct aml *aml)
{
    const uint8_t *start = aml->at;
    uint64_t lead, rest = 0, length;

    if (!take_bytes(aml, 1, &lead) || !take_bytes(aml, lead >> 6, &rest)) {
        return false;
    }
    length = lead >> 6 == 0 ? lead : (lead & 0xf) | rest << 4;
    if (length < (size_t)(aml->at - start) || length > (size_t)(aml->end - start)) {
        return false;
    }
    aml->end = start + length;
    return true;
}

/* `aml` begins behind the name. */
static bool read_sleep_types(struct aml aml, uint8_t *type_a, uint8_t *type_b)
{
    uint64_t code, count, a, b;

    if (!take_bytes(&aml, 1, &code) || code != AML_PACKAGE_OP || !enter_package(&aml) ||
        !take_bytes(&aml, 1, &count) || count < 2 || !take_integer(&aml, &a) ||
        !take_integer(&aml, &b) || a > LARGEST_SLEEP_TYPE || b > LARGEST_SLEEP_TYPE) {
        return false;
    }
    *type_a = (uint8_t)a;
    *type_b = (uint8_t)b;
    return true;
}

/* The name is that of a Name(), with or without the root before it. */
static bool is_named(const uint8_t *start, const uint8_t *name)
{
    if (name > start && name[-1] == AML_ROOT) {
        name--;
    }
    return name > start && name[-1] == AML_NAME_OP;
}

bool acpi_find_s5(const struct acpi_table *dsdt, uint8_t *type_a, uint8_t *type_b)
{
    const uint8_t *start = dsdt->bytes + ACPI_HEADER_LENGTH;
    const uint8_t *end = dsdt->bytes + dsdt->length;

    for (const uint8_t *at = start; (size_t)(end - at) >= NAME_SIZE; at++) {
        if (*at == '_' && memcmp(at, S5_NAME, NAME_SIZE) == 0 && is_named(start, at) &&
            read_sleep_types((struct aml){at + NAME_SIZE, end}, type_a, type_b)) {
            return true;
        }
    }
    return false;
}
