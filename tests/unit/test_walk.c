/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk of EPT, entry by entry, by numbers of SDM vol. 3C, "EPT Translation Mechanism". */
#include "ept/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ept/walk_text.h"
#include "tests/walk_memory.h"

static const struct ept_access reading = {.read = true};
static const struct ept_access writing = {.write = true};
static const struct ept_access fetching = {.fetch = true};
static const struct ept_access fetching_as_user = {.fetch = true, .user = true};

static int start(void **state)
{
    static struct walk_machine machine;

    machine_start(&machine);
    *state = &machine;
    return 0;
}

static int end(void **state)
{
    machine_end(*state);
    return 0;
}

static struct ept_path follow(struct walk_machine *machine, uint64_t gpa, struct ept_access access)
{
    return ept_follow(&machine->rules, &machine->memory.reader, GPA(gpa), access);
}

static void check_why(struct walk_machine *machine, const struct ept_path *path,
                      const char *expected)
{
    char why[112];

    ept_path_why(path, &machine->rules, why, sizeof(why));
    assert_string_equal(why, expected);
}

static void check_mapped(struct walk_machine *machine, uint64_t gpa, uint64_t hpa, unsigned level)
{
    struct ept_path path = follow(machine, gpa, reading);

    assert_int_equal(path.verdict, EPT_MAPPED);
    assert_int_equal(path.hpa.value, hpa);
    assert_int_equal(path.walk.level, level);
    assert_int_equal(path.level, 0);
    check_why(machine, &path, "");
}

static void a_page_of_each_size_is_found(void **state)
{
    struct walk_machine *machine = *state;

    check_mapped(machine, 0x1234, RAM + 0x1234, 1);
    put_ept(machine, EPT_PD, 2, 0x200000, 0x12a00000 | 0xb7);
    check_mapped(machine, 0x3fffff, 0x12bfffff, 2);
    put_ept(machine, EPT_PDPT, 3, 0x40000000, UINT64_C(0x1ec0000000) | 0xb7);
    check_mapped(machine, 0x7ffffff8, UINT64_C(0x1efffffff8), 3);
}

static void five_levels_are_walked(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path;

    machine->rules.pointer = (EPT_ROOT - 0x1000) | 0x26;
    check_mapped(machine, 0x5008, RAM + 0x5008, 1);
    machine->rules.width = 52;
    path = follow(machine, UINT64_C(1) << 48, reading);
    assert_int_equal(path.verdict, EPT_VIOLATED);
    check_why(machine, &path, "not present at level 5 (PML5E)");
}

static void an_absent_entry_is_a_violation_at_its_level(void **state)
{
    struct walk_machine *machine = *state;
    const uint64_t tables[] = {0, EPT_PT, EPT_PD, EPT_PDPT, EPT_ROOT};
    const char *const names[] = {"", "PTE", "PDE", "PDPTE", "PML4E"};

    for (unsigned level = 1; level <= 4; level++) {
        struct ept_path path;
        char expected[64];

        put_ept(machine, tables[level], level, 0x3000, ~UINT64_C(0x407)); /* all but the rights */
        path = follow(machine, 0x3000, writing);
        assert_int_equal(path.verdict, EPT_VIOLATED);
        assert_int_equal(path.level, level);
        assert_int_equal(path.walk.level, level);
        assert_int_equal(path.qualification, 2); /* a write, nothing allowed */
        snprintf(expected, sizeof(expected), "not present at level %u (%s)", level, names[level]);
        check_why(machine, &path, expected);
    }
}

