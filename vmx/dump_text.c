/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS in words. A field that is told by names or words has a record of its own; the others
 * share records, each under its name. What has nothing to say (no bit that is 1 and has a name, no
 * event) is one of those.
 */
#include "vmx/dump.h"

#include "ept/ept.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "vmx/dump_fields.h"
#include "vmx/exit.h"
#include "vmx/names.h"
#include "vmx/segment.h"

#define EPTP_SHADOW_STACK BIT(7)
#define EPTP_RESERVED     BITS(11, 8)

#define HEAD "dump group=" /* as vmx/dump.c has it */

/* SDM vol. 3A, "IA32_PAT MSR"; and of EPT's types, the same numbers. */
static const char *memory_type(uint64_t type)
{
    static const char names[8][4] = {"UC", "WC", "?", "?", "WT", "WP", "WB", "UC-"};

    return type < ARRAY_SIZE(names) ? names[type] : "?";
}

/* What a field means. `text` is empty before; left so, there is nothing to say. */
typedef void words(const struct audit *audit, unsigned field, char *text, size_t size);

/* The error code stands in the next field. */
_Static_assert(INDEX_ENTRY_EXCEPTION_ERROR_CODE == INDEX_ENTRY_INTERRUPTION_INFO + 1, "its order");
_Static_assert(INDEX_EXIT_INTERRUPTION_ERROR_CODE == INDEX_EXIT_INTERRUPTION_INFO + 1, "its order");
_Static_assert(INDEX_IDT_VECTORING_ERROR_CODE == INDEX_IDT_VECTORING_INFO + 1, "its order");

static void event_words(const struct audit *audit, unsigned field, char *text, size_t size)
{
    uint32_t event = (uint32_t)audit->value[field];
    uint64_t type = FIELD_GET(INTERRUPTION_TYPE, event);
    char name[64];
    char code[32] = "";
    char length[32] = "";

    if (!(event & INTERRUPTION_VALID)) {
        format_text(text, size, "%s", event != 0 ? "not valid" : "");
        return;
    }
    interruption_text(event, name, sizeof(name));
    if (event & INTERRUPTION_ERROR_CODE) {
        format_text(code, sizeof(code), ", error code 0x%lx", audit->value[field + 1]);
    }
    if (field == INDEX_ENTRY_INTERRUPTION_INFO && type >= INTERRUPTION_SOFTWARE_INTERRUPT &&
        type <= INTERRUPTION_SOFTWARE_EXCEPTION) {
        format_text(length, sizeof(length), ", instruction length %lu",
                    audit->value[INDEX_ENTRY_INSTRUCTION_LENGTH]);
    }
    format_text(text, size, "%s%s%s", name, code, length);
}

static void ept_pointer_words(const struct audit *audit, unsigned field, char *text, size_t size)
{
    uint64_t value = audit->value[field];
    char reserved[32] = "";

    if (value == 0) {
        return;
    }
    if (value & EPTP_RESERVED) {
        format_text(reserved, sizeof(reserved), ", reserved 0x%lx", value & EPTP_RESERVED);
    }
    format_text(text, size, "%s, walk length %lu%s%s%s", memory_type(FIELD_GET(EPTP_MEMORY, value)),
                FIELD_GET(EPTP_WALK, value) + 1,
                value & EPTP_AD ? ", accessed and dirty flags" : "",
                value & EPTP_SHADOW_STACK ? ", supervisor shadow stack" : "", reserved);
}

static void pat_words(const struct audit *audit, unsigned field, char *text, size_t size)
{
    size_t at = 0;

    for (unsigned i = 0; i < 8 && at < size; i++) {
        at += format_text(text + at, size - at, "%s%s", i != 0 ? " " : "",
                          memory_type(audit->value[field] >> 8 * i & 0xFF));
    }
}

