/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/invalidate.h"

/* INVEPT knows no ranges: which addresses changed does not matter. */
static void flush(struct pt_flusher *base, const struct pt_changes *changes)
{
    const struct ept_flusher *flusher = (const struct ept_flusher *)base;
    const struct ept_invept *invept = flusher->invept;

    (void)changes;
    if (invept->single && !flusher->shared) {
        invept->execute(invept, EPT_INVEPT_SINGLE, flusher->pointer);
    } else {
        invept->execute(invept, EPT_INVEPT_ALL, 0);
    }
}

enum status ept_flush_with(struct ept *ept, struct ept_flusher *flusher,
                           const struct ept_invept *invept, uint64_t pointer, bool shared)
{
    if (!invept->all && (shared || !invept->single)) {
        return STATUS_UNSUPPORTED;
    }
    *flusher = (struct ept_flusher){{flush}, invept, pointer, shared};
    ept->table.flusher = &flusher->flusher;
    return STATUS_OK;
}

void ept_settle(struct ept *ept)
{
    pt_settle(&ept->table);
}
