/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings in words. Pure. */
#include "vmx/audit_text.h"

#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "vmx/dump_fields.h"

#define NAME_SIZE 40 /* of the longest name of a bit */
#define BITS_SIZE 80 /* of the names of some, with their key */

const char *audit_stage_name(enum audit_stage stage)
{
    static const char *const names[AUDIT_STAGES] = {
        [AUDIT_CONTROLS] = "controls",
        [AUDIT_HOST] = "host",
        [AUDIT_GUEST] = "guest",
        [AUDIT_MSR_LOAD] = "msr-load",
    };

    return names[stage];
}

/* "3 or 11", "0, 2 or 4", "1 to 15", "11", "none". */
static void set_text(uint64_t set, char *text, size_t size)
{
    const char *quote = (set & (set - 1)) != 0 ? "\"" : "";
    unsigned lowest, highest;
    size_t at;

    if (set == 0) {
        format_text(text, size, "none");
        return;
    }
    lowest = (unsigned)__builtin_ctzll(set);
    highest = 63 - (unsigned)__builtin_clzll(set);
    if (highest - lowest > 1 && set == BITS(highest, lowest)) {
        format_text(text, size, "\"%u to %u\"", lowest, highest);
        return;
    }
    at = format_text(text, size, "%s", quote);
    while (set != 0 && at < size) {
        uint64_t rest = set & (set - 1);
        at += format_text(text + at, size - at, "%d", __builtin_ctzll(set));
        if (rest != 0 && at < size) {
            at += format_text(text + at, size - at, (rest & (rest - 1)) != 0 ? ", " : " or ");
        }
        set = rest;
    }
    if (at < size) {
        format_text(text + at, size - at, "%s", quote);
    }
}

void audit_want_text(const struct audit_answer *answer, char *text, size_t size)
{
    switch ((enum audit_want)answer->kind) {
    case WANT_VALUE:
        format_text(text, size, answer->want == 0 ? "0" : "0x%lx", answer->want);
        break;
    case WANT_NUMBER:
        format_text(text, size, "%lu", answer->want);
        break;
    case WANT_SET:
        set_text(answer->want, text, size);
        break;
    case WANT_AT_MOST:
        format_text(text, size, "\"at most %lu\"", answer->want);
        break;
    case WANT_NOT_ZERO:
        format_text(text, size, "\"not 0\"");
        break;
    case WANT_CANONICAL:
        format_text(text, size, "\"bits 63:%lu alike\"", answer->want - 1);
        break;
    case WANT_ALIGNED:
        format_text(text, size, "\"a multiple of %lu\"", answer->want);
        break;
    case WANT_TYPES:
        format_text(text, size, "\"bytes of 0, 1, 4, 5, 6 or 7\"");
        break;
    }
}

void audit_found_text(const struct audit_answer *answer, char *text, size_t size)
{
    bool decimal = answer->kind == WANT_NUMBER || answer->kind == WANT_SET ||
                   answer->kind == WANT_AT_MOST || answer->kind == WANT_NOT_ZERO;

    format_text(text, size, decimal || answer->found == 0 ? "%lu" : "0x%lx", answer->found);
}

/* ` bits="..."` of the bits that are not as they must be, in at most `size` bytes; "" where the
 * field's bits have no names. */
static void bits_text(const struct audit_finding *finding, char *text, size_t size)
{
    const struct audit_answer *answer = &finding->answer;
    enum bit_names names = dump_bit_names(answer->field);
    uint64_t bits = answer->kind == WANT_VALUE ? answer->found ^ answer->want : 0;
    char list[BITS_SIZE] = "";
    size_t at = 0;

    text[0] = '\0';
    for (; names != BIT_NAMES && bits != 0; bits &= bits - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(bits);
        char name[NAME_SIZE];

        bit_names_text(names, BIT(bit), bit, name, sizeof(name));
        if (name[0] == '\0') {
            format_text(name, sizeof(name), "bit-%u", bit);
        }
        if (at + strlen(name) + sizeof(" bits=\" ...\"") >= MIN(size, sizeof(list))) {
            at += format_text(list + at, sizeof(list) - at, at != 0 ? " ..." : "");
            break;
        }
        at += format_text(list + at, sizeof(list) - at, "%s%s", at != 0 ? " " : "", name);
    }
    if (at != 0) {
        format_text(text, size, " bits=\"%s\"", list);
    }
}

static size_t keys_text(const struct audit_finding *finding, char *text, size_t size)
{
    const struct audit_answer *answer = &finding->answer;
    char found[24];
    char want[40];
    char entry[24] = "";

    audit_found_text(answer, found, sizeof(found));
    audit_want_text(answer, want, sizeof(want));
    if (answer->entry != 0) {
        format_text(entry, sizeof(entry), " entry=%u", answer->entry);
    }
    return format_text(text, size, "field=%s value=0x%lx found=%s want=%s%s stage=%s rule=%s%s",
                       vmcs_field_name(vmcs_field_at(answer->field)), finding->value, found, want,
                       entry, audit_stage_name(finding->section->stage), finding->rule->name,
                       finding->rule->flags & AUDIT_MODEL_SPECIFIC ? " model-specific=yes" : "");
}

void audit_finding_text(const struct audit_finding *finding, struct audit_lines *lines)
{
    const struct audit_rule *rule = finding->rule;
    const char *title = finding->section->title;
    size_t room = LOG_ROOM;
    char keys[sizeof(lines->first)];
    size_t length = keys_text(finding, keys, sizeof(keys));

    if (length + sizeof("broken:") < room) {
        bits_text(finding, keys + length, MIN(room - sizeof("broken:") - length, BITS_SIZE));
    }
    lines->second[0] = '\0';
    if (format_text(lines->first, sizeof(lines->first), "%s %s sdm=\"%s\"", rule->sentence, keys,
                    title) <= room) {
        return;
    }
    format_text(lines->second, sizeof(lines->second), "of the rule above rule=%s sdm=\"%s\"",
                rule->name, title);
    if (format_text(lines->first, sizeof(lines->first), "%s %s", rule->sentence, keys) > room) {
        format_text(lines->first, sizeof(lines->first), "broken: %s", keys);
        if (format_text(lines->second, sizeof(lines->second), "%s rule=%s sdm=\"%s\"",
                        rule->sentence, rule->name, title) > room) {
            format_text(lines->second, sizeof(lines->second), "%s sdm=\"%s\"", rule->sentence,
                        title);
        }
    }
}