static void rights_are_those_that_all_levels_give(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path;

    put_ept(machine, EPT_PD, 2, 0, EPT_PT | 5); /* no write */
    check_mapped(machine, 0x2000, RAM + 0x2000, 1);
    path = follow(machine, 0x2000, writing);
    assert_int_equal(path.verdict, EPT_VIOLATED);
    assert_int_equal(path.level, 2);
    assert_int_equal(path.qualification, 0x2a); /* a write; read and fetch are allowed */
    check_why(machine, &path, "write not allowed by the PDE (level 2)");

    put_ept(machine, EPT_PT, 1, 0x2000, RAM | 0x34); /* execute-only */
    path = follow(machine, 0x2000, (struct ept_access){.read = true, .write = true});
    assert_int_equal(path.qualification, 0x23);
    assert_int_equal(path.level, 2); /* the highest that denies something */
    path = follow(machine, 0x2000, reading);
    check_why(machine, &path, "read not allowed by the PTE (level 1)");
    assert_int_equal(follow(machine, 0x2000, fetching).verdict, EPT_MAPPED);

    put_ept(machine, EPT_PDPT, 3, 0, EPT_PD | 3);
    path = follow(machine, 0x2000, fetching);
    assert_int_equal(path.qualification, 0x4);
    check_why(machine, &path, "fetch not allowed by the PDPTE (level 3)");
}

static void a_read_and_write_that_one_entry_denies_is_one_denial(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path;

    put_ept(machine, EPT_PT, 1, 0x2000, RAM | 0x34);
    path = follow(machine, 0x2000, (struct ept_access){.read = true, .write = true});
    check_why(machine, &path, "read and write not allowed by the PTE (level 1)");
}

static void mode_based_execute_tells_users_from_supervisors(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path;

    machine->rules.mode_based = true;
    put_ept(machine, EPT_ROOT, 4, 0, EPT_PDPT | 0x407);
    put_ept(machine, EPT_PDPT, 3, 0, EPT_PD | 0x407);
    put_ept(machine, EPT_PD, 2, 0, EPT_PT | 0x407);
    put_ept(machine, EPT_PT, 1, 0x1000, RAM | 0x433); /* users may execute */
    put_ept(machine, EPT_PT, 1, 0x2000, RAM | 0x35);  /* supervisors may */
    put_ept(machine, EPT_PT, 1, 0x3000, RAM | 0x430); /* present by users' execute alone */

    assert_int_equal(follow(machine, 0x1000, fetching_as_user).verdict, EPT_MAPPED);
    path = follow(machine, 0x1000, fetching);
    assert_int_equal(path.qualification, 0x5c); /* a fetch; read, write and users' fetch allowed */
    check_why(machine, &path, "supervisor fetch not allowed by the PTE (level 1)");
    assert_int_equal(follow(machine, 0x2000, fetching).verdict, EPT_MAPPED);
    path = follow(machine, 0x2000, fetching_as_user);
    assert_int_equal(path.qualification, 0x2c);
    check_why(machine, &path, "user fetch not allowed by the PTE (level 1)");
    assert_int_equal(follow(machine, 0x3000, fetching_as_user).verdict, EPT_MAPPED);
    machine->rules.execute_only = false;
    path = follow(machine, 0x3000, fetching_as_user);
    check_why(machine, &path, "the PTE (level 1) has X without R");
    machine->rules.mode_based = false; /* then bit 10 makes nothing present */
    assert_int_equal(follow(machine, 0x3000, fetching_as_user).verdict, EPT_VIOLATED);
}

struct misconfiguration {
    unsigned level;
    uint64_t entry, reserved;
    unsigned flaws;
    const char *why;
};

static void check_misconfiguration(struct walk_machine *machine,
                                   const struct misconfiguration *wrong)
{
    const uint64_t tables[] = {0, EPT_PT, EPT_PD, EPT_PDPT, EPT_ROOT};
    struct ept_path path;

    machine_end(machine);
    {
        struct ept_rules rules = machine->rules;
        machine_start(machine);
        machine->rules = rules;
    }
    put_ept(machine, tables[wrong->level], wrong->level, 0x1000, wrong->entry);
    path = follow(machine, 0x1000, reading);
    if (wrong->flaws == 0) {
        assert_int_not_equal(path.verdict, EPT_MISCONFIGURED);
        return;
    }
    assert_int_equal(path.verdict, EPT_MISCONFIGURED);
    assert_int_equal(path.level, wrong->level);
    assert_int_equal(path.flaws, wrong->flaws);
    assert_int_equal(path.reserved, wrong->reserved);
    check_why(machine, &path, wrong->why);
}

