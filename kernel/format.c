/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formatter of the log. It owns no state: a sink on the caller's stack counts what the whole
 * text would have taken, and stores only what fits. What it supports reads as C17's snprintf says
 * (a precision of integers included); %p differs by writing 0x0 for a null pointer.
 */
#include "kernel/format.h"
#include "kernel/string.h"

/* Widths and precisions are held below this, so that no sum of them overflows. */
#define LONGEST_FIELD UINT32_C(0x7fffffff)

struct sink {
    char *out;
    size_t size;
    size_t length; /* of the whole text so far, stored or not */
};

/* One conversion specification, between its `%` and its letter. */
struct conversion {
    bool left, zero, alternate, plus;
    bool has_precision;
    size_t width, precision;
    size_t argument_size; /* bytes of the integer argument: 1, 2, 4 or 8 */
};

static void put(struct sink *sink, char c)
{
    if (sink->length + 1 < sink->size) {
        sink->out[sink->length] = c;
    }
    sink->length++;
}

static void put_bytes(struct sink *sink, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        put(sink, bytes[i]);
    }
}

static void put_repeated(struct sink *sink, char c, size_t count)
{
    while (count-- != 0) {
        put(sink, c);
    }
}

/* Text with blanks around it up to the width; %s and %c know no zero padding. */
static void put_field(struct sink *sink, const struct conversion *conversion, const char *bytes,
                      size_t length)
{
    size_t padding = conversion->width > length ? conversion->width - length : 0;

    put_repeated(sink, ' ', conversion->left ? 0 : padding);
    put_bytes(sink, bytes, length);
    put_repeated(sink, ' ', conversion->left ? padding : 0);
}

/* `prefix` is a sign, 0x or empty. Zeros stand between it and the digits, blanks around the two. */
static void put_number(struct sink *sink, const struct conversion *conversion, const char *prefix,
                       uint64_t value, unsigned base, bool capitals)
{
    const char *figures = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[20]; /* 2^64 - 1 in decimal */
    size_t count = 0, zeros = 0, prefix_length = strlen(prefix), used, padding;

    for (uint64_t rest = value; rest != 0; rest /= base) {
        digits[sizeof(digits) - ++count] = figures[rest % base];
    }
    if (conversion->has_precision) {
        zeros = conversion->precision > count ? conversion->precision - count : 0;
    } else if (count == 0) {
        zeros = 1;
    }
    used = prefix_length + zeros + count;
    padding = conversion->width > used ? conversion->width - used : 0;
    if (conversion->zero && !conversion->left && !conversion->has_precision) {
        zeros += padding;
        padding = 0;
    }
    put_repeated(sink, ' ', conversion->left ? 0 : padding);
    put_bytes(sink, prefix, prefix_length);
    put_repeated(sink, '0', zeros);
    put_bytes(sink, digits + sizeof(digits) - count, count);
    put_repeated(sink, ' ', conversion->left ? padding : 0);
}

static void put_string(struct sink *sink, const struct conversion *conversion, const char *text)
{
    size_t length = 0;

    if (text == NULL) {
        text = "(null)";
    }
    /* With a precision the text may lack its NUL, so no byte beyond the precision is read. */
    while (!(conversion->has_precision && length == conversion->precision) &&
           text[length] != '\0') {
        length++;
    }
    put_field(sink, conversion, text, length);
}

static size_t parse_count(const char **at)
{
    size_t count = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        count = MIN(count * 10 + (size_t)(**at - '0'), LONGEST_FIELD);
    }
    return count;
}

static bool parse_flag(struct conversion *conversion, char c)
{
    switch (c) {
    case '-':
        return conversion->left = true;
    case '0':
        return conversion->zero = true;
    case '#':
        return conversion->alternate = true;
    case '+':
        return conversion->plus = true;
    default:
        return false;
    }
}

static void parse_length(struct conversion *conversion, const char **at)
{
    if ((*at)[0] == 'h') {
        bool twice = (*at)[1] == 'h';

        conversion->argument_size = twice ? 1 : 2;
        *at += twice ? 2 : 1;
    } else if ((*at)[0] == 'l') {
        conversion->argument_size = 8;
        *at += (*at)[1] == 'l' ? 2 : 1;
    } else if ((*at)[0] == 'z' || (*at)[0] == 'j') {
        conversion->argument_size = 8;
        *at += 1;
    } else {
        conversion->argument_size = 4;
    }
}

/* The argument list travels in a structure, since a va_list itself may be an array type. */
struct arguments {
    va_list list;
};

/* Everything from behind the `%` to before the letter, with the arguments that `*` takes. */
static struct conversion parse_conversion(const char **at, struct arguments *arguments)
{
    struct conversion conversion = {0};

