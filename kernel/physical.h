/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How parsers of firmware and loader tables reach physical memory: through a reader, so that the
 * same code runs in the hypervisor (identity map) and on the host (a test's or a fuzzer's buffer).
 */
#ifndef KERNEL_PHYSICAL_H
#define KERNEL_PHYSICAL_H

#include "kernel/types.h"

struct physical_reader {
    /*
     * A pointer through which `length` bytes at the host-physical `address` can be read, or NULL
     * if not all of them can. The pointer may have any alignment.
     */
    const void *(*at)(const struct physical_reader *reader, hpa_t address, uint64_t length);
};

static inline const void *physical_at(const struct physical_reader *reader, hpa_t address,
                                      uint64_t length)
{
    return reader->at(reader, address, length);
}

#endif
