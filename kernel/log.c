/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a record together; the console takes it whole. */
#include "kernel/log.h"

#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/percpu.h"
#include "kernel/time.h"

void log_mute(bool muted)
{
    this_cpu()->log_muted = muted;
}

void log_line(const char *topic, const char *format, ...)
{
    char line[LOG_COLUMNS + 3]; /* CR, LF and the NUL */
    uint64_t now = time_microseconds();
    size_t length;
    va_list arguments;

    if (this_cpu()->log_muted) {
        return;
    }
    length = format_text(line, LOG_COLUMNS + 1, "[%06lu.%06lu] cpu%u %s: ", now / 1000000,
                         now % 1000000, this_cpu()->number, topic);
    va_start(arguments, format);
    length += format_text_v(line + length, LOG_COLUMNS + 1 - length, format, arguments);
    va_end(arguments);

    if (length > LOG_COLUMNS) {
        length = LOG_COLUMNS;
        line[length - 1] = line[length - 2] = line[length - 3] = '.';
    }
    for (size_t i = 0; i < length; i++) {
        if (line[i] < ' ' || line[i] > '~') {
            line[i] = '?';
        }
    }
    line[length++] = '\r';
    line[length++] = '\n';
    console_write(line, length);
}