static void every_misconfiguration_is_named(void **state)
{
    static const struct misconfiguration cases[] = {
        {1, RAM | 0x32, 0, EPT_FLAW_WRITE, "the PTE (level 1) has W without R"},
        {1, RAM | 0x36, 0, EPT_FLAW_WRITE, "the PTE (level 1) has W without R"},
        {4, EPT_PDPT | 2, 0, EPT_FLAW_WRITE, "the PML4E (level 4) has W without R"},
        {1, RAM | 0x17, 0, EPT_FLAW_TYPE, "the PTE (level 1) has memory type 2"},
        {1, RAM | 0x1f, 0, EPT_FLAW_TYPE, "the PTE (level 1) has memory type 3"},
        {2, 0xbf, 0, EPT_FLAW_TYPE, "the PDE (level 2) has memory type 7"},
        {3, 0xbf, 0, EPT_FLAW_TYPE, "the PDPTE (level 3) has memory type 7"},
        {4, EPT_PDPT | 0x87, 0x80, EPT_FLAW_RESERVED, "the PML4E (level 4) has reserved bits 0x80"},
        {4, EPT_PDPT | 0x0f, 0x08, EPT_FLAW_RESERVED, "the PML4E (level 4) has reserved bits 0x8"},
        {3, EPT_PD | 0x77, 0x70, EPT_FLAW_RESERVED, "the PDPTE (level 3) has reserved bits 0x70"},
        {2, EPT_PT | 0x47, 0x40, EPT_FLAW_RESERVED, "the PDE (level 2) has reserved bits 0x40"},
        {2, 0x1010b7, 0x101000, EPT_FLAW_RESERVED, "the PDE (level 2) has reserved bits 0x101000"},
        {3, 0x200000b7, 0x20000000, EPT_FLAW_RESERVED,
         "the PDPTE (level 3) has reserved bits 0x20000000"},
        {1, RAM | 0x37 | BIT(39), BIT(39), EPT_FLAW_WIDTH,
         "the PTE (level 1) has address beyond 39 bits"},
        {4, EPT_PDPT | 0x7 | BIT(51), BIT(51), EPT_FLAW_WIDTH,
         "the PML4E (level 4) has address beyond 39 bits"},
        {2, 0xbe | 0x1000 | BIT(50), 0x1000 | BIT(50),
         EPT_FLAW_WRITE | EPT_FLAW_RESERVED | EPT_FLAW_WIDTH | EPT_FLAW_TYPE,
         "the PDE (level 2) has W without R, reserved bits 0x1000, address beyond 39 bits, "
         "memory type 7"},
        /* What may be set. */
        {1, RAM | 0xff7 | BITS(63, 52), 0, 0, ""}, /* bit 7 of a PTE too */
        {4, EPT_PDPT | 0xf07 | BITS(63, 52), 0, 0, ""},
        {1, RAM | 0x34, 0, 0, ""},
        {1, BITS(51, 39) | 0xff8, 0, 0, ""}, /* not present: nothing is reserved */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        check_misconfiguration(*state, &cases[i]);
    }
}

static void what_the_processor_cannot_is_a_misconfiguration(void **state)
{
    static const struct misconfiguration execute_only = {1, RAM | 0x34, 0, EPT_FLAW_EXECUTE,
                                                         "the PTE (level 1) has X without R"};
    static const struct misconfiguration both = {1, RAM | 0x36, 0,
                                                 EPT_FLAW_WRITE | EPT_FLAW_EXECUTE,
                                                 "the PTE (level 1) has W without R, X without R"};
    static const struct misconfiguration page_1g = {3, 0x87, 0x80, EPT_FLAW_RESERVED,
                                                    "the PDPTE (level 3) has reserved bits 0x80"};
    static const struct misconfiguration page_2m = {2, 0x87, 0x80, EPT_FLAW_RESERVED,
                                                    "the PDE (level 2) has reserved bits 0x80"};
    struct walk_machine *machine = *state;

    machine->rules.execute_only = machine->rules.page_1g = false;
    check_misconfiguration(machine, &execute_only);
    check_misconfiguration(machine, &both);
    check_misconfiguration(machine, &page_1g);
    machine->rules.page_2m = false;
    check_misconfiguration(machine, &page_2m);
}

