/* SPDX-License-Identifier: BSD-2-Clause */
/* Any command line at all gives options that later code may rely on, and complaints that print. */
#include "kernel/options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void hear(void *context, const char *word, const char *sentence)
{
    unsigned *count = context;

    (*count)++;
    check(word[0] != '\0' && strlen(word) < 256);
    check(sentence[0] != '\0' && strlen(sentence) < 160);
    for (; *sentence != '\0'; sentence++) {
        check(*sentence >= ' ' && *sentence <= '~');
    }
}

static bool is_of_name(char c)
{
    return c != '\0' &&
           strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-", c) != NULL;
}

/* A name, where the characters of `more` are allowed too. */
static void check_text(const char *text, const char *more, size_t size)
{
    size_t length = strnlen(text, size);

    check(length < size);
    for (size_t i = 0; i < length; i++) {
        check(is_of_name(text[i]) || strchr(more, text[i]) != NULL);
    }
}

static void check_name(const char *name, size_t size)
{
    check_text(name, "", size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct options options;
    unsigned complaints = 0;

    memcpy(text, data, size);
    text[size] = '\0';
    memset(&options, 0xa5, sizeof(options));
    options_parse(text, &options, hear, &complaints);
    check(complaints <= size + 1); /* at most two a word, where it is unknown */
    check_name(options.guest, sizeof(options.guest));
    check_name(options.provoke, sizeof(options.provoke));
    check_name(options.machine, sizeof(options.machine));
    check_name(options.token, sizeof(options.token));
    check_text(options.breaks, ":,", sizeof(options.breaks));
    check_text(options.select, "*?", sizeof(options.select));
    check(options.audit <= AUDIT_OFF);
    check(IS_ALIGNED(options.memory, PAGE_SIZE));
    check(options.mode <= MODE_MONITOR && options.trace <= TRACE_OFF && options.on_end <= END_HALT);
    check(options.unbuilt_mode == NULL || strlen(options.unbuilt_mode) != 0);
    check(options.console_count >= 1 && options.console_count <= OPTIONS_MAX_CONSOLES);
    for (unsigned i = 0; i < options.console_count; i++) {
        check(options.consoles[i].port >= 0x100 && options.consoles[i].port <= 0xfff8);
        check(options.consoles[i].speed != 0 && 115200 % options.consoles[i].speed == 0);
        for (unsigned j = 0; j < i; j++) {
            check(options.consoles[i].port != options.consoles[j].port);
        }
    }
    free(text);
    return 0;
}
