/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/lock.h"

#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "kernel/time.h"

#define PATIENCE_MS 500 /* a record of 200 columns takes 17 ms at 115200 bits a second */

static bool broken; /* locks_break() */

bool lock_try(struct lock *lock)
{
    uint32_t nobody = 0;

    return __atomic_compare_exchange_n(&lock->holder, &nobody, this_cpu()->number + 1, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void locks_break(void)
{
    __atomic_store_n(&broken, true, __ATOMIC_RELEASE);
}

bool lock_take(struct lock *lock)
{
    uint32_t self = this_cpu()->number + 1;
    uint32_t holder = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);
    uint64_t since = rdtsc();

    if (holder == self) {
        return false;
    }
    while (!lock_try(lock)) {
        uint32_t now = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);

        if (now != holder) {
            holder = now;
            since = rdtsc();
        }
        if (__atomic_load_n(&broken, __ATOMIC_ACQUIRE) ||
            rdtsc() - since > time_khz() * PATIENCE_MS) {
            return false;
        }
        cpu_pause();
    }
    return true;
}

void lock_give(struct lock *lock, bool taken)
{
    if (taken) {
        __atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
    }
}
