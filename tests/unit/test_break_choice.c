/* SPDX-License-Identifier: BSD-2-Clause */
/* What break= asks for, and what becomes of it on each machine. */
#include "vmx/break_choice.h"

#include "tests/unit/audit_fixture.h"
#include "vmx/names.h"

#define NO_FIELD  "there is no VMCS field of that name: docs/audit.md has those with rules"
#define TOO_LONG  "the value is too long: a number, or 0x and up to 16 hexadecimal digits"
#define NO_NUMBER "after the colon a number of at most 64 bits is expected, such as 131 or 0x83"
#define READ_ONLY "the field is read-only"
#define ABSENT    "this processor does not have that field"
#define WIDER     "the value is wider than the field"
#define HOST_LOST                                                                                  \
    "no rule rejects that value, so it would be loaded at the next exit, and the host lost"
#define NO_RULE    "no rule stands on that field: say FIELD:VALUE"
#define UNBREAKING "this processor cannot break any rule on that field by itself: say FIELD:VALUE"

static struct audit after;

/* The word stands between others, as in the option: only its length ends it. */
static bool parse(const char *word, struct break_choice *choice)
{
    size_t length = strlen(word);
    char *exact = malloc(length + 1);
    bool taken;

    memcpy(exact, word, length);
    exact[length] = '9'; /* a digit more, if it is looked at */
    memset(choice, 0xa5, sizeof(*choice));
    taken = break_parse(exact, length, choice);
    free(exact);
    return taken;
}

static void assert_refused(const char *word, const char *why)
{
    struct break_choice choice;

    if (parse(word, &choice)) {
        fail_msg("%s is taken", word);
    }
    assert_string_equal(choice.why, why);
}

static void assert_value(const char *word, unsigned field, uint64_t value)
{
    struct break_choice choice;

    if (!parse(word, &choice)) {
        fail_msg("%s: %s", word, choice.why);
    }
    assert_int_equal(choice.field, field);
    assert_true(choice.has_value);
    assert_true(choice.value == value);
    assert_null(choice.rule);
    assert_null(choice.why);
}

/* --- The word --------------------------------------------------------------------------------- */

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static void assert_name(const char *name, unsigned field)
{
    struct break_choice choice;

    if (!parse(name, &choice)) {
        fail_msg("%s: %s", name, choice.why);
    }
    assert_int_equal(choice.field, field);
    assert_false(choice.has_value);
}

static void every_name_in_any_case(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        char name[64];
        size_t length;

        snprintf(name, sizeof(name), "%s", vmcs_field_name(vmcs_field_at(i)));
        length = strlen(name);
        assert_name(name, i);
        for (size_t c = 0; c < length; c += 2) {
            name[c] = upper(name[c]);
        }
        assert_name(name, i);
        for (size_t c = 0; c < length; c++) {
            name[c] = upper(name[c]);
        }
        assert_name(name, i);
    }
}

static void what_is_no_name(void **state)
{
    static const char *const words[] = {"",
                                        ":",
                                        ":1",
                                        "guest_ri",
                                        "guest_ripp",
                                        "guest-rip",
                                        "guest rip",
                                        " guest_rip",
                                        "guest_rip ",
                                        "guest_rip=1",
                                        "guest\x7frip",
                                        "cr0",
                                        "guest_rip.",
                                        "VMCS_GUEST_RIP",
                                        "*"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        assert_refused(words[i], NO_FIELD);
    }
}

static void values_are_numbers(void **state)
{
    (void)state;
    assert_value("vpid:0", INDEX_VPID, 0);
    assert_value("vpid:131", INDEX_VPID, 131);
    assert_value("vpid:0x83", INDEX_VPID, 0x83);
    assert_value("Guest_RIP:0X8000000000000000", INDEX_GUEST_RIP, BIT(63));
    assert_value("guest_rip:0xfFfFfFfFfFfFfFfF", INDEX_GUEST_RIP, UINT64_MAX);
    assert_value("guest_rip:18446744073709551615", INDEX_GUEST_RIP, UINT64_MAX);
    assert_value("guest_rip:00000000000000000000007", INDEX_GUEST_RIP, 7); /* 23 characters */
}

static void what_is_no_value(void **state)
{
    static const char *const words[] = {"vpid:",
                                        "vpid::1",
                                        "vpid:1:",
                                        "vpid:1:2",
                                        "vpid:0x",
                                        "vpid:0x1g",
                                        "vpid:ten",
                                        "vpid:-1",
                                        "vpid:1K",
                                        "vpid: 1",
                                        "guest_rip:18446744073709551616",
                                        "guest_rip:0x10000000000000000"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        assert_refused(words[i], NO_NUMBER);
    }
    assert_refused("guest_rip:000000000000000000000007", TOO_LONG); /* 24 characters */
    assert_refused("guest_rip:0x0000000000000000000000000000000000000000000000000000001", TOO_LONG);
    assert_refused("guest_rip:a word that is no number at all", TOO_LONG);
}

