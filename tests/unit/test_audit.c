/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The auditor's rules, tried on VMCS contents that were recorded, and on made ones: every mutation
 * that breaks a rule is found out, every one that keeps all of them is not.
 */
#include "tests/unit/audit_fixture.h"

#include "kernel/log.h"
#include "vmx/audit_text.h"
#include "vmx/exit.h"

/* --- Every mutation on every machine ---------------------------------------------------------- */

/* By the rule's number in the order of all. */
struct tally {
    bool broken, kept;
};

static void print_findings(const char *what, const struct audit_rule *rule, unsigned number,
                           unsigned count)
{
    print_error("%s: %s, mutation %u %s; found %u:", machine.name, rule->name, number, what, count);
    for (unsigned i = 0; i < count && i < MOST; i++) {
        print_error(" %s", findings[i].rule->name);
    }
    print_error("\n");
}

/* How many findings there are, without those of the poison: a rule of the stages before is not
 * concerned with it. */
static unsigned run_armed(enum audit_stage stage)
{
    unsigned count = audit_run(&audit, findings, MOST);

    assert_true(count <= MOST);
    while (stage != AUDIT_MSR_LOAD && count != 0 &&
           findings[count - 1].section->stage == AUDIT_MSR_LOAD) {
        count--;
    }
    return count;
}

/* Whether the findings of an applied mutation are what its kind says. */
static bool is_as_said(enum audit_op kind, const struct audit_rule *rule, unsigned count)
{
    bool among = false;

    for (unsigned i = 0; i < count; i++) {
        among |= findings[i].rule == rule;
    }
    switch (kind) {
    case STEP_BREAKS:
        return among && count == 1;
    case STEP_BREAKS_ALSO:
        return among;
    default:
        return count == 0;
    }
}

/* The longest that log_line() puts before a record's words. */
#define PREFIX "[999999999.999999] cpu255 audit: "

static unsigned wrong_lines;

static void check_line(const struct audit_rule *rule, const char *line, size_t size)
{
    unsigned quotes = 0;

    if (strlen(PREFIX) + strlen(line) > LOG_COLUMNS) {
        print_error("%s: %zu columns: %s\n", rule->name, strlen(PREFIX) + strlen(line), line);
        wrong_lines++;
    }
    assert_true(strlen(line) < size - 1);
    for (const char *c = line; *c != '\0'; c++) {
        assert_in_range(*c, ' ', '~');
        quotes += *c == '"';
    }
    if (quotes % 2 != 0) {
        print_error("%s: a quote is open: %s\n", rule->name, line);
        wrong_lines++;
    }
}

static void check_text(const struct audit_finding *finding)
{
    struct audit_lines lines;
    char key[80];

    audit_finding_text(finding, &lines);
    check_line(finding->rule, lines.first, sizeof(lines.first));
    check_line(finding->rule, lines.second, sizeof(lines.second));
    snprintf(key, sizeof(key), " rule=%s", finding->rule->name);
    assert_non_null(strstr(lines.first, key));
    if (lines.second[0] == '\0') {
        assert_non_null(strstr(lines.first, " sdm=\""));
    } else {
        assert_non_null(strstr(lines.second, " sdm=\""));
    }
    /* The sentence stands in one of them, whole. */
    assert_true(strstr(lines.first, finding->rule->sentence) != NULL ||
                strstr(lines.second, finding->rule->sentence) != NULL);
}

/* As they are, and with the longest values that they could have. */
static void check_texts(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct audit_finding worst = findings[i];

        check_text(&findings[i]);
        worst.value = vmcs_field_mask(vmcs_field_at(worst.answer.field));
        worst.answer.found = worst.answer.entry != 0 ? UINT64_MAX : worst.value;
        worst.answer.entry = worst.answer.entry != 0 ? 4096 : 0;
        switch ((enum audit_want)worst.answer.kind) {
        case WANT_VALUE:
            worst.answer.want = worst.answer.want != 0 ? worst.answer.found : 0;
            break;
        case WANT_NUMBER:
        case WANT_AT_MOST:
            worst.answer.want = 255;
            break;
        default:
            break;
        }
        check_text(&worst);
    }
}

/* A broken rule does not apply without a field of its, or without a control that it stands under;
 * and whatever it found, it says all of it. */
