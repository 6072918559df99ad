/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of options, with each one's parser. A new option is a parser and a row; the complaints
 * and the list of known options are made from the rows. What is not built yet has a row without a
 * parser, and stands in no list.
 */
#include "kernel/option_table.h"
#include "kernel/acpi.h"
#include "kernel/string.h"

#define COM1          UINT16_C(0x3f8)
#define HIGHEST_SPEED UINT32_C(115200) /* a 16550's, of which the others are divisors */

static enum option_verdict parse_guest(const char *value, struct options *options)
{
    return option_name(value, options->guest, sizeof(options->guest));
}

static enum option_verdict parse_memory(const char *value, struct options *options)
{
    uint64_t bytes;

    if (!option_size(value, &bytes) || bytes == 0 || !IS_ALIGNED(bytes, PAGE_SIZE)) {
        return OPTION_BAD;
    }
    options->memory = bytes;
    return OPTION_TAKEN;
}

static enum option_verdict parse_cpu(const char *value, struct options *options)
{
    uint64_t number;

    if (!option_number(value, &number) || number >= ACPI_MAX_PROCESSORS) {
        return OPTION_BAD;
    }
    options->cpu = (unsigned)number;
    return OPTION_TAKEN;
}

static enum option_verdict parse_vms(const char *value, struct options *options)
{
    return option_text(value, ",", options->vms, sizeof(options->vms));
}

static enum option_verdict parse_mode(const char *value, struct options *options)
{
    static const char *const modes[] = {[MODE_RUN] = "run",
                                        [MODE_SELFTEST] = "selftest",
                                        [MODE_BENCH] = "bench",
                                        [MODE_CAPS] = "caps",
                                        [MODE_MONITOR] = "monitor"};
    static const bool built[ARRAY_SIZE(modes)] = {
        [MODE_RUN] = true, [MODE_CAPS] = true, [MODE_SELFTEST] = true, [MODE_BENCH] = true};
    unsigned mode;

    if (!option_choice(value, modes, ARRAY_SIZE(modes), &mode)) {
        return OPTION_BAD;
    }
    options->mode = (enum run_mode)mode;
    options->unbuilt_mode = built[mode] ? NULL : modes[mode];
    return built[mode] ? OPTION_TAKEN : OPTION_UNBUILT;
}

static enum option_verdict parse_audit(const char *value, struct options *options)
{
    static const char *const modes[] = {
        [AUDIT_ON] = "on", [AUDIT_STRICT] = "strict", [AUDIT_OFF] = "off"};
    unsigned mode;

    if (!option_choice(value, modes, ARRAY_SIZE(modes), &mode)) {
        return OPTION_BAD;
    }
    options->audit = (enum audit_mode)mode;
    return OPTION_TAKEN;
}

/* Whether there are fields of these names, the rooms above know. */
static enum option_verdict parse_break(const char *value, struct options *options)
{
    return option_text(value, ":,", options->breaks, sizeof(options->breaks));
}

/* One address of each kind: the second of a kind takes the place of the first. */
static enum option_verdict parse_walk(const char *value, struct options *options)
{
    struct walk_option *walk = strncmp(value, "gpa:", 4) == 0   ? &options->walk_gpa
                               : strncmp(value, "gva:", 4) == 0 ? &options->walk_gva
                                                                : NULL;
    bool again;

    if (walk == NULL || !option_hexadecimal(value + 4, &walk->address)) {
        return OPTION_BAD;
    }
    again = walk->asked;
    walk->asked = true;
    return again ? OPTION_TWICE : OPTION_ADDED;
}

static enum option_verdict parse_select(const char *value, struct options *options)
{
    return option_text(value, "*?", options->select, sizeof(options->select));
}

static enum option_verdict parse_seed(const char *value, struct options *options)
{
    return option_number(value, &options->seed) ? OPTION_TAKEN : OPTION_BAD;
}

static enum option_verdict parse_count(const char *value, struct options *options)
{
    return option_number(value, &options->count) ? OPTION_TAKEN : OPTION_BAD;
}

static enum option_verdict parse_trace(const char *value, struct options *options)
{
    static const char *const modes[] = {
        [TRACE_LIVE] = "live", [TRACE_RING] = "ring", [TRACE_OFF] = "off"};
    unsigned mode;

    if (!option_choice(value, modes, ARRAY_SIZE(modes), &mode)) {
        return OPTION_BAD;
    }
    options->trace = (enum trace_mode)mode;
    return OPTION_TAKEN;
}

static enum option_verdict parse_limit(const char *value, struct options *options)
{
    return option_number(value, &options->limit) ? OPTION_TAKEN : OPTION_BAD;
}

static enum option_verdict parse_on_end(const char *value, struct options *options)
{
    static const char *const actions[] = {
        [END_POWEROFF] = "poweroff", [END_REBOOT] = "reboot", [END_HALT] = "halt"};
    unsigned action;

    if (strcmp(value, "monitor") == 0) {
        return OPTION_UNBUILT;
    }
    if (!option_choice(value, actions, ARRAY_SIZE(actions), &action)) {
        return OPTION_BAD;
    }
    options->on_end = (enum end_action)action;
    return OPTION_TAKEN;
}

