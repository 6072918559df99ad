/* SPDX-License-Identifier: BSD-2-Clause */
#include "ept/violation.h"

#include "kernel/format.h"

static const char *access_text(uint64_t qualification)
{
    bool read = qualification & EPT_VIOLATION_READ;
    bool write = qualification & EPT_VIOLATION_WRITE;

    if (qualification & EPT_VIOLATION_FETCH) {
        return "instruction fetch";
    }
    if (read && write) {
        return "read and write";
    }
    return write ? "write" : read ? "read" : "access";
}

static const char *subject_text(uint64_t qualification)
{
    if (!(qualification & EPT_VIOLATION_LINEAR)) {
        return " without a linear address";
    }
    return qualification & EPT_VIOLATION_TRANSLATION ? "" : " of a guest paging structure";
}

static const char *allowed_text(uint64_t qualification)
{
    static const char *const texts[8] = {
        "nothing is mapped",           "allowed is read",       "allowed is write",
        "allowed are read and write",  "allowed is fetch",      "allowed are read and fetch",
        "allowed are write and fetch", "everything is allowed",
    };

    return texts[FIELD_GET(BITS(5, 3), qualification)];
}

void ept_violation_text(uint64_t qualification, char *text, size_t size)
{
    format_text(text, size, "%s%s, %s", access_text(qualification), subject_text(qualification),
                allowed_text(qualification));
}
