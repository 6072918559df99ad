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

    return texts[FIELD_GET(EPT_VIOLATION_ALLOWED, qualification)];
}

void ept_violation_text(uint64_t qualification, char *text, size_t size)
{
    format_text(text, size, "%s%s, %s", access_text(qualification), subject_text(qualification),
                allowed_text(qualification));
}

/* Whose memory it was, where the linear address is known. */
static void target_text(uint64_t qualification, const struct ept_violation_mode *mode, char *text,
                        size_t size)
{
    bool user = qualification & EPT_VIOLATION_GUEST_USER;

    if (!(qualification & EPT_VIOLATION_LINEAR)) {
        format_text(text, size, " without a linear address");
    } else if (!(qualification & EPT_VIOLATION_TRANSLATION)) {
        format_text(text, size, " of a guest paging structure");
    } else {
        format_text(text, size, "%s%s", qualification & EPT_VIOLATION_FETCH ? "" : " of data",
                    !mode->exit_information ? ""
                    : user                  ? " in a user page"
                                            : " in a supervisor page");
    }
}

/* Four rights in place of three, with mode-based execute control. */
static void rights_text(uint64_t qualification, char *text, size_t size)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } rights[] = {
        {EPT_VIOLATION_READABLE, "read"},
        {EPT_VIOLATION_WRITABLE, "write"},
        {EPT_VIOLATION_EXECUTABLE, "supervisor fetch"},
        {EPT_VIOLATION_USER_EXECUTABLE, "user fetch"},
    };
    size_t length = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(rights); i++) {
        if (qualification & rights[i].bit && length < size) {
            length += format_text(text + length, size - length, "%s%s",
                                  length == 0 ? "allowed: " : ", ", rights[i].name);
        }
    }
    if (length == 0) {
        format_text(text, size, "nothing is mapped");
    }
}

void ept_violation_words(uint64_t qualification, const struct ept_violation_mode *mode, char *text,
                         size_t size)
{
    char target[40];
    char rights[64];

    target_text(qualification, mode, target, sizeof(target));
    if (mode->mode_based) {
        rights_text(qualification, rights, sizeof(rights));
    } else {
        format_text(rights, sizeof(rights), "%s", allowed_text(qualification));
    }
    format_text(text, size, "%s%s, %s%s%s%s", access_text(qualification), target, rights,
                qualification & EPT_VIOLATION_SHADOW ? ", shadow stack" : "",
                qualification & EPT_VIOLATION_ASYNC ? ", asynchronous" : "",
                qualification & EPT_VIOLATION_NMI_UNBLOCK ? ", NMI unblocked" : "");
}
