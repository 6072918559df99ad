/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line, and what a user is told about it. */
#include "kernel/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* All complaints of one command line, as `word: sentence` lines. */
struct heard {
    unsigned count;
    char text[4096];
};

static void hear(void *context, const char *word, const char *sentence)
{
    struct heard *heard = context;
    size_t used = strlen(heard->text);

    snprintf(heard->text + used, sizeof(heard->text) - used, "%s%s: %s", used == 0 ? "" : "\n",
             word, sentence);
    heard->count++;
}

static struct options parse(const char *text, struct heard *heard)
{
    struct options options;

    memset(heard, 0, sizeof(*heard));
    memset(&options, 0xa5, sizeof(options)); /* a default that is not set shows */
    options_parse(text, &options, hear, heard);
    return options;
}

/* A command line without a complaint. */
static struct options parse_clean(const char *text)
{
    struct heard heard;
    struct options options = parse(text, &heard);

    assert_string_equal(heard.text, "");
    return options;
}

/* A word that is complained of just so. */
static struct options complained(const char *word, const char *sentence)
{
    struct heard heard;
    struct options options = parse(word, &heard);
    char expected[1024];

    snprintf(expected, sizeof(expected), "%s: %s", word, sentence);
    assert_string_equal(heard.text, expected);
    assert_int_equal(heard.count, 1);
    return options;
}

static void assert_defaults(const struct options *options)
{
    assert_string_equal(options->guest, "");
    assert_true(options->memory == 0);
    assert_int_equal(options->mode, MODE_RUN);
    assert_int_equal(options->trace, TRACE_LIVE);
    assert_true(options->limit == 0);
    assert_int_equal(options->on_end, END_POWEROFF);
    assert_int_equal(options->console_count, 1);
    assert_int_equal(options->consoles[0].port, 0x3f8);
    assert_int_equal(options->consoles[0].speed, 115200);
    assert_int_equal(options->audit, AUDIT_ON);
    assert_string_equal(options->breaks, "");
    assert_string_equal(options->select, "");
    assert_true(options->seed == 0);
    assert_true(options->count == 0);
    assert_false(options->walk_gpa.asked);
    assert_false(options->walk_gva.asked);
    assert_string_equal(options->provoke, "");
    assert_string_equal(options->machine, "");
    assert_string_equal(options->token, "");
    assert_int_equal(options->exit_port, 0);
}

static void an_empty_line_gives_the_defaults(void **state)
{
    static const char *const lines[] = {"", " ", " \t\r\n ", "/boot/lintel.elf"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct options options = parse_clean(lines[i]);

        assert_defaults(&options);
        assert_null(options.unbuilt_mode);
    }
}

static void every_option_is_taken(void **state)
{
    struct options options = parse_clean(
        "  /boot/lintel.elf guest=tour\tmemory=32M cpu=0 mode=run trace=ring limit=1000 "
        "on-end=reboot console=com2,9600 audit=strict break=guest_rip,guest_tr_ar:0x89 "
        "walk=gpa:0x1000 walk=gva:0xffff800000000000 select=audit.* seed=0x2a count=7 "
        "provoke=stack-guard machine=bochs-3.0 "
        "token=4f2c_9.A-z exit-port=0x8900 ");

    (void)state;
    assert_string_equal(options.guest, "tour");
    assert_true(options.memory == 32 * MIB);
    assert_int_equal(options.trace, TRACE_RING);
    assert_true(options.limit == 1000);
    assert_int_equal(options.on_end, END_REBOOT);
    assert_int_equal(options.console_count, 1);
    assert_int_equal(options.consoles[0].port, 0x2f8);
    assert_int_equal(options.consoles[0].speed, 9600);
    assert_null(options.unbuilt_mode);
    assert_int_equal(options.audit, AUDIT_STRICT);
    assert_string_equal(options.breaks, "guest_rip,guest_tr_ar:0x89");
    assert_string_equal(options.select, "audit.*");
    assert_true(options.walk_gpa.asked && options.walk_gpa.address == 0x1000);
    assert_true(options.walk_gva.asked && options.walk_gva.address == 0xffff800000000000);
    assert_true(options.seed == 0x2a);
    assert_true(options.count == 7);
    assert_string_equal(options.provoke, "stack-guard");
    assert_string_equal(options.machine, "bochs-3.0");
    assert_string_equal(options.token, "4f2c_9.A-z");
    assert_int_equal(options.exit_port, 0x8900);
}

