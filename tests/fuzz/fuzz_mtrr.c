/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MTRRs of any content, as an emulator or a hypervisor below may have them: the types are legal,
 * runs end, and say of each address what is said of it alone.
 *
 * Input: width, whether there are MTRRs, and a probe's number of bits; then quadwords: the probe,
 * its length, IA32_MTRRCAP, IA32_MTRR_DEF_TYPE, the fixed ranges, pairs.
 */
#include <stdlib.h>
#include <string.h>

#include "ept/mtrr.h"

#define HEAD     3
#define SAMPLES  16
#define SHORT_BY 1000 /* a search that is given up has passed that many places at least */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint64_t take(const uint8_t **data, size_t *size)
{
    uint64_t value = 0;
    size_t part = *size < sizeof(value) ? *size : sizeof(value);

    memcpy(&value, *data, part);
    *data += part;
    *size -= part;
    return value;
}

static bool is_legal(unsigned type)
{
    return type == MTRR_TYPE_UC || type == MTRR_TYPE_WC ||
           (type >= MTRR_TYPE_WT && type <= MTRR_TYPE_WB);
}

static void check_ranges(const struct mtrrs *mtrrs)
{
    const struct mtrr_range *one = NULL, *other = NULL;

    check(mtrrs->count <= MTRR_MOST_VARIABLE);
    check(mtrrs->width >= 32 && mtrrs->width <= 52);
    for (unsigned i = 0; i < mtrrs->count; i++) {
        const struct mtrr_range *range = &mtrrs->range[i];

        check(mtrr_range_end(mtrrs, range) < BIT(mtrrs->width));
        check(mtrr_range_end(mtrrs, range) >= range->base);
        check(
            mtrr_has_holes(mtrrs, range) ==
            (range->mask != 0 && range->mask != BIT(mtrrs->width) - (range->mask & -range->mask)));
    }
    if (mtrr_conflict(mtrrs, &one, &other)) {
        check(one < other && one->type != other->type);
    }
}

static void check_run(const struct mtrrs *mtrrs, uint64_t at, uint64_t length)
{
    struct mtrr_run run = mtrr_run(mtrrs, HPA(at), length);

    check(run.length <= length && (run.length != 0 || length == 0));
    check(is_legal(run.type) && run.type == mtrr_type(mtrrs, HPA(at)));
    for (uint64_t i = 0; i < SAMPLES && run.length != 0; i++) {
        uint64_t in = i == 0 ? run.length - 1 : run.length / SAMPLES * i;

        if (at + in >= at) {
            check(mtrr_type(mtrrs, HPA(at + in)) == run.type);
        }
    }
    if (run.length < length) {
        check(mtrr_type(mtrrs, HPA(at + run.length)) != run.type ||
              run.length >= SHORT_BY * PAGE_SIZE);
        check(IS_ALIGNED(at + run.length, PAGE_SIZE));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mtrr_registers registers = {0};
    struct mtrrs mtrrs;
    uint64_t at, length;

    if (size < HEAD) {
        return 0;
    }
    registers.physical_width = data[0];
    registers.present = data[1] % 8 != 0;
    at = UINT64_MAX >> data[2] % 64;
    data += HEAD;
    size -= HEAD;
    at &= take(&data, &size);
    length = take(&data, &size);
    registers.capability = take(&data, &size);
    registers.default_type = take(&data, &size);
    for (unsigned i = 0; i < MTRR_FIXED_REGISTERS; i++) {
        registers.fixed[i] = take(&data, &size);
    }
    for (unsigned n = 0; n < MTRR_MOST_VARIABLE; n++) {
        registers.base[n] = take(&data, &size);
        registers.mask[n] = take(&data, &size);
    }
    memset(&mtrrs, 0xA5, sizeof(mtrrs));
    mtrr_decode(&registers, &mtrrs);
    check_ranges(&mtrrs);
    check_run(&mtrrs, at, length);
    check_run(&mtrrs, 0, UINT64_MAX);
    return 0;
}
