/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest `policy`: ranges of its memory, and one where it has none, each with a policy of its
 * own. Where they are, guest/code/policy.asm knows too. */
#include "guest/guest.h"
#include "kernel/format.h"
#include "vmx/watch.h"

#define WATCHED_BYTES 64

/* Memory that can be written once: what stands there is not written over. */
static enum watch_policy write_once(struct vcpu *vcpu, const struct watch_report *access,
                                    void *context)
{
    (void)vcpu;
    (void)context;
    return access->before == 0 ? WATCH_REPORT : WATCH_IGNORE;
}

static const struct watch_range ranges[] = {
    {{0x180000}, WATCHED_BYTES, WATCH_WRITE, .policy = WATCH_IGNORE},
    {{0x181000}, PAGE_SIZE, WATCH_WRITE, .policy = WATCH_INJECT_GP},
    {{0x182000}, PAGE_SIZE, WATCH_READ | WATCH_WRITE, .policy = WATCH_INJECT_PF},
    {{0x183000}, WATCHED_BYTES, WATCH_WRITE, .policy = WATCH_CALL, .handler = write_once},
    {{0x300000}, PAGE_SIZE, WATCH_READ | WATCH_WRITE, .policy = WATCH_IGNORE},
    {{0x101000}, WATCHED_BYTES, WATCH_FETCH, .policy = WATCH_REPORT},
    {{0x184000}, WATCHED_BYTES, WATCH_WRITE, .policy = WATCH_STOP, .stop_passes = true},
};

static enum status prepare(struct vcpu *vcpu, char *why, size_t size)
{
    enum status status = STATUS_OK;

    for (unsigned i = 0; i < ARRAY_SIZE(ranges) && status == STATUS_OK; i++) {
        status = watch_add_range(vcpu, &ranges[i]);
        if (status == STATUS_OK) {
            watch_log_range(vcpu, &ranges[i]);
        } else {
            format_text(why, size, "watches: %s", status_text(status));
        }
    }
    return status;
}

const struct vm_hooks guest_policy_hooks = {
    .prepare = prepare,
    .hlt = flat_hlt,
    .port_out = flat_port_out,
    .port_in = flat_port_in,
};