static void choices(void **state)
{
    static const char *const faults[] = {"divide", "ud",        "gp",          "page",
                                         "text",   "data",      "stack-guard", "free-twice",
                                         "exit",   "unhandled", "spoil",       "deaf"};

    (void)state;
    assert_int_equal(parse_clean("trace=live").trace, TRACE_LIVE);
    assert_int_equal(parse_clean("mode=run").mode, MODE_RUN);
    assert_int_equal(parse_clean("mode=caps").mode, MODE_CAPS);
    assert_int_equal(parse_clean("mode=selftest").mode, MODE_SELFTEST);
    assert_null(parse_clean("mode=selftest").unbuilt_mode);
    assert_int_equal(parse_clean("audit=on").audit, AUDIT_ON);
    assert_int_equal(parse_clean("audit=strict").audit, AUDIT_STRICT);
    assert_int_equal(parse_clean("audit=off").audit, AUDIT_OFF);
    assert_int_equal(parse_clean("trace=off").trace, TRACE_OFF);
    assert_int_equal(parse_clean("on-end=poweroff").on_end, END_POWEROFF);
    assert_int_equal(parse_clean("on-end=halt").on_end, END_HALT);
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        char word[32];

        snprintf(word, sizeof(word), "provoke=%s", faults[i]);
        assert_string_equal(parse_clean(word).provoke, faults[i]);
    }
}

