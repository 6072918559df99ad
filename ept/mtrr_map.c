/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps memory with the types that the MTRRs give to it. Pure. */
#include "ept/ept.h"
#include "ept/mtrr.h"

enum status ept_map_typed(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t length, uint64_t rights,
                          const struct mtrrs *mtrrs)
{
    enum status status = STATUS_OK;

    for (uint64_t done = 0; status == STATUS_OK && done < length;) {
        hpa_t from = HPA(hpa.value + done);
        struct mtrr_run run = mtrr_run(mtrrs, from, length - done);

        status = ept_map(ept, GPA(gpa.value + done), from, run.length, rights, run.type);
        done += run.length;
    }
    return status;
}