static void activity_words(const struct audit *audit, unsigned field, char *text, size_t size)
{
    static const char *const names[] = {"active", "HLT", "shutdown", "wait-for-SIPI"};
    uint64_t value = audit->value[field];

    format_text(text, size, "%s", value < ARRAY_SIZE(names) ? names[value] : "reserved");
}

static void link_pointer_words(const struct audit *audit, unsigned field, char *text, size_t size)
{
    format_text(text, size, "%s", audit->value[field] == UINT64_MAX ? "none" : "");
}

static void interrupt_status_words(const struct audit *audit, unsigned field, char *text,
                                   size_t size)
{
    uint64_t value = audit->value[field];

    if (value != 0) {
        format_text(text, size, "requesting 0x%lx, servicing 0x%lx", value & 0xFF, value >> 8);
    }
}

/* A VMCS that never had an exit mostly reads as reason 0: an exit of that reason leaves a valid
 * event. */
static void exit_reason_words(const struct audit *audit, unsigned field, char *text, size_t size)
{
    uint32_t value = (uint32_t)audit->value[field];
    bool none = value == EXIT_EXCEPTION_OR_NMI &&
                !(audit->value[INDEX_EXIT_INTERRUPTION_INFO] & INTERRUPTION_VALID);

    format_text(text, size, "%s",
                none ? "no exit yet" : exit_reason_title(value & EXIT_REASON_BASIC));
}

static void instruction_error_words(const struct audit *audit, unsigned field, char *text,
                                    size_t size)
{
    const char *name = vmx_instruction_error_name(audit->value[field]);

    format_text(text, size, "%s", name != NULL ? name : "");
}

static words *const all_words[DUMP_FORMS - FORM_WORDS] = {
    [FORM_EVENT - FORM_WORDS] = event_words,
    [FORM_EPT_POINTER - FORM_WORDS] = ept_pointer_words,
    [FORM_PAT - FORM_WORDS] = pat_words,
    [FORM_ACTIVITY - FORM_WORDS] = activity_words,
    [FORM_LINK_POINTER - FORM_WORDS] = link_pointer_words,
    [FORM_INTERRUPT_STATUS - FORM_WORDS] = interrupt_status_words,
    [FORM_EXIT_REASON - FORM_WORDS] = exit_reason_words,
    [FORM_INSTRUCTION_ERROR - FORM_WORDS] = instruction_error_words,
};

/* A record in the making. */
struct record {
    const struct audit *audit;
    dump_sink *sink;
    void *context;
    const char *group;
    size_t room, length;
    char text[LOG_ROOM + 1];
};

static void end_record(struct record *record)
{
    if (record->length != 0) {
        record->sink(record->context, record->group, record->text);
        record->length = 0;
    }
}

/* Adds it where it fits, else to a new record. */
static void add(struct record *record, const char *keys)
{
    size_t length = strlen(keys);

    if (record->length + length > record->room) {
        end_record(record);
    }
    string_copy(record->text + record->length, sizeof(record->text) - record->length, keys);
    record->length += length;
}

static void add_alone(struct record *record, const char *keys)
{
    end_record(record);
    add(record, keys);
    end_record(record);
}

static void add_number(struct record *record, unsigned field, bool decimal)
{
    char keys[64];

    format_text(keys, sizeof(keys), decimal ? " %s=%lu" : " %s=0x%lx",
                vmcs_field_name(vmcs_field_at(field)), record->audit->value[field]);
    add(record, keys);
}

/* Bits that are no surprise where they are 1. */
static uint64_t known_bits(const struct audit *audit, unsigned field, enum bit_names names)
{
    if (field == INDEX_CR0_MASK || field == INDEX_CR4_MASK) {
        return UINT64_MAX; /* the host may own what does not exist */
    }
    return bit_names_known(names) |
           (names < NAMES_EXCEPTIONS ? audit->can->range[names].must_be_1 : 0);
}