static void sizes_of_memory(void **state)
{
    static const struct {
        const char *word;
        uint64_t bytes;
    } cases[] = {{"memory=4096", 4096},      {"memory=0x1000", 4096},
                 {"memory=4K", 4096},        {"memory=16m", 16 * MIB},
                 {"memory=0X10M", 16 * MIB}, {"memory=3G", 3 * GIB},
                 {"memory=1g", GIB},         {"memory=0xfffffffffffff000", 0xfffffffffffff000}};
    static const char *const bad[] = {"memory=0",
                                      "memory=0K",
                                      "memory=1",
                                      "memory=2K",
                                      "memory=4097",
                                      "memory=16MB",
                                      "memory=M",
                                      "memory=0x",
                                      "memory=-1M",
                                      "memory=0x1g0",
                                      "memory=18446744073709551616",
                                      "memory=0x10000000000000000",
                                      "memory=17179869185G",
                                      "memory=99999999999999999999999K"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(parse_clean(cases[i].word).memory == cases[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct options options = complained(
            bad[i], "bad value; allowed: bytes, or with K, M or G, a multiple of 4K and not 0");

        assert_true(options.memory == 0);
    }
}

static void limits(void **state)
{
    const char *allowed = "bad value; allowed: a number of exits, 0 for none";

    (void)state;
    assert_true(parse_clean("limit=0").limit == 0);
    assert_true(parse_clean("limit=0xffffffffffffffff").limit == UINT64_MAX);
    assert_true(parse_clean("limit=18446744073709551615").limit == UINT64_MAX);
    complained("limit=18446744073709551616", allowed);
    complained("limit=ten", allowed);
    complained("limit=1K", allowed);
    complained("limit=+1", allowed);
}

static void consoles(void **state)
{
    static const struct {
        const char *word;
        uint16_t port;
        uint32_t speed;
    } cases[] = {
        {"console=com1", 0x3f8, 115200},      {"console=com1,115200", 0x3f8, 115200},
        {"console=com2,57600", 0x2f8, 57600}, {"console=com3", 0x3e8, 115200},
        {"console=com4,50", 0x2e8, 50},       {"console=0xe9f8", 0xe9f8, 115200},
        {"console=0x100,1", 0x100, 1},        {"console=0xfff8,38400", 0xfff8, 38400},
    };
    static const char *const bad[] = {
        "console=com5",           "console=com",    "console=COM1",         "console=,9600",
        "console=com1,",          "console=com1,0", "console=com1,115201",  "console=com1,9601",
        "console=com1,9600,",     "console=0xff",   "console=0xfff9",       "console=0x10000",
        "console=1016",           "console=0x",     "console=com1,115200x", "console=0x0003f8",
        "console=com1,11520\xff",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options options = parse_clean(cases[i].word);

        assert_int_equal(options.console_count, 1);
        assert_int_equal(options.consoles[0].port, cases[i].port);
        assert_int_equal(options.consoles[0].speed, cases[i].speed);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct options options =
            complained(bad[i], "bad value; allowed: com1 to com4 or 0x100 to 0xfff8, then a comma "
                               "and a divisor of 115200; at most 4");

        assert_defaults(&options);
    }
}

static void several_consoles(void **state)
{
    struct heard heard;
    struct options options =
        parse_clean("console=com1 console=com2 console=com3 console=com4,9600");

    (void)state;
    assert_int_equal(options.console_count, 4);
    assert_int_equal(options.consoles[3].port, 0x2e8);
    assert_int_equal(options.consoles[3].speed, 9600);

    options = parse("console=com1 console=com2 console=com3 console=com4 console=0x200", &heard);
    assert_int_equal(options.console_count, 4);
    assert_string_equal(heard.text,
                        "console=0x200: one too many; allowed: com1 to com4 or 0x100 to 0xfff8, "
                        "then a comma and a divisor of 115200; at most 4");

    options = parse("console=com2 console=0x2f8,9600", &heard);
    assert_int_equal(options.console_count, 1);
    assert_int_equal(options.consoles[0].speed, 9600);
    assert_string_equal(heard.text, "console=0x2f8,9600: given twice; the last counts");
}

static void ports_that_end_the_machine(void **state)
{
    const char *allowed = "bad value; allowed: 0x1 to 0xffff";

    (void)state;
    assert_int_equal(parse_clean("exit-port=0x1").exit_port, 1);
    assert_int_equal(parse_clean("exit-port=0xffff").exit_port, 0xffff);
    complained("exit-port=0x0", allowed);
    complained("exit-port=0x10000", allowed);
    complained("exit-port=244", allowed);
    complained("exit-port=f4", allowed);
}

static void an_address_of_each_kind_is_walked(void **state)
{
    const char *allowed = "bad value; allowed: gpa:0xADDRESS or gva:0xADDRESS, one of each";
    const char *const bad[] = {"walk=gpa:",   "walk=0x1000",    "walk=gpa",
                               "walk=gva:10", "walk=gva:0x10g", "walk=gpa:0x10000000000000000",
                               "walk=GPA:0x1"};
    struct heard heard;
    struct options options;

    (void)state;
    options = parse_clean("walk=gva:0x0");
    assert_true(options.walk_gva.asked && options.walk_gva.address == 0);
    assert_false(options.walk_gpa.asked);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        options = complained(bad[i], allowed);
        assert_defaults(&options);
    }
    options = parse("walk=gpa:0x1 walk=gva:0x2 walk=gpa:0x3 walk=gva:x", &heard);
    assert_true(options.walk_gpa.address == 3 && options.walk_gva.address == 2);
    assert_string_equal(heard.text, "walk=gpa:0x3: given twice; the last counts\nwalk=gva:x: bad "
                                    "value; allowed: gpa:0xADDRESS or gva:0xADDRESS, one of each");
}

/* An option whose value is a text: each value as it was given, or the complaint about it. */
struct text_option {
    const char *name, *allowed;
    size_t most; /* characters */
    const char *(*value)(const struct options *options);
};

static const char *breaks_of(const struct options *options)
{
    return options->breaks;
}

static const char *select_of(const struct options *options)
{
    return options->select;
}

static const struct text_option break_option = {
    "break", "FIELD or FIELD:VALUE, several by comma, at most 159 characters", 159, breaks_of};
static const struct text_option select_option = {
    "select", "a glob over selftests' names, of 0-9 A-Z a-z . _ - * ?, at most 47", 47, select_of};

static void text_is_taken(const struct text_option *option, const char *value)
{
    struct options options;
    char word[256];

    snprintf(word, sizeof(word), "%s=%s", option->name, value);
    options = parse_clean(word);
    assert_string_equal(option->value(&options), value);
}

static void text_is_refused(const struct text_option *option, const char *value, const char *what)
{
    struct options options;
    char word[256], sentence[160];

    snprintf(word, sizeof(word), "%s=%s", option->name, value);
    snprintf(sentence, sizeof(sentence), "%s; allowed: %s", what, option->allowed);
    options = complained(word, sentence);
    assert_defaults(&options);
}

/* Up to its last byte; one more is too long, and leaves what an earlier word said. */
static void text_has_room(const struct text_option *option)
{
    char value[200], line[400];
    struct heard heard;
    struct options options;

    memset(value, 'x', option->most + 1);
    value[option->most] = '\0';
    text_is_taken(option, value);
    value[option->most] = 'x';
    value[option->most + 1] = '\0';
    text_is_refused(option, value, "value too long");
    snprintf(line, sizeof(line), "%s=first %s=%s", option->name, option->name, value);
    options = parse(line, &heard);
    assert_string_equal(option->value(&options), "first");
    assert_int_equal(heard.count, 1);
}

/* Whether there are such fields, and what a value may be, break_choice.c says. */
static void fields_to_break(void **state)
{
    static const char *const taken[] = {
        "guest_rip", "GUEST_RIP:0x8000000000000000", "a:1,b,c:2", ":", ",,", "no.such-field"};
    static const char *const bad[] = {"guest_rip=1", "guest_rip;vpid", "guest_*",
                                      "a+1",         "\"a\"",          "a:1,b\xff"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
        text_is_taken(&break_option, taken[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        text_is_refused(&break_option, bad[i], "bad value");
    }
    text_is_refused(&break_option, "", "no value");
    text_has_room(&break_option);
}

static void selftests_to_run(void **state)
{
    static const char *const taken[] = {"*", "audit.*", "audit.random", "?udit.guest.*_0", "**?-?"};
    static const char *const bad[] = {"audit.[a-z]*", "audit:x", "a,b", "a/b", "a=b", "{a}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
        text_is_taken(&select_option, taken[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        text_is_refused(&select_option, bad[i], "bad value");
    }
    text_is_refused(&select_option, "", "no value");
    text_has_room(&select_option);
}

static void numbers_of_random_tests(void **state)
{
    static const char *const bad[] = {
        "",   "0x", "ten", "-1", "1K", "1.5", "18446744073709551616", "+1", "0x10000000000000000",
        "12h"};
    char word[64], sentence[160];
    struct options options;

    (void)state;
    assert_true(parse_clean("seed=0").seed == 0);
    assert_true(parse_clean("seed=18446744073709551615").seed == UINT64_MAX);
    assert_true(parse_clean("seed=0XFFFFFFFFFFFFFFFF").seed == UINT64_MAX);
    assert_true(parse_clean("count=0").count == 0);
    assert_true(parse_clean("count=20000").count == 20000);
    assert_true(parse_clean("count=0x100000000").count == UINT64_C(0x100000000));
    options = parse_clean("seed=3 count=4");
    assert_true(options.seed == 3 && options.count == 4);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const char *what = bad[i][0] == '\0' ? "no value" : "bad value";

        snprintf(word, sizeof(word), "seed=%s", bad[i]);
        snprintf(sentence, sizeof(sentence), "%s; allowed: a number", what);
        options = complained(word, sentence);
        assert_defaults(&options);
        snprintf(word, sizeof(word), "count=%s", bad[i]);
        snprintf(sentence, sizeof(sentence), "%s; allowed: a number of random mutations", what);
        options = complained(word, sentence);
        assert_defaults(&options);
    }
}

static void what_is_not_built_says_so(void **state)
{
    static const char *const modes[] = {"monitor"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        char word[32];
        struct options options;

        snprintf(word, sizeof(word), "mode=%s", modes[i]);
        options = complained(word, "not in this version; allowed: run, caps, selftest, bench");
        assert_string_equal(options.unbuilt_mode, modes[i]);
    }
    complained("on-end=monitor", "not in this version; allowed: poweroff, reboot, halt");
    complained("console=screen", "not in this version; allowed: com1 to com4 or 0x100 to 0xfff8, "
                                 "then a comma and a divisor of 115200; at most 4");
}

static void a_bad_value_leaves_the_default(void **state)
{
    static const char *const cases[][2] = {
        {"trace=loud", "bad value; allowed: live, ring, off"},
        {"trace=Live", "bad value; allowed: live, ring, off"},
        {"trace=live,ring", "bad value; allowed: live, ring, off"},
        {"mode=test", "bad value; allowed: run, caps, selftest, bench"},
        {"mode=selftests", "bad value; allowed: run, caps, selftest, bench"},
        {"audit=yes", "bad value; allowed: on, strict, off"},
        {"audit=Strict", "bad value; allowed: on, strict, off"},
        {"audit=on,off", "bad value; allowed: on, strict, off"},
        {"audit=1", "bad value; allowed: on, strict, off"},
        {"cpu=first", "bad value; allowed: the number of a processor, 0 to 255"},
        {"cpu=256", "bad value; allowed: the number of a processor, 0 to 255"},
        {"vms=hlt;tour", "bad value; allowed: names of guests, of 0-9 A-Z a-z . _ -, with commas "
                         "between; at most 95"},
        {"vms=", "no value; allowed: names of guests, of 0-9 A-Z a-z . _ -, with commas between; "
                 "at most 95"},
        {"on-end=off", "bad value; allowed: poweroff, reboot, halt"},
        {"provoke=nmi", "bad value; allowed: divide, ud, gp, page, text, data, stack-guard, "
                        "free-twice, exit, unhandled, spoil, deaf"},
        {"provoke=entry", "bad value; allowed: divide, ud, gp, page, text, data, stack-guard, "
                          "free-twice, exit, unhandled, spoil, deaf"},
        {"guest=a/b", "bad value; allowed: a name of at most 15 of 0-9 A-Z a-z . _ -"},
        {"guest=sixteen.letters.", "value too long; allowed: a name of at most 15 of 0-9 A-Z a-z "
                                   ". _ -"},
        {"guest=hlt=", "bad value; allowed: a name of at most 15 of 0-9 A-Z a-z . _ -"},
        {"token=a\"b", "bad value; allowed: a name of at most 39 of 0-9 A-Z a-z . _ -"},
        {"token=0123456789012345678901234567890123456789",
         "value too long; allowed: a name of at most 39 of 0-9 A-Z a-z . _ -"},
        {"machine=bochs:3", "bad value; allowed: a name of at most 47 of 0-9 A-Z a-z . _ -"},
        {"guest=", "no value; allowed: a name of at most 15 of 0-9 A-Z a-z . _ -"},
        {"trace=", "no value; allowed: live, ring, off"},
        {"audit=", "no value; allowed: on, strict, off"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options options = complained(cases[i][0], cases[i][1]);

        assert_defaults(&options);
        assert_null(options.unbuilt_mode);
    }
}

static void names_fit_up_to_their_last_byte(void **state)
{
    (void)state;
    assert_string_equal(parse_clean("guest=fifteen.letters").guest, "fifteen.letters");
    assert_string_equal(parse_clean("token=012345678901234567890123456789012345678").token,
                        "012345678901234567890123456789012345678");
}

static void unknown_words_are_told_what_there_is(void **state)
{
    static const char *const words[] = {"verbose", "gest=hlt",  "=hlt",
                                        "guest",   "Guest=hlt", "--help"};
    struct heard heard;
    char expected[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        /* Two, so that each fits a line of the log. */
        snprintf(expected, sizeof(expected),
                 "%s: unknown option; allowed: guest= memory= cpu= vms= mode= trace= limit= "
                 "on-end= console= audit= break= walk= select=\n"
                 "%s: and seed= count= provoke= machine= token= exit-port=",
                 words[i], words[i]);
        parse(words[i], &heard);
        assert_string_equal(heard.text, expected);
        assert_int_equal(heard.count, 2);
    }
    /* Only the first word may be the loader's path, and only without a value. */
    parse("guest=hlt /boot/lintel.elf", &heard);
    assert_non_null(strstr(heard.text, "/boot/lintel.elf: unknown option"));
    parse("/boot/lintel.elf=1", &heard);
    assert_non_null(strstr(heard.text, "/boot/lintel.elf=1: unknown option"));
}

static void the_run_goes_on_with_the_other_words(void **state)
{
    struct heard heard;
    struct options options = parse("trace=loud guest=loop what limit=5", &heard);

    (void)state;
    assert_int_equal(heard.count, 3); /* two of them of the unknown one */
    assert_string_equal(options.guest, "loop");
    assert_true(options.limit == 5);
    assert_int_equal(options.trace, TRACE_LIVE);
}

static void of_two_the_last_counts(void **state)
{
    struct heard heard;
    struct options options = parse("trace=ring trace=off", &heard);

    (void)state;
    assert_int_equal(options.trace, TRACE_OFF);
    assert_string_equal(heard.text, "trace=off: given twice; the last counts");

    /* A bad one does not count, neither as the first nor as the last. */
    options = parse("trace=ring trace=loud", &heard);
    assert_int_equal(options.trace, TRACE_RING);
    assert_string_equal(heard.text, "trace=loud: bad value; allowed: live, ring, off");
    options = parse("trace=loud trace=ring", &heard);
    assert_int_equal(options.trace, TRACE_RING);
    assert_int_equal(heard.count, 1);

    options = parse("break=vpid:0 seed=1 break=guest_rip seed=2", &heard);
    assert_string_equal(options.breaks, "guest_rip");
    assert_true(options.seed == 2);
    assert_string_equal(heard.text, "break=guest_rip: given twice; the last counts\n"
                                    "seed=2: given twice; the last counts");

    options = parse("mode=monitor mode=caps", &heard);
    assert_int_equal(options.mode, MODE_CAPS);
    assert_null(options.unbuilt_mode);
    options = parse("mode=caps mode=run", &heard);
    assert_int_equal(options.mode, MODE_RUN);
    assert_null(options.unbuilt_mode);
}

static void a_word_without_end_is_told_in_part(void **state)
{
    char line[1024];
    struct heard heard;

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "guest=", 6);
    line[255] = '\0'; /* as long as a word may be: looked at, and too long for the option */
    parse(line, &heard);
    assert_non_null(strstr(heard.text, ": value too long; allowed: a name of at most 15"));

    line[255] = 'x';
    line[256] = '\0';
    parse(line, &heard);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.text, ": a word of more than 255 characters"));

    line[256] = 'x';
    line[sizeof(line) - 12] = '\0';
    strcat(line, " limit=9");
    assert_true(parse(line, &heard).limit == 9);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.text, "guest=xxx"));
    assert_non_null(
        strstr(heard.text, ": a word of more than 255 characters, of which these are the first"));
    assert_int_equal(strchr(heard.text, ':') - heard.text, 255);
}

