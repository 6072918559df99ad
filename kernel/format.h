/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formatter of the log: the conversions of printf that a log needs, into a bounded buffer.
 *
 * Conversions: %s %c %d %i %u %x %X %p %%, with the lengths hh h l ll z j, the flags `-` `0` `#`
 * `+`, a width and, for %s, a precision (both also as `*`). No floating point. An unknown
 * conversion is copied as it stands.
 */
#ifndef KERNEL_FORMAT_H
#define KERNEL_FORMAT_H

#include "kernel/types.h"

#include <stdarg.h>

/*
 * Writes at most `size` bytes to `out`, the final NUL included, which is always written where size
 * is not 0. Gives the length that the whole text would have had, as snprintf does.
 */
size_t format_text(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
size_t format_text_v(char *out, size_t size, const char *format, va_list list) PRINTF_LIKE(3, 0);

/*
 * Writes `length` bytes of `bytes` so that they are printable ASCII within double quotes: `"` and
 * `\` get a backslash, \n \r \t \0 are written so, all else as \xHH. Gives how many bytes of
 * `bytes` were taken before `size` was full (the NUL always fits); the quotes themselves are not
 * written.
 */
size_t format_escaped(char *out, size_t size, const char *bytes, size_t length);

#endif