/* The names that do not fit stand in further records of the same head. */
static void add_bits(struct record *record, unsigned field, enum bit_names names)
{
    const struct audit *audit = record->audit;
    uint64_t value = audit->value[field];
    bool control = names < NAMES_EXCEPTIONS;
    bool idle = control && (uint32_t)value != 0 && audit->control[names] == 0;
    uint64_t unknown = value & ~known_bits(audit, field, names);
    char bits[32] = "";
    char head[96];
    unsigned bit = 0;

    if (unknown != 0) {
        format_text(bits, sizeof(bits), " unknown=0x%lx", unknown);
    }
    format_text(head, sizeof(head), " %s=0x%lx%s%s", vmcs_field_name(vmcs_field_at(field)), value,
                bits, idle ? " acts=no" : "");
    do {
        char list[LOG_ROOM + 1];
        char keys[LOG_ROOM + 1];

        bit = bit_names_text(names, value, bit, list,
                             record->room - strlen(head) - strlen(" on=\"\"") + 1);
        if (list[0] == '\0' && unknown == 0 && !idle) {
            add_number(record, field, false);
        } else {
            format_text(keys, sizeof(keys), "%s on=\"%s\"", head, list);
            add_alone(record, keys);
        }
    } while (bit < 64);
}

static void add_words(struct record *record, unsigned field, enum dump_form form)
{
    char meaning[96] = "";
    char keys[LOG_ROOM + 1];
    bool decimal = form == FORM_INSTRUCTION_ERROR;

    all_words[form - FORM_WORDS](record->audit, field, meaning, sizeof(meaning));
    if (meaning[0] == '\0') {
        add_number(record, field, decimal);
        return;
    }
    format_text(keys, sizeof(keys), decimal ? " %s=%lu meaning=\"%s\"" : " %s=0x%lx meaning=\"%s\"",
                vmcs_field_name(vmcs_field_at(field)), record->audit->value[field], meaning);
    add_alone(record, keys);
}

/* All at once; where one of its fields is missing, the others are told as numbers. */
static void add_segment(struct record *record, unsigned segment)
{
    const struct audit *audit = record->audit;
    uint64_t value[SEGMENT_PARTS];
    struct segment_lines lines;
    bool whole = true;

    for (unsigned part = 0; part < SEGMENT_PARTS; part++) {
        unsigned field = segment_field(segment, (enum segment_part)part);
        value[part] = audit->value[field];
        whole &= audit->present[field];
    }
    for (unsigned part = 0; part < SEGMENT_PARTS && !whole; part++) {
        unsigned field = segment_field(segment, (enum segment_part)part);
        if (audit->present[field]) {
            add_number(record, field, false);
        }
    }
    if (whole) {
        segment_text(segment, value, record->room, &lines);
        add_alone(record, lines.first);
        add_alone(record, lines.second);
    }
}

static void add_field(struct record *record, const struct dump_field *field)
{
    if (field->form == FORM_SEGMENT) {
        add_segment(record, field->field);
    } else if (!record->audit->present[field->field]) {
        return;
    } else if (field->form < BIT_NAMES) {
        add_bits(record, field->field, (enum bit_names)field->form);
    } else if (field->form >= FORM_WORDS) {
        add_words(record, field->field, (enum dump_form)field->form);
    } else {
        add_number(record, field->field, field->form == FORM_COUNT);
    }
}

void vmcs_dump_text(const struct audit *audit, dump_sink *sink, void *context)
{
    for (unsigned i = 0; i < DUMP_GROUPS; i++) {
        const struct dump_group *group = &dump_groups[i];
        struct record record = {
            .audit = audit,
            .sink = sink,
            .context = context,
            .group = group->name,
            .room = LOG_ROOM - strlen(HEAD) - strlen(group->name),
        };

        for (unsigned k = 0; k < group->count; k++) {
            add_field(&record, &group->fields[k]);
        }
        end_record(&record);
    }
}