static void nobody_needs_to_listen(void **state)
{
    struct options options;

    (void)state;
    options_parse("what guest=tour trace= mode=monitor", &options, NULL, NULL);
    assert_string_equal(options.guest, "tour");
    assert_string_equal(options.unbuilt_mode, "monitor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_line_gives_the_defaults),
        cmocka_unit_test(every_option_is_taken),
        cmocka_unit_test(choices),
        cmocka_unit_test(sizes_of_memory),
        cmocka_unit_test(limits),
        cmocka_unit_test(consoles),
        cmocka_unit_test(several_consoles),
        cmocka_unit_test(ports_that_end_the_machine),
        cmocka_unit_test(an_address_of_each_kind_is_walked),
        cmocka_unit_test(fields_to_break),
        cmocka_unit_test(selftests_to_run),
        cmocka_unit_test(numbers_of_random_tests),
        cmocka_unit_test(what_is_not_built_says_so),
        cmocka_unit_test(a_bad_value_leaves_the_default),
        cmocka_unit_test(names_fit_up_to_their_last_byte),
        cmocka_unit_test(unknown_words_are_told_what_there_is),
        cmocka_unit_test(the_run_goes_on_with_the_other_words),
        cmocka_unit_test(of_two_the_last_counts),
        cmocka_unit_test(a_word_without_end_is_told_in_part),
        cmocka_unit_test(nobody_needs_to_listen),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
