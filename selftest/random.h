/* SPDX-License-Identifier: BSD-2-Clause */
/* A small generator of repeatable random numbers (SplitMix64). Pure. */
#ifndef SELFTEST_RANDOM_H
#define SELFTEST_RANDOM_H

#include "kernel/types.h"

#define RANDOM_STRIDE UINT64_C(0x9E3779B97F4A7C15)

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += RANDOM_STRIDE);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 to below - 1. */
static inline uint64_t random_below(struct random *random, uint64_t below)
{
    return random_next(random) % below;
}

#endif