/* --- The choice ------------------------------------------------------------------------------- */

static bool choose(const char *word, struct break_choice *choice)
{
    assert_true(parse(word, choice));
    memset(&after, 0xa5, sizeof(after));
    return break_choose(&audit, &sandbox, choice, &after);
}

static void assert_unbroken(const char *word, const char *why)
{
    struct break_choice choice;

    if (choose(word, &choice)) {
        fail_msg("%s is broken", word);
    }
    assert_string_equal(choice.why, why);
}

/* `rule` NULL: none is broken. Nothing but the field is changed. */
static void assert_set(const char *word, const char *rule)
{
    struct break_choice choice;

    if (!choose(word, &choice)) {
        fail_msg("%s: %s", word, choice.why);
    }
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        assert_true(after.value[i] == (i == choice.field ? choice.value : audit.value[i]));
    }
    if (rule == NULL) {
        assert_null(choice.rule);
    } else {
        assert_non_null(choice.rule);
        assert_string_equal(choice.rule->name, rule);
    }
}

static void a_value_is_written_whatever_it_breaks(void **state)
{
    (void)state;
    assert_set("vpid:0", "control.vpid.not_0");
    assert_set("vpid:0xffff", NULL);
    assert_set("guest_tr_ar:0x89", "guest.tr.type");
    assert_set("guest_tr_ar:139", NULL); /* what it holds */
    assert_set("guest_rip:0x1000", NULL);
    assert_set("exception_bitmap:0xffffffff", NULL); /* no rule stands on it */
    assert_set("guest_ldtr_limit:0xffffffff", NULL);
}

/* By controls that the value itself switches off: what follows from them is found anew. */
static void a_value_acts_as_written(void **state)
{
    struct break_choice choice;

    (void)state;
    assert_true(choose("secondary_controls:0", &choice));
    assert_int_equal(after.control[CONTROL_SECONDARY], 0);
    assert_true(choose("entry_controls:0x11ff", &choice));
    assert_false(after.ia32e_guest);
    assert_true(audit.ia32e_guest);
}

/* Of those that the value breaks, one that blames the field; else one that was kept before. */
static void check_rule(const struct break_choice *choice)
{
    const char *name = vmcs_field_name(vmcs_field_at(choice->field));
    bool blamed = false, broken = false, among = false;

    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            const struct audit_rule *rule = &audit_sections[i]->rules[j];
            struct audit_answer answer, was;
            bool counts;

            if (audit_keeps(&after, rule, &answer)) {
                continue;
            }
            counts = answer.field == choice->field || audit_keeps(&audit, rule, &was);
            blamed |= answer.field == choice->field;
            broken |= counts;
            among |= counts && rule == choice->rule;
        }
    }
    if (among != broken || (choice->rule != NULL) != broken) {
        fail_msg("%s: %s:0x%lx: %s", machine.name, name, (unsigned long)choice->value,
                 choice->rule != NULL ? choice->rule->name : "no rule");
    }
    if (blamed) {
        struct audit_answer answer = {0};

        assert_false(audit_keeps(&after, choice->rule, &answer));
        assert_int_equal(answer.field, choice->field);
    }
}

/* Each bit of each field, the other way round. */
static void the_rule_is_one_that_the_value_breaks(void **state)
{
    unsigned without = 0;

    (void)state;
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            struct break_choice choice = {.field = (uint8_t)i, .has_value = true};

            choice.value = audit.value[i] ^ BIT(bit);
            if (break_choose(&audit, &sandbox, &choice, &after)) {
                check_rule(&choice);
                without += choice.rule == NULL;
            } else {
                assert_non_null(choice.why);
                assert_null(choice.rule);
            }
        }
    }
    assert_in_range(without, 1000, VMCS_FIELDS * 64);
    /* What another field is to blame for is broken all the same. */
    assert_set("guest_tr_limit:0xffffffff", "guest.tr.granularity.pages");
}

static void the_host_is_not_lost(void **state)
{
    (void)state;
    assert_set("host_cs_selector:0", "host.cs.not_0");
    assert_set("HOST_CR4:0", "host.cr4.must_be_1");
    assert_set("host_rip:0x800000000000", "host.rip");
    assert_unbroken("host_rip:0", HOST_LOST);
    assert_unbroken("host_cs_selector:16", HOST_LOST);
    assert_unbroken("host_fs_base:0x7fffffffffff", HOST_LOST);
    assert_set("host_fs_base:0x800000000000", "host.fs.base");
}

static void a_value_fits_its_field(void **state)
{
    (void)state;
    assert_unbroken("vpid:0x10000", WIDER);
    assert_unbroken("guest_tr_ar:0x100000000", WIDER);
    assert_unbroken("host_cs_selector:0x10000", WIDER); /* before it is asked what rejects it */
    assert_set("guest_tr_limit:0xffffffff", "guest.tr.granularity.pages");
    assert_set("tsc_offset:0xffffffffffffffff", NULL);
}

