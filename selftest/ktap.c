/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest/ktap.h"

#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/log.h"

static void put_line(const char *text, size_t length)
{
    char line[LOG_COLUMNS + 3];

    length = MIN(length, (size_t)LOG_COLUMNS);
    __builtin_memcpy(line, text, length);
    line[length++] = '\r';
    line[length++] = '\n';
    console_write(line, length);
}

void ktap_begin(unsigned tests)
{
    char line[32];

    put_line("KTAP version 1", sizeof("KTAP version 1") - 1);
    put_line(line, format_text(line, sizeof(line), "1..%u", tests));
}

void ktap_result(unsigned number, enum ktap_status status, const char *name, const char *note)
{
    static const char *const directives[] = {[KTAP_OK] = " # ",
                                             [KTAP_NOT_OK] = " # ",
                                             [KTAP_SKIP] = " # SKIP ",
                                             [KTAP_TODO] = " # TODO "};
    bool good = status == KTAP_OK || status == KTAP_SKIP;
    bool plain = note[0] == '\0' && (status == KTAP_OK || status == KTAP_NOT_OK);
    char line[LOG_COLUMNS + 1];

    put_line(line, format_text(line, sizeof(line), "%s %u %s%s%s", good ? "ok" : "not ok", number,
                               name, plain ? "" : directives[status], note));
}