/* SDM: a violation only where there is no misconfiguration on the way. */
static void a_misconfiguration_comes_before_a_violation(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path;

    put_ept(machine, EPT_PD, 2, 0, EPT_PT | 5);
    put_ept(machine, EPT_PT, 1, 0x1000, RAM | 0x3f);
    path = follow(machine, 0x1000, writing);
    assert_int_equal(path.verdict, EPT_MISCONFIGURED);
    put_ept(machine, EPT_PT, 1, 0x1000, RAM | 0x32);
    put_ept(machine, EPT_PD, 2, 0, 0); /* but this one ends the way before it */
    assert_int_equal(follow(machine, 0x1000, writing).verdict, EPT_VIOLATED);
}

/* The reader is asked for a table that is not there: a misconfigured entry above counts first. */
static void a_table_that_cannot_be_read_is_said_so(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path;

    put_ept(machine, EPT_PD, 2, 0, 0x900000 | 7);
    path = follow(machine, 0x1000, reading);
    assert_int_equal(path.verdict, EPT_UNREADABLE);
    check_why(machine, &path, "the table 0x900000 at level 1 is not in memory");
    put_ept(machine, EPT_PD, 2, 0, 0x900000 | 0xf);
    assert_int_equal(follow(machine, 0x1000, reading).verdict, EPT_MISCONFIGURED);
    machine->rules.pointer = 0x900000 | 0x1e;
    path = follow(machine, 0x1000, reading);
    check_why(machine, &path, "the table 0x900000 at level 4 is not in memory");
}

static void addresses_that_cannot_be_are_told_apart(void **state)
{
    struct walk_machine *machine = *state;
    struct ept_path path = follow(machine, BIT(39), reading);

    assert_int_equal(path.verdict, EPT_BEYOND);
    check_why(machine, &path, "no processor of 39 address bits has this address");
    path = follow(machine, BIT(39) - 1, reading);
    assert_int_equal(path.verdict, EPT_VIOLATED);
    machine->rules.width = 52;
    path = follow(machine, BIT(48), reading);
    assert_int_equal(path.verdict, EPT_VIOLATED);
    assert_int_equal(path.qualification, 1);
    check_why(machine, &path, "beyond the 48 bits that 4 levels translate");
    path = follow(machine, BIT(52), reading);
    assert_int_equal(path.verdict, EPT_BEYOND);
    machine->rules.pointer = EPT_ROOT | 0x16;
    path = follow(machine, 0, reading);
    assert_int_equal(path.verdict, EPT_BAD_POINTER);
    check_why(machine, &path, "the EPT pointer 0x10016 has a walk of 3 levels");
}

static void check_printed(struct walk_machine *machine, uint64_t gpa, struct ept_access access,
                          const char *expected)
{
    static struct printed printed;
    struct ept_path path = follow(machine, gpa, access);

    printed_start(&printed);
    ept_path_lines(&path, &machine->rules, 0, &printed.sink);
    ept_path_outcome(&path, &machine->rules, &printed.sink);
    assert_string_equal(printed.text, expected);
}

