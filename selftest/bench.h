/* SPDX-License-Identifier: BSD-2-Clause */
/* mode=bench: what the paths cost that everything else stands on, in TSC ticks. */
#ifndef SELFTEST_BENCH_H
#define SELFTEST_BENCH_H

#include "selftest/selftest.h"

struct bench_tally {
    unsigned measured, skipped;
    unsigned failed; /* could not be measured, or cost more than the limit */
};

/*
 * Measures what `request` selects by a glob; a record each. The limits are in instructions, so they
 * count where a tick is one: in Bochs, as `request->machine` says.
 */
struct bench_tally bench_run(const struct vmx_operation *operation,
                             const struct selftest_request *request);

#endif