static void look_closer(const struct audit_rule *rule)
{
    const struct audit_answer unset = {.kind = 0xFF, .field = 0xFF, .entry = 0xFFFFFFFF};
    struct audit_answer answer = unset;
    uint32_t *control = &audit.control[rule->when_group];
    uint32_t acting = *control;

    assert_false(audit_keeps(&audit, rule, &answer));
    assert_true(answer.kind <= WANT_TYPES);
    assert_int_equal(answer.field, rule->fields[0]);
    assert_int_equal(answer.entry != 0, strncmp(rule->name, "msr.", 4) == 0);
    for (unsigned i = 0; i < AUDIT_RULE_FIELDS && rule->fields[i] != AUDIT_NO_FIELD; i++) {
        audit.present[rule->fields[i]] = false;
        assert_true(audit_keeps(&audit, rule, &answer));
        audit.present[rule->fields[i]] = true;
    }
    *control &= ~rule->when;
    assert_true(rule->when == 0 || audit_keeps(&audit, rule, &answer));
    *control = acting;
}

struct counts {
    unsigned breaking, keeping, impossible, wrong;
};

static void try_rule(const struct audit_section *section, const struct audit_rule *rule,
                     struct tally *tally, struct counts *counts)
{
    unsigned number = 0;

    for (const audit_step *start = audit_mutation_find(rule->proofs); start != NULL;
         start = audit_mutation_find(start + 1)) {
        enum audit_op kind = audit_mutation_kind(start);
        const char *missing = NULL;
        unsigned count;

        number++;
        arm();
        if (!audit_mutate(&audit, start, &sandbox, &missing)) {
            assert_non_null(missing);
            counts->impossible++;
            continue;
        }
        count = run_armed(section->stage);
        if (!is_as_said(kind, rule, count)) {
            print_findings(kind == STEP_KEEPS ? "keeps" : "breaks", rule, number, count);
            counts->wrong++;
        } else if (kind != STEP_KEEPS) {
            look_closer(rule);
            check_texts(count);
        }
        *(kind == STEP_KEEPS ? &tally->kept : &tally->broken) = true;
        *(kind == STEP_KEEPS ? &counts->keeping : &counts->breaking) += 1;
    }
}

static void every_mutation_is_found_out(void **state)
{
    struct tally *tallies = calloc(audit_rule_count(), sizeof(*tallies));
    unsigned wrong = 0;
    unsigned n = 0;

    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        struct counts counts = {0};

        be_machine(number);
        assert_no_finding();
        n = 0;
        for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
            for (unsigned j = 0; j < audit_sections[i]->count; j++) {
                try_rule(audit_sections[i], &audit_sections[i]->rules[j], &tallies[n++], &counts);
            }
        }
        print_message("%s: %u mutations break, %u keep, %u are impossible\n", machine.name,
                      counts.breaking, counts.keeping, counts.impossible);
        wrong += counts.wrong;
    }
    n = 0;
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++, n++) {
            const char *name = audit_sections[i]->rules[j].name;
            if (!tallies[n].broken || !tallies[n].kept) {
                print_error("%s: broken %d, kept %d by any machine's mutation\n", name,
                            tallies[n].broken, tallies[n].kept);
                wrong++;
            }
        }
    }
    free(tallies);
    assert_int_equal(wrong, 0);
    assert_int_equal(wrong_lines, 0);
}

/* --- The tables ------------------------------------------------------------------------------- */

/* `visit` of every rule, with the number of its section. */
static void each_rule(void (*visit)(unsigned section, const struct audit_rule *rule))
{
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            visit(i, &audit_sections[i]->rules[j]);
        }
    }
}

static void check_name(unsigned section, const struct audit_rule *rule)
{
    static const char *const prefixes[AUDIT_STAGES] = {"control.", "host.", "guest.", "msr."};
    const char *prefix = prefixes[audit_sections[section]->stage];

    if (strncmp(rule->name, prefix, strlen(prefix)) != 0 ||
        strspn(rule->name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != strlen(rule->name) ||
        strstr(rule->name, "..") != NULL || rule->name[strlen(rule->name) - 1] == '.') {
        fail_msg("%s: a name is %sLOWER.CASE", rule->name, prefix);
    }
    assert_ptr_equal(rule_named(rule->name), rule); /* the first of this name is this one */
}

static void names_are_unique_and_of_their_stage(void **state)
{
    (void)state;
    each_rule(check_name);
}

static void check_sentence(unsigned section, const struct audit_rule *rule)
{
    size_t length = strlen(rule->sentence);

    (void)section;
    if (length < 10 || strchr(".,;: ", rule->sentence[length - 1]) != NULL ||
        rule->sentence[0] == ' ' || strpbrk(rule->sentence, "\"=\\|*`<\n") != NULL ||
        strstr(rule->sentence, "  ") != NULL) {
        fail_msg("%s: what is this for a sentence: %s", rule->name, rule->sentence);
    }
}

static void sentences_are_such(void **state)
{
    (void)state;
    each_rule(check_sentence);
}

static void check_row(unsigned section, const struct audit_rule *rule)
{
    bool ended = false;

    (void)section;
    assert_non_null(rule->check);
    assert_non_null(rule->proofs);
    assert_non_null(audit_mutation_find(rule->proofs));
    assert_ptr_equal(audit_mutation_find(rule->proofs), rule->proofs); /* nothing before it */
    assert_true(rule->when_group < CONTROL_GROUPS && rule->mask_group < CONTROL_GROUPS);
    assert_true(rule->fields[0] < VMCS_FIELDS);
    for (unsigned i = 0; i < AUDIT_RULE_FIELDS; i++) {
        ended |= rule->fields[i] == AUDIT_NO_FIELD;
        if (ended != (rule->fields[i] >= VMCS_FIELDS)) {
            fail_msg("%s: field %u", rule->name, i);
        }
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        if (rule->when >> bit & 1) {
            assert_non_null(control_name((enum control_group)rule->when_group, bit));
        }
    }
}

static void rows_are_whole(void **state)
{
    unsigned count = 0;

    (void)state;
    each_rule(check_row);
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        count += audit_sections[i]->count;
        assert_true(i == 0 || audit_sections[i - 1]->stage <= audit_sections[i]->stage);
    }
    assert_int_equal(audit_rule_count(), count);
}