    while (parse_flag(&conversion, **at)) {
        (*at)++;
    }
    if (**at == '*') {
        int64_t width = va_arg(arguments->list, int);

        conversion.left = conversion.left || width < 0;
        conversion.width = (size_t)(width < 0 ? -width : width);
        (*at)++;
    } else {
        conversion.width = parse_count(at);
    }
    if (**at == '.') {
        (*at)++;
        conversion.has_precision = true;
        if (**at == '*') {
            int precision = va_arg(arguments->list, int);

            conversion.has_precision = precision >= 0;
            conversion.precision = precision >= 0 ? (size_t)precision : 0;
            (*at)++;
        } else {
            conversion.precision = parse_count(at);
        }
    }
    parse_length(&conversion, at);
    return conversion;
}

/* Integers narrower than int arrive as an int, and lose here what they do not hold. */
static uint64_t take_unsigned(struct arguments *arguments, size_t size)
{
    uint64_t value =
        size == 8 ? va_arg(arguments->list, uint64_t) : va_arg(arguments->list, unsigned);

    return size == 8 ? value : value & (BIT(size * 8) - 1);
}

static void put_signed(struct sink *sink, const struct conversion *conversion, uint64_t value)
{
    uint64_t sign = BIT(conversion->argument_size * 8 - 1);

    if ((value & sign) != 0) {
        /* Negation within the argument's own width, which INT64_MIN survives unsigned. */
        put_number(sink, conversion, "-", (sign - (value & (sign - 1))), 10, false);
    } else {
        put_number(sink, conversion, conversion->plus ? "+" : "", value, 10, false);
    }
}

static void put_hexadecimal(struct sink *sink, const struct conversion *conversion, uint64_t value,
                            bool capitals)
{
    bool prefixed = conversion->alternate && value != 0;

    put_number(sink, conversion, !prefixed ? "" : capitals ? "0X" : "0x", value, 16, capitals);
}

/* False, with nothing written, where the letter is none of ours. */
static bool put_conversion(struct sink *sink, const struct conversion *conversion, char letter,
                           struct arguments *arguments)
{
    char c;

    switch (letter) {
    case 'd':
    case 'i':
        put_signed(sink, conversion, take_unsigned(arguments, conversion->argument_size));
        return true;
    case 'u':
        put_number(sink, conversion, "", take_unsigned(arguments, conversion->argument_size), 10,
                   false);
        return true;
    case 'x':
    case 'X':
        put_hexadecimal(sink, conversion, take_unsigned(arguments, conversion->argument_size),
                        letter == 'X');
        return true;
    case 'p':
        put_number(sink, conversion, "0x", (uintptr_t)va_arg(arguments->list, void *), 16, false);
        return true;
    case 'c':
        c = (char)va_arg(arguments->list, int);
        put_field(sink, conversion, &c, 1);
        return true;
    case 's':
        put_string(sink, conversion, va_arg(arguments->list, const char *));
        return true;
    case '%':
        put(sink, '%');
        return true;
    default:
        return false;
    }
}

size_t format_text_v(char *out, size_t size, const char *format, va_list list)
{
    struct sink sink = {.out = out, .size = size};
    struct arguments arguments;

    va_copy(arguments.list, list);
    for (const char *at = format; *at != '\0';) {
        const char *start = at;
        struct conversion conversion;

        if (*at++ != '%') {
            put(&sink, *start);
            continue;
        }
        conversion = parse_conversion(&at, &arguments);
        if (!put_conversion(&sink, &conversion, *at, &arguments)) {
            /* Unknown: as it stands, up to its letter; there is none at the end of the text. */
            put_bytes(&sink, start, (size_t)(at - start) + (*at != '\0'));
        }
        at += *at != '\0';
    }
    va_end(arguments.list);
    if (size != 0) {
        out[MIN(sink.length, size - 1)] = '\0';
    }
    return sink.length;
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    va_list list;
    size_t length;

    va_start(list, format);
    length = format_text_v(out, size, format, list);
    va_end(list);
    return length;
}

/* Writes the escape of one byte to `escape`, which holds 4; gives its length. */
static size_t escape_byte(char *escape, char byte)
{
    static const char named[][2] = {{'"', '"'},  {'\\', '\\'}, {'\n', 'n'},
                                    {'\r', 'r'}, {'\t', 't'},  {'\0', '0'}};
    unsigned char code = (unsigned char)byte;

    escape[0] = '\\';
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        if (byte == named[i][0]) {
            escape[1] = named[i][1];
            return 2;
        }
    }
    if (code >= ' ' && code <= '~') {
        escape[0] = byte;
        return 1;
    }
    escape[1] = 'x';
    escape[2] = "0123456789abcdef"[code >> 4];
    escape[3] = "0123456789abcdef"[code & 15];
    return 4;
}

size_t format_escaped(char *out, size_t size, const char *bytes, size_t length)
{
    size_t taken = 0, used = 0;

    if (size == 0) {
        return 0;
    }
    for (; taken < length; taken++) {
        char escape[4];
        size_t needed = escape_byte(escape, bytes[taken]);

        /* An escape is never cut: half of one would read as another text. */
        if (needed > size - 1 - used) {
            break;
        }
        memcpy(out + used, escape, needed);
        used += needed;
    }
    out[used] = '\0';
    return taken;
}
