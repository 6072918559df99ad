/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lintel's command line: words, looked up in the table of options, and the complaints about them. A
 * bad value leaves what was there: the default, or what an earlier word said.
 */
#include "kernel/options.h"
#include "kernel/format.h"
#include "kernel/option_table.h"
#include "kernel/string.h"

/* The longest word that is looked at; every value that any option allows is far shorter. */
#define LONGEST_WORD 255

/* A complaint with the names of options fits a line of the log. */
#define KNOWN_LENGTH 120

/* Who hears the complaints. */
struct listener {
    option_complaint complain;
    void *context;
};

static void complain(const struct listener *listener, const char *word, const char *sentence)
{
    if (listener->complain != NULL) {
        listener->complain(listener->context, word, sentence);
    }
}

static void complain_of_value(const struct listener *listener, const char *word, const char *what,
                              const char *allowed)
{
    char sentence[160];

    format_text(sentence, sizeof(sentence), "%s; allowed: %s", what, allowed);
    complain(listener, word, sentence);
}

/* All options that there are, in as many complaints as their names take. */
static void complain_of_unknown(const struct listener *listener, const char *word)
{
    const char *what = "unknown option; allowed:";
    char known[KNOWN_LENGTH];
    size_t length = 0;

    for (unsigned i = 0; i < option_row_count; i++) {
        if (option_rows[i].parse == NULL) {
            continue;
        }
        if (length + 1 + strlen(option_rows[i].name) + 1 >= sizeof(known)) {
            complain(listener, word, known);
            length = 0;
        }
        length += format_text(known + length, sizeof(known) - length,
                              "%s %s=", length == 0 ? what : "", option_rows[i].name);
        what = "and";
    }
    complain(listener, word, known);
}

/* The row whose name is the `length` bytes at `name`, or NULL. */
static const struct option_row *find_row(const char *name, size_t length)
{
    for (unsigned i = 0; i < option_row_count; i++) {
        if (strlen(option_rows[i].name) == length &&
            memcmp(option_rows[i].name, name, length) == 0) {
            return &option_rows[i];
        }
    }
    return NULL;
}

static void parse_word(const char *word, struct options *options, uint64_t *seen,
                       const struct listener *listener)
{
    static const char *const verdicts[] = {
        [OPTION_BAD] = "bad value",
        [OPTION_TOO_LONG] = "value too long",
        [OPTION_TOO_MANY] = "one too many",
        [OPTION_UNBUILT] = "not in this version",
    };
    const struct option_row *row;
    enum option_verdict verdict;
    size_t length = 0;

    while (word[length] != '\0' && word[length] != '=') {
        length++;
    }
    row = word[length] == '=' ? find_row(word, length) : NULL;
    if (row == NULL) {
        complain_of_unknown(listener, word);
        return;
    }
    if (row->parse == NULL) {
        complain(listener, word, "not in this version");
        return;
    }
    if (word[length + 1] == '\0') {
        complain_of_value(listener, word, "no value", row->allowed);
        return;
    }
    verdict = row->parse(word + length + 1, options);
    if (verdict == OPTION_TAKEN) {
        uint64_t bit = BIT(row - option_rows);

        verdict = (*seen & bit) != 0 ? OPTION_TWICE : verdict;
        *seen |= bit;
    }
    if (verdict == OPTION_TWICE) {
        complain(listener, word, "given twice; the last counts");
    } else if (verdict != OPTION_TAKEN && verdict != OPTION_ADDED) {
        complain_of_value(listener, word, verdicts[verdict], row->allowed);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copies the next word to `word`, cut at LONGEST_WORD; gives its whole length, 0 at the end. */
static size_t next_word(const char **text, char *word)
{
    size_t length = 0;

    while (is_blank(**text)) {
        (*text)++;
    }
    for (; **text != '\0' && !is_blank(**text); (*text)++, length++) {
        if (length < LONGEST_WORD) {
            word[length] = **text;
        }
    }
    word[MIN(length, LONGEST_WORD)] = '\0';
    return length;
}

static bool is_loaders_path(const char *word)
{
    if (word[0] != '/') {
        return false;
    }
    while (*word != '\0' && *word != '=') {
        word++;
    }
    return *word == '\0';
}

void options_parse(const char *text, struct options *options, option_complaint complaint,
                   void *context)
{
    const struct listener listener = {.complain = complaint, .context = context};
    char word[LONGEST_WORD + 1];
    uint64_t seen = 0; /* a bit for each row that took a value */
    bool first = true;
    size_t length;

    memset(options, 0, sizeof(*options));
    for (; (length = next_word(&text, word)) != 0; first = false) {
        if (first && is_loaders_path(word)) {
            continue;
        }
        if (length > LONGEST_WORD) {
            complain(&listener, word,
                     "a word of more than 255 characters, of which these are the first");
            continue;
        }
        parse_word(word, options, &seen, &listener);
    }
    option_fill_in(options);
}