static void the_picture_of_a_walk(void **state)
{
    struct walk_machine *machine = *state;

    machine->rules.pointer |= EPTP_AD;
    put_ept(machine, EPT_PT, 1, 0x1000, (RAM + 0x1000) | 0x375 | EPT_SUPPRESS_VE);
    check_printed(machine, 0x1008, reading,
                  "EPT PML4E gpa=0x1008 level=4 entry=PML4E table=0x10000 value=0x11007 rights=rwx "
                  "flags=none next=table\n"
                  "  EPT PDPTE gpa=0x1008 level=3 entry=PDPTE table=0x11000 value=0x12007 "
                  "rights=rwx flags=none next=table\n"
                  "    EPT PDE gpa=0x1008 level=2 entry=PDE table=0x12000 value=0x13007 rights=rwx "
                  "flags=none next=table\n"
                  "      EPT PTE gpa=0x1008 level=1 entry=PTE table=0x13000 "
                  "value=0x8000000000041375 rights=r-x type=wb page=4-KiB flags=A,D,IPAT,SVE "
                  "next=page\n"
                  "translated gpa=0x1008 hpa=0x41008 rights=r-x type=wb page=4-KiB fault=none\n");
    put_ept(machine, EPT_PD, 2, 0, 0x600);
    check_printed(machine, 0x1008, writing,
                  "EPT PML4E gpa=0x1008 level=4 entry=PML4E table=0x10000 value=0x11007 rights=rwx "
                  "flags=none next=table\n"
                  "  EPT PDPTE gpa=0x1008 level=3 entry=PDPTE table=0x11000 value=0x12007 "
                  "rights=rwx flags=none next=table\n"
                  "    EPT PDE gpa=0x1008 level=2 entry=PDE table=0x12000 value=0x600 "
                  "next=nothing\n"
                  "fault gpa=0x1008 fault=EPT-violation qual=0x2 why=\"not present at level 2 "
                  "(PDE)\"\n");
    put_ept(machine, EPT_ROOT, 4, 0, 0xa);
    check_printed(machine, 0x1008, reading,
                  "EPT PML4E gpa=0x1008 level=4 entry=PML4E table=0x10000 value=0xa rights=-w- "
                  "flags=none next=misconfigured\n"
                  "fault gpa=0x1008 fault=EPT-misconfiguration why=\"the PML4E (level 4) has "
                  "W without R, reserved bits 0x8\"\n");
}

static void every_type_and_right_has_a_name(void **state)
{
    struct walk_machine *machine = *state;
    char text[RIGHTS_TEXT];

    assert_string_equal(memory_type_text(0), "uc");
    assert_string_equal(memory_type_text(1), "wc");
    assert_string_equal(memory_type_text(4), "wt");
    assert_string_equal(memory_type_text(5), "wp");
    assert_string_equal(memory_type_text(6), "wb");
    assert_string_equal(memory_type_text(7), "reserved");
    assert_string_equal(paging_entry_name(5), "PML5E");
    assert_string_equal(paging_entry_name(6), "");
    assert_string_equal(ept_page_text(3), "1-GiB");
    ept_rights_text(&machine->rules, 0x404, text);
    assert_string_equal(text, "--x");
    machine->rules.mode_based = true;
    ept_rights_text(&machine->rules, 0x407, text);
    assert_string_equal(text, "rwsu");
    ept_rights_text(&machine->rules, 0x400, text);
    assert_string_equal(text, "---u");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_of_each_size_is_found, start, end),
        cmocka_unit_test_setup_teardown(five_levels_are_walked, start, end),
        cmocka_unit_test_setup_teardown(an_absent_entry_is_a_violation_at_its_level, start, end),
        cmocka_unit_test_setup_teardown(rights_are_those_that_all_levels_give, start, end),
        cmocka_unit_test_setup_teardown(a_read_and_write_that_one_entry_denies_is_one_denial, start,
                                        end),
        cmocka_unit_test_setup_teardown(mode_based_execute_tells_users_from_supervisors, start,
                                        end),
        cmocka_unit_test_setup_teardown(every_misconfiguration_is_named, start, end),
        cmocka_unit_test_setup_teardown(what_the_processor_cannot_is_a_misconfiguration, start,
                                        end),
        cmocka_unit_test_setup_teardown(a_misconfiguration_comes_before_a_violation, start, end),
        cmocka_unit_test_setup_teardown(a_table_that_cannot_be_read_is_said_so, start, end),
        cmocka_unit_test_setup_teardown(addresses_that_cannot_be_are_told_apart, start, end),
        cmocka_unit_test_setup_teardown(the_picture_of_a_walk, start, end),
        cmocka_unit_test_setup_teardown(every_type_and_right_has_a_name, start, end),
    };

    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