/* The same port again changes its speed, so that no line is printed twice on it. */
static enum option_verdict add_console(struct options *options, struct console_option console)
{
    for (unsigned i = 0; i < options->console_count; i++) {
        if (options->consoles[i].port == console.port) {
            options->consoles[i] = console;
            return OPTION_TWICE;
        }
    }
    if (options->console_count == OPTIONS_MAX_CONSOLES) {
        return OPTION_TOO_MANY;
    }
    options->consoles[options->console_count++] = console;
    return OPTION_ADDED;
}

static enum option_verdict parse_console(const char *value, struct options *options)
{
    static const char *const names[] = {"com1", "com2", "com3", "com4"};
    static const uint16_t ports[] = {COM1, 0x2f8, 0x3e8, 0x2e8};
    char port_text[8]; /* 0xfff8 */
    size_t length = 0;
    uint64_t port, speed = HIGHEST_SPEED;
    unsigned name;

    while (value[length] != '\0' && value[length] != ',') {
        length++;
    }
    if (length >= sizeof(port_text)) {
        return OPTION_BAD;
    }
    memcpy(port_text, value, length);
    port_text[length] = '\0';
    if (strcmp(port_text, "screen") == 0) {
        return OPTION_UNBUILT;
    }
    if (option_choice(port_text, names, ARRAY_SIZE(names), &name)) {
        port = ports[name];
    } else if (!option_hexadecimal(port_text, &port) || port < 0x100 || port > 0xfff8) {
        return OPTION_BAD;
    }
    if (value[length] == ',' && !option_number(value + length + 1, &speed)) {
        return OPTION_BAD;
    }
    if (speed == 0 || HIGHEST_SPEED % speed != 0) {
        return OPTION_BAD;
    }
    return add_console(options,
                       (struct console_option){.port = (uint16_t)port, .speed = (uint32_t)speed});
}

static enum option_verdict parse_provoke(const char *value, struct options *options)
{
    static const char *const faults[] = {"divide", "ud",        "gp",          "page",
                                         "text",   "data",      "stack-guard", "free-twice",
                                         "exit",   "unhandled", "spoil",       "deaf"};
    unsigned fault;

    if (!option_choice(value, faults, ARRAY_SIZE(faults), &fault)) {
        return OPTION_BAD;
    }
    string_copy(options->provoke, sizeof(options->provoke), faults[fault]);
    return OPTION_TAKEN;
}

static enum option_verdict parse_machine(const char *value, struct options *options)
{
    return option_name(value, options->machine, sizeof(options->machine));
}

static enum option_verdict parse_token(const char *value, struct options *options)
{
    return option_name(value, options->token, sizeof(options->token));
}

static enum option_verdict parse_exit_port(const char *value, struct options *options)
{
    uint64_t port;

    if (!option_hexadecimal(value, &port) || port == 0 || port > UINT16_MAX) {
        return OPTION_BAD;
    }
    options->exit_port = (uint16_t)port;
    return OPTION_TAKEN;
}

const struct option_row option_rows[] = {
    {"guest", parse_guest, "a name of at most 15 of 0-9 A-Z a-z . _ -"},
    {"memory", parse_memory, "bytes, or with K, M or G, a multiple of 4K and not 0"},
    {"cpu", parse_cpu, "the number of a processor, 0 to 255"},
    {"vms", parse_vms, "names of guests, of 0-9 A-Z a-z . _ -, with commas between; at most 95"},
    {"mode", parse_mode, "run, caps, selftest, bench"},
    {"trace", parse_trace, "live, ring, off"},
    {"limit", parse_limit, "a number of exits, 0 for none"},
    {"on-end", parse_on_end, "poweroff, reboot, halt"},
    {"console", parse_console,
     "com1 to com4 or 0x100 to 0xfff8, then a comma and a divisor of 115200; at most 4"},
    {"audit", parse_audit, "on, strict, off"},
    {"break", parse_break, "FIELD or FIELD:VALUE, several by comma, at most 159 characters"},
    {"walk", parse_walk, "gpa:0xADDRESS or gva:0xADDRESS, one of each"},
    {"select", parse_select, "a glob over selftests' names, of 0-9 A-Z a-z . _ - * ?, at most 47"},
    {"seed", parse_seed, "a number"},
    {"count", parse_count, "a number of random mutations"},
    {"provoke", parse_provoke,
     "divide, ud, gp, page, text, data, stack-guard, free-twice, exit, unhandled, "
     "spoil, deaf"},
    {"machine", parse_machine, "a name of at most 47 of 0-9 A-Z a-z . _ -"},
    {"token", parse_token, "a name of at most 39 of 0-9 A-Z a-z . _ -"},
    {"exit-port", parse_exit_port, "0x1 to 0xffff"},
};

const unsigned option_row_count = ARRAY_SIZE(option_rows);

_Static_assert(ARRAY_SIZE(option_rows) <= 64, "one bit of options_parse()'s `seen` for each row");
_Static_assert(sizeof((struct options){0}.guest) == 16 &&
                   sizeof((struct options){0}.machine) == 48 &&
                   sizeof((struct options){0}.breaks) == 160 &&
                   sizeof((struct options){0}.select) == 48 &&
                   sizeof((struct options){0}.vms) == 96 && sizeof((struct options){0}.token) == 40,
               "the lengths in the table's English");

void option_fill_in(struct options *options)
{
    if (options->console_count == 0) {
        (void)add_console(options, (struct console_option){.port = COM1, .speed = HIGHEST_SPEED});
    }
}
