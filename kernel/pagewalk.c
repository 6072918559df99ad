/* SPDX-License-Identifier: BSD-2-Clause */
/* A walk of tables of any format, ours or a guest's. */
#include "kernel/pagewalk.h"

struct pt_walk pt_walk(const struct pt_format *format, struct pt_memory *memory, hpa_t root,
                       uint64_t address)
{
    return pt_walk_with(format, memory, memory->at, root, address);
}