/* --- The run ---------------------------------------------------------------------------------- */

static void findings_stand_in_the_order_of_the_tables(void **state)
{
    static struct audit_finding many[512], few[3];
    unsigned section = 0;
    unsigned count;

    (void)state;
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        audit.value[i] = audit.present[i] ? vmcs_field_mask(vmcs_field_at(i)) : 0;
    }
    audit_prepare(&audit);
    count = audit_run(&audit, many, ARRAY_SIZE(many));
    assert_in_range(count, 50, ARRAY_SIZE(many));
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(many[i].value, audit.value[many[i].answer.field]);
        while (section < AUDIT_SECTIONS && audit_sections[section] != many[i].section) {
            section++;
        }
        assert_true(section < AUDIT_SECTIONS);
        assert_true(i == 0 || many[i - 1].section != many[i].section ||
                    many[i - 1].rule < many[i].rule);
    }
    /* Where fewer are wanted, it is the first, and all are counted. */
    assert_int_equal(audit_run(&audit, few, ARRAY_SIZE(few)), count);
    for (unsigned i = 0; i < ARRAY_SIZE(few); i++) {
        assert_ptr_equal(few[i].rule, many[i].rule);
    }
    assert_int_equal(audit_run(&audit, NULL, 0), count);
}

static void without_fields_there_is_nothing_to_find(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        audit.value[i] = vmcs_field_mask(vmcs_field_at(i));
        audit.present[i] = false;
    }
    assert_no_finding();
}

static void the_poison_is_refused(void **state)
{
    (void)state;
    arm();
    assert_int_equal(run(), 2);
    assert_string_equal(findings[0].rule->name, "msr.base");
    assert_string_equal(findings[1].rule->name, "msr.reserved");
}

/* --- Texts ------------------------------------------------------------------------------------ */

static void assert_words(uint8_t kind, uint64_t found, uint64_t want, const char *found_words,
                         const char *want_words)
{
    struct audit_answer answer = {.found = found, .want = want, .kind = kind};
    char text[40];

    audit_found_text(&answer, text, sizeof(text));
    assert_string_equal(text, found_words);
    audit_want_text(&answer, text, sizeof(text));
    assert_string_equal(text, want_words);
}

static void what_is_wanted_is_said_in_words(void **state)
{
    (void)state;
    assert_words(WANT_VALUE, 0x30, 0, "0x30", "0");
    assert_words(WANT_VALUE, 0, 0x21, "0", "0x21");
    assert_words(WANT_VALUE, UINT64_MAX, UINT64_MAX, "0xffffffffffffffff", "0xffffffffffffffff");
    assert_words(WANT_NUMBER, 0, 1, "0", "1");
    assert_words(WANT_NUMBER, 12, 11, "12", "11");
    assert_words(WANT_SET, 9, BIT(3) | BIT(11), "9", "\"3 or 11\"");
    assert_words(WANT_SET, 9, BIT(11), "9", "11");
    assert_words(WANT_SET, 9, BIT(0) | BIT(2) | BIT(4), "9", "\"0, 2 or 4\"");
    assert_words(WANT_SET, 0, BITS(15, 1), "0", "\"1 to 15\"");
    assert_words(WANT_SET, 70, BITS(63, 0), "70", "\"0 to 63\"");
    assert_words(WANT_SET, 0, BITS(3, 2), "0", "\"2 or 3\"");
    assert_words(WANT_SET, 1, 0xFD, "1", "\"0, 2, 3, 4, 5, 6 or 7\"");
    assert_words(WANT_SET, 6, 0, "6", "none");
    assert_words(WANT_AT_MOST, 5, 4, "5", "\"at most 4\"");
    assert_words(WANT_NOT_ZERO, 0, 0, "0", "\"not 0\"");
    assert_words(WANT_CANONICAL, BIT(47), 48, "0x800000000000", "\"bits 63:47 alike\"");
    assert_words(WANT_ALIGNED, 0x1001, 4096, "0x1001", "\"a multiple of 4096\"");
    assert_words(WANT_TYPES, 2, 0, "0x2", "\"bytes of 0, 1, 4, 5, 6 or 7\"");
}