static void fields_that_cannot_be_written(void **state)
{
    char word[64];
    unsigned read_only = 0, absent = 0;

    (void)state;
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        struct vmcs_field field = vmcs_field_at(i);
        bool never = vmcs_kind(field) == VMCS_READ_ONLY;

        if (!never && audit.present[i]) {
            continue;
        }
        assert_unbroken(vmcs_field_name(field), never ? READ_ONLY : ABSENT);
        snprintf(word, sizeof(word), "%s:0", vmcs_field_name(field));
        assert_unbroken(word, never ? READ_ONLY : ABSENT);
        *(never ? &read_only : &absent) += 1;
    }
    assert_in_range(read_only, 10, VMCS_FIELDS);
    assert_in_range(absent, 5, VMCS_FIELDS);
}

/* --- Every field, without a value ------------------------------------------------------------- */

static bool has_field(const struct audit_rule *rule, unsigned field)
{
    for (unsigned i = 0; i < AUDIT_RULE_FIELDS; i++) {
        if (rule->fields[i] == field) {
            return true;
        }
    }
    return false;
}

static bool stands_in_a_rule(unsigned field)
{
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            if (has_field(&audit_sections[i]->rules[j], field)) {
                return true;
            }
        }
    }
    return false;
}

/* Broken, by a rule on the field, which either changed or is blamed; and what is not there, or
 * never written, is as it was. */
static void check_broken(unsigned field, const struct break_choice *choice)
{
    const char *name = vmcs_field_name(vmcs_field_at(field));
    struct audit_answer answer;

    if (choice->rule == NULL || !has_field(choice->rule, field) ||
        audit_keeps(&after, choice->rule, &answer)) {
        fail_msg("%s: %s: not broken", machine.name, name);
    }
    if (after.value[field] == audit.value[field] && answer.field != field) {
        fail_msg("%s: %s: %s has nothing to do with it", machine.name, name, choice->rule->name);
    }
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        struct vmcs_field other = vmcs_field_at(i);
        bool fixed = !audit.present[i] || vmcs_kind(other) == VMCS_READ_ONLY;

        assert_true((after.value[i] & ~vmcs_field_mask(other)) == 0);
        assert_true(!fixed || after.value[i] == audit.value[i]);
    }
}

/* What is changed in the host-state area is refused before it is loaded. */
static void check_host(void)
{
    unsigned count = audit_run(&after, findings, MOST);

    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        if (vmcs_kind(vmcs_field_at(i)) == VMCS_HOST && after.value[i] != audit.value[i]) {
            assert_true(count != 0 && findings[0].section->stage <= AUDIT_HOST);
        }
    }
}

struct outcome {
    unsigned broken, without_rule, unbreaking;
};

static void break_field_of(unsigned field, struct outcome *outcome)
{
    const char *name = vmcs_field_name(vmcs_field_at(field));
    struct break_choice choice;

    start_again();
    if (choose(name, &choice)) {
        check_broken(field, &choice);
        check_host();
        outcome->broken++;
    } else if (vmcs_kind(vmcs_field_at(field)) == VMCS_READ_ONLY) {
        assert_string_equal(choice.why, READ_ONLY);
    } else if (!audit.present[field]) {
        assert_string_equal(choice.why, ABSENT);
    } else if (!stands_in_a_rule(field)) {
        assert_string_equal(choice.why, NO_RULE);
        outcome->without_rule++;
    } else {
        assert_string_equal(choice.why, UNBREAKING);
        outcome->unbreaking++;
        /* It is loaded by no VM entry while Intel PT traces. */
        assert_true(machine.facts.tracing && field == INDEX_GUEST_RTIT_CTL);
    }
}

static void every_field_is_broken_or_it_is_said_why(void **state)
{
    (void)state;
    for (unsigned number = 0; number < AUDIT_MACHINES; number++) {
        struct outcome outcome = {0};

        be_machine(number);
        for (unsigned field = 0; field < VMCS_FIELDS; field++) {
            break_field_of(field, &outcome);
        }
        print_message("%s: %u fields are broken, %u have no rule, %u cannot be\n", machine.name,
                      outcome.broken, outcome.without_rule, outcome.unbreaking);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(every_name_in_any_case),
        AUDIT_TEST(what_is_no_name),
        AUDIT_TEST(values_are_numbers),
        AUDIT_TEST(what_is_no_value),
        AUDIT_TEST(a_value_is_written_whatever_it_breaks),
        AUDIT_TEST(a_value_acts_as_written),
        AUDIT_TEST(the_rule_is_one_that_the_value_breaks),
        AUDIT_TEST(the_host_is_not_lost),
        AUDIT_TEST(a_value_fits_its_field),
        AUDIT_TEST(fields_that_cannot_be_written),
        AUDIT_TEST(every_field_is_broken_or_it_is_said_why),
    };

    return cmocka_run_group_tests_name("break_choice", tests, NULL, NULL);
}