static void a_finding_is_a_record_or_two(void **state)
{
    struct audit_lines lines;

    (void)state;
    audit.value[INDEX_HOST_CS_SELECTOR] = 0;
    assert_only("host.cs.not_0");
    audit_finding_text(&findings[0], &lines);
    assert_string_equal(lines.first,
                        "CS's selector must not be 0 field=host_cs_selector value=0x0 found=0 "
                        "want=\"not 0\" stage=host rule=host.cs.not_0");
    assert_string_equal(lines.second,
                        "of the rule above rule=host.cs.not_0 "
                        "sdm=\"Checks on Host Segment and Descriptor-Table Registers\"");
    start_again();
    audit.value[INDEX_VPID] = 0;
    assert_only("control.vpid.not_0");
    audit_finding_text(&findings[0], &lines);
    assert_string_equal(
        lines.first, "the VPID must not be 0 field=vpid value=0x0 found=0 want=\"not 0\" "
                     "stage=controls rule=control.vpid.not_0 sdm=\"VM-Execution Control Fields\"");
    assert_string_equal(lines.second, "");
    start_again();
    audit.value[INDEX_ENTRY_INTERRUPTION_INFO] = INTERRUPTION_VALID | 4 << 8 | 0x80;
    audit.value[INDEX_ENTRY_INSTRUCTION_LENGTH] = 16;
    assert_only("control.event.length");
    audit_finding_text(&findings[0], &lines);
    assert_non_null(strstr(lines.first, " found=16 want=\"0 to 15\" "));
}

/* The whole word is no answer where one bit of 32 is wrong. */
static void wrong_bits_are_named(void **state)
{
    struct audit_lines lines;

    (void)state;
    audit.value[INDEX_GUEST_CR0] &= ~CR0_NE;
    assert_true(audit_run(&audit, findings, ARRAY_SIZE(findings)) > 0);
    audit_finding_text(&findings[0], &lines);
    assert_non_null(strstr(lines.first, " rule=guest.cr0.must_be_1 bits=\"NE\""));
    start_again();
    audit.value[INDEX_GUEST_RFLAGS] |= BIT(3) | BITS(31, 22);
    assert_only("guest.rflags.must_be_0");
    audit_finding_text(&findings[0], &lines);
    assert_non_null(strstr(lines.first, " bits=\"bit-3 bit-22 bit-23 "));
    assert_non_null(strstr(lines.first, " ...\""));
    assert_true(strlen(lines.first) <= LOG_ROOM);
    start_again();
    audit.value[INDEX_PRIMARY_CONTROLS] &= ~(uint64_t)audit.can->range[CONTROL_PRIMARY].must_be_1;
    assert_true(audit_run(&audit, findings, ARRAY_SIZE(findings)) > 0);
    audit_finding_text(&findings[0], &lines);
    assert_string_equal(findings[0].rule->name, "control.primary.must_be_1");
    assert_non_null(strstr(lines.first, " bits=\"bit-1 "));
}

static void stages_have_names(void **state)
{
    (void)state;
    assert_string_equal(audit_stage_name(AUDIT_CONTROLS), "controls");
    assert_string_equal(audit_stage_name(AUDIT_HOST), "host");
    assert_string_equal(audit_stage_name(AUDIT_GUEST), "guest");
    assert_string_equal(audit_stage_name(AUDIT_MSR_LOAD), "msr-load");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(every_mutation_is_found_out),
        AUDIT_TEST(names_are_unique_and_of_their_stage),
        AUDIT_TEST(sentences_are_such),
        AUDIT_TEST(rows_are_whole),
        AUDIT_TEST(findings_stand_in_the_order_of_the_tables),
        AUDIT_TEST(without_fields_there_is_nothing_to_find),
        AUDIT_TEST(the_poison_is_refused),
        AUDIT_TEST(what_is_wanted_is_said_in_words),
        AUDIT_TEST(a_finding_is_a_record_or_two),
        AUDIT_TEST(wrong_bits_are_named),
        AUDIT_TEST(stages_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
