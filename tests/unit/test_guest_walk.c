/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of a guest's address in both dimensions, by numbers of SDM vol. 3A, "Paging". The
 * guest's tables lie in its RAM: the root at 1000H, the next at 2000H, and so on.
 */
#include "vmx/guest_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/cpu.h"
#include "tests/walk_memory.h"
#include "vmx/guest_walk_text.h"

#define ROOT 0x1000 /* of the level of the mode; the table below is a page further */
#define PAGE 0x9000 /* what the tables of start_*() map */

static const struct guest_access reading = {0};
static const struct guest_access writing = {.write = true};
static const struct guest_access fetching = {.fetch = true};
static const struct guest_access user_reading = {.user = true};
static const struct guest_access user_writing = {.user = true, .write = true};
static const struct guest_access user_fetching = {.user = true, .fetch = true};

struct guest {
    struct walk_machine machine; /* first */
    struct guest_translation mode;
    struct guest_path path; /* the newest walk */
};

static int start(void **state)
{
    static struct guest guest;

    memset(&guest, 0, sizeof(guest));
    machine_start(&guest.machine);
    guest.mode = (struct guest_translation){
        .cr0 = CR0_PE | CR0_WP, .cr3 = ROOT, .width = 39, .page_1g = true, .pse_36 = true};
    *state = &guest;
    return 0;
}

static int end(void **state)
{
    machine_end(*state);
    return 0;
}

/* Writes an entry at a guest-physical address within its RAM. */
static void put(struct guest *guest, uint64_t gpa, unsigned size, uint64_t entry)
{
    put_field(guest->machine.ram, gpa, size, entry);
}

static void put_entry(struct guest *guest, uint64_t table, unsigned index, uint64_t entry)
{
    put(guest, table + UINT64_C(8) * index, 8, entry);
}

/* Four or five levels, with all indices 1: linear 8040201000H or 1008040201000H to PAGE. */
#define LINEAR_4 UINT64_C(0x8040201000)
#define LINEAR_5 (UINT64_C(0x1000000000000) | LINEAR_4)

static void start_4(struct guest *guest)
{
    guest->mode.cr0 |= CR0_PG;
    guest->mode.cr4 |= CR4_PAE;
    guest->mode.efer |= EFER_LMA | EFER_LME | EFER_NXE;
    for (unsigned level = 0; level < 3; level++) {
        put_entry(guest, ROOT + level * 0x1000, 1, (ROOT + (level + 1) * 0x1000) | 0x27);
    }
    put_entry(guest, ROOT + 0x3000, 1, PAGE | 0x67);
}

/* Linear 201000H: directory ROOT, entry 0, table 2000H, entry 201H. */
static void start_32(struct guest *guest)
{
    guest->mode.cr0 |= CR0_PG;
    put(guest, ROOT, 4, 0x2007);
    put(guest, 0x2000 + 4 * 0x201, 4, PAGE | 7);
}

/* Linear C0201000H: PDPTE 3 in its register, directory 2000H, table 3000H. */
static void start_pae(struct guest *guest)
{
    guest->mode.cr0 |= CR0_PG;
    guest->mode.cr4 |= CR4_PAE;
    guest->mode.efer |= EFER_NXE;
    guest->mode.pdptes[3] = 0x2001;
    put_entry(guest, 0x2000, 1, 0x3007);
    put_entry(guest, 0x3000, 1, PAGE | 7);
}

static const struct guest_path *follow(struct guest *guest, uint64_t gva,
                                       struct guest_access access)
{
    memset(&guest->path, 0xa5, sizeof(guest->path));
    guest_follow(&guest->mode, &guest->machine.rules, &guest->machine.memory.reader, GVA(gva),
                 access, &guest->path);
    return &guest->path;
}

static void check_mapped(struct guest *guest, uint64_t gva, uint64_t gpa, unsigned level)
{
    const struct guest_path *path = follow(guest, gva, reading);

    assert_int_equal(path->verdict, GUEST_MAPPED);
    assert_int_equal(path->gpa.value, gpa);
    assert_int_equal(path->ept.hpa.value, RAM + gpa);
    assert_int_equal(path->page_level, level);
}

/* Maps the guest-physical 2 MiB at `gpa` to the host's 2 MiB at the same address. */
static void map_2m(struct guest *guest, uint64_t gpa)
{
    put_ept(&guest->machine, EPT_PD, 2, gpa, gpa | 0xb7);
}

static void check_large(struct guest *guest, uint64_t gva, uint64_t gpa, unsigned level)
{
    const struct guest_path *path;

    map_2m(guest, gpa & ~UINT64_C(0x1fffff));
    path = follow(guest, gva, reading);
    assert_int_equal(path->verdict, GUEST_MAPPED);
    assert_int_equal(path->gpa.value, gpa);
    assert_int_equal(path->page_level, level);
}

static void check_fault(struct guest *guest, uint64_t gva, struct guest_access access,
                        uint32_t error, const char *why)
{
    const struct guest_path *path = follow(guest, gva, access);
    char text[112];

    assert_int_equal(path->verdict, GUEST_PAGE_FAULT);
    assert_int_equal(path->error_code, error);
    guest_path_why(path, &guest->mode, &guest->machine.rules, text, sizeof(text));
    assert_string_equal(text, why);
}

static void check_why(struct guest *guest, const char *why)
{
    char text[112];

    guest_path_why(&guest->path, &guest->mode, &guest->machine.rules, text, sizeof(text));
    assert_string_equal(text, why);
}

static void without_paging_an_address_is_physical(void **state)
{
    struct guest *guest = *state;

    check_mapped(guest, 0x4321, 0x4321, 0);
    assert_int_equal(guest->path.count, 0);
    assert_int_equal(guest->path.paging, PAGING_NONE);
    assert_int_equal(follow(guest, BIT(32), reading)->verdict, GUEST_NO_ADDRESS);
    check_why(guest, "linear addresses have 32 bits with paging off");
}

static void tables_of_32_bits_are_walked(void **state)
{
    struct guest *guest = *state;

    start_32(guest);
    guest->mode.cr3 |= 0xfff; /* its low bits are no address */
    check_mapped(guest, 0x201abc, PAGE + 0xabc, 1);
    assert_int_equal(guest->path.paging, PAGING_32);
    assert_int_equal(guest->path.count, 2);
    assert_int_equal(guest->path.steps[1].gpa.value, 0x2804);
    assert_int_equal(follow(guest, BIT(32) + 0x201000, reading)->verdict, GUEST_NO_ADDRESS);
    check_why(guest, "linear addresses have 32 bits with this paging");
    check_fault(guest, 0x202000, reading, 0, "not present at level 1 (the guest's PTE)");
    check_fault(guest, 0x400000, writing, 2, "not present at level 2 (the guest's PDE)");
}

static void pages_of_4_mib_want_pse(void **state)
{
    struct guest *guest = *state;

    start_32(guest);
    put(guest, ROOT + 4, 4, 0x800087);
    assert_int_equal(follow(guest, 0x512345, reading)->verdict, GUEST_EPT);
    assert_int_equal(guest->path.steps[1].gpa.value, 0x800448); /* bit 7 is ignored: a table */
    guest->mode.cr4 |= CR4_PSE;
    check_large(guest, 0x512345, 0x912345, 2);
    assert_int_equal(guest->path.count, 1);
}

static void pages_of_4_mib_have_40_bits_with_pse_36(void **state)
{
    struct guest *guest = *state;

    start_32(guest);
    guest->mode.cr4 |= CR4_PSE;
    guest->mode.width = guest->machine.rules.width = 40;
    put(guest, ROOT + 4, 4, 0x800087 | 0x1fe000); /* bits 39:32 are all 1 */
    put_ept(&guest->machine, EPT_ROOT, 4, UINT64_C(0xff00000000), EPT_PDPT | 7);
    put_ept(&guest->machine, EPT_PDPT, 3, UINT64_C(0xff00000000), EPT_PD | 7);
    check_large(guest, 0x512345, UINT64_C(0xff00912345), 2);
    put(guest, ROOT + 4, 4, 0x800087 | 0x200000);
    check_fault(guest, 0x400000, reading, 9,
                "the guest's PDE (level 2) has reserved bits 0x200000");
    guest->mode.width = 36; /* bits 39:36 are beyond it */
    put(guest, ROOT + 4, 4, 0x800087 | 0x1fe000);
    check_fault(guest, 0x400000, reading, 9,
                "the guest's PDE (level 2) has reserved bits 0x1e0000");
    guest->mode.pse_36 = false;
    check_fault(guest, 0x400000, reading, 9,
                "the guest's PDE (level 2) has reserved bits 0x1fe000");
}

static void pae_starts_from_registers(void **state)
{
    struct guest *guest = *state;

    start_pae(guest);
    check_mapped(guest, 0xc0201fff, PAGE + 0xfff, 1);
    assert_int_equal(guest->path.paging, PAGING_PAE);
    assert_int_equal(guest->path.count, 3);
    assert_true(guest->path.steps[0].in_register);
    check_fault(guest, 0x80201000, reading, 0, "not present at level 3 (the guest's PDPTE)");
    put_entry(guest, 0x2000, 2, 0x600087);
    check_large(guest, 0xc0412345, 0x612345, 2);
    put_entry(guest, 0x2000, 2, 0x604087);
    check_fault(guest, 0xc0400000, reading, 9,
                "the guest's PDE (level 2) has reserved bits 0x4000");
    put_entry(guest, 0x3000, 1, PAGE | 7 | BIT(62));
    check_fault(guest, 0xc0201000, reading, 9,
                "the guest's PTE (level 1) has reserved bits 0x4000000000000000");
    put_entry(guest, 0x3000, 1, PAGE | 7 | BIT(39));
    check_fault(guest, 0xc0201000, reading, 9,
                "the guest's PTE (level 1) has reserved bits 0x8000000000");
}

static void four_levels_are_walked_with_pages_of_each_size(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    check_mapped(guest, LINEAR_4 + 0x18, PAGE + 0x18, 1);
    assert_int_equal(guest->path.count, 4);
    guest->mode.cr3 |= BIT(63) | BITS(62, 61) | 0xfff; /* no address: PCID, LAM */
    check_mapped(guest, LINEAR_4, PAGE, 1);
    put_entry(guest, ROOT + 0x2000, 2, 0x400000 | 0x1087); /* bit 12 is PAT */
    check_large(guest, LINEAR_4 - 0x1000 + 0x200000 + 0x54321, 0x454321, 2);
    put_entry(guest, ROOT + 0x1000, 2, 0x1087);
    check_large(guest, UINT64_C(0x8080654321), 0x654321, 3);
}

static void five_levels_are_walked(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    guest->mode.cr4 |= CR4_LA57;
    guest->mode.cr3 = 0x6000;
    put_entry(guest, 0x6000, 1, ROOT | 7);
    check_mapped(guest, LINEAR_5 + 8, PAGE + 8, 1);
    assert_int_equal(guest->path.count, 5);
    assert_int_equal(guest->path.paging, PAGING_5);
    check_fault(guest, BIT(55), reading, 0, "not present at level 5 (the guest's PML5E)");
    assert_int_equal(follow(guest, BIT(56), reading)->verdict, GUEST_NOT_CANONICAL);
    check_why(guest, "not canonical: bits 63:56 are not all the same");
    put_entry(guest, 0x6000, 1, ROOT | 0x87);
    check_fault(guest, LINEAR_5, reading, 9, "the guest's PML5E (level 5) has reserved bits 0x80");
}

static void canonical_addresses_are_those_with_all_high_bits_alike(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    assert_int_equal(follow(guest, BIT(47), reading)->verdict, GUEST_NOT_CANONICAL);
    check_why(guest, "not canonical: bits 63:47 are not all the same");
    assert_int_equal(follow(guest, ~BIT(47), reading)->verdict, GUEST_NOT_CANONICAL);
    assert_int_equal(follow(guest, BIT(63), reading)->verdict, GUEST_NOT_CANONICAL);
    check_fault(guest, BITS(63, 47), reading, 0, "not present at level 4 (the guest's PML4E)");
    check_fault(guest, BITS(46, 0), reading, 0, "not present at level 4 (the guest's PML4E)");
}

static void each_level_may_be_absent(void **state)
{
    struct guest *guest = *state;
    const char *const names[] = {"", "PTE", "PDE", "PDPTE", "PML4E"};

    start_4(guest);
    for (unsigned level = 1; level <= 4; level++) {
        char why[64];

        put_entry(guest, ROOT + (4 - level) * 0x1000, 1, ~UINT64_C(1));
        snprintf(why, sizeof(why), "not present at level %u (the guest's %s)", level, names[level]);
        check_fault(guest, LINEAR_4, user_writing, 6, why);
        assert_int_equal(guest->path.count, 5 - level);
    }
}

static void reserved_bits_of_four_levels(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    put_entry(guest, ROOT + 0x3000, 1, PAGE | 7 | BITS(62, 52)); /* ignored ones */
    check_mapped(guest, LINEAR_4, PAGE, 1);
    put_entry(guest, ROOT + 0x3000, 1, PAGE | 7 | BIT(39) | BIT(51));
    check_fault(guest, LINEAR_4, reading, 9,
                "the guest's PTE (level 1) has reserved bits 0x8008000000000");
    put_entry(guest, ROOT + 0x2000, 1, 0x2087);
    check_fault(guest, LINEAR_4, writing, 0xb,
                "the guest's PDE (level 2) has reserved bits 0x2000");
    put_entry(guest, ROOT + 0x1000, 1, 0x20000087);
    check_fault(guest, LINEAR_4, user_reading, 0xd,
                "the guest's PDPTE (level 3) has reserved bits 0x20000000");
    guest->mode.page_1g = false;
    check_fault(guest, LINEAR_4, user_fetching, 0x1d,
                "the guest's PDPTE (level 3) has reserved bits 0x80");
    put_entry(guest, ROOT, 1, 0x2087);
    check_fault(guest, LINEAR_4, reading, 9, "the guest's PML4E (level 4) has reserved bits 0x80");
}

static void execute_disable_is_reserved_without_nxe(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    put_entry(guest, ROOT + 0x2000, 1, (ROOT + 0x3000) | 7 | BIT(63));
    check_mapped(guest, LINEAR_4, PAGE, 1);
    check_fault(guest, LINEAR_4, fetching, 0x11, "fetch not allowed by the guest's PDE (level 2)");
    check_fault(guest, LINEAR_4, user_fetching, 0x15,
                "fetch not allowed by the guest's PDE (level 2)");
    guest->mode.efer &= ~EFER_NXE;
    check_fault(guest, LINEAR_4, fetching, 9,
                "the guest's PDE (level 2) has reserved bits 0x8000000000000000");
    guest->mode.cr4 |= CR4_SMEP; /* tells fetches too */
    check_fault(guest, LINEAR_4, fetching, 0x19,
                "the guest's PDE (level 2) has reserved bits 0x8000000000000000");
}

static void users_need_every_level(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    assert_int_equal(follow(guest, LINEAR_4, user_reading)->verdict, GUEST_MAPPED);
    assert_int_equal(follow(guest, LINEAR_4, user_writing)->verdict, GUEST_MAPPED);
    assert_int_equal(follow(guest, LINEAR_4, user_fetching)->verdict, GUEST_MAPPED);
    put_entry(guest, ROOT + 0x1000, 1, (ROOT + 0x2000) | 3);
    check_fault(guest, LINEAR_4, user_reading, 5,
                "users not allowed by the guest's PDPTE (level 3)");
    check_fault(guest, LINEAR_4, user_fetching, 0x15,
                "users not allowed by the guest's PDPTE (level 3)");
    assert_int_equal(follow(guest, LINEAR_4, writing)->verdict, GUEST_MAPPED);
}

static void writes_need_every_level_with_wp(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    put_entry(guest, ROOT, 1, (ROOT + 0x1000) | 5);
    check_fault(guest, LINEAR_4, writing, 3, "write not allowed by the guest's PML4E (level 4)");
    check_fault(guest, LINEAR_4, user_writing, 7,
                "write not allowed by the guest's PML4E (level 4)");
    guest->mode.cr0 &= ~CR0_WP;
    assert_int_equal(follow(guest, LINEAR_4, writing)->verdict, GUEST_MAPPED);
    check_fault(guest, LINEAR_4, user_writing, 7,
                "write not allowed by the guest's PML4E (level 4)");
}

static void smep_and_smap_keep_supervisors_from_user_pages(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    assert_int_equal(follow(guest, LINEAR_4, fetching)->verdict, GUEST_MAPPED);
    guest->mode.cr4 |= CR4_SMEP;
    check_fault(guest, LINEAR_4, fetching, 0x11,
                "a supervisor's fetch from a user page, with SMEP");
    assert_int_equal(follow(guest, LINEAR_4, user_fetching)->verdict, GUEST_MAPPED);
    assert_int_equal(follow(guest, LINEAR_4, reading)->verdict, GUEST_MAPPED);
    guest->mode.cr4 |= CR4_SMAP;
    check_fault(guest, LINEAR_4, reading, 1,
                "a supervisor's access to a user page, with SMAP and AC clear");
    check_fault(guest, LINEAR_4, writing, 3,
                "a supervisor's access to a user page, with SMAP and AC clear");
    assert_int_equal(follow(guest, LINEAR_4, user_reading)->verdict, GUEST_MAPPED);
    guest->mode.rflags |= RFLAGS_AC;
    assert_int_equal(follow(guest, LINEAR_4, reading)->verdict, GUEST_MAPPED);
    put_entry(guest, ROOT, 1, (ROOT + 0x1000) | 3); /* a supervisor's page now */
    guest->mode.rflags = 0;
    assert_int_equal(follow(guest, LINEAR_4, reading)->verdict, GUEST_MAPPED);
    assert_int_equal(follow(guest, LINEAR_4, fetching)->verdict, GUEST_MAPPED);
}

/* Without NXE and SMEP a fetch does not show in the error code; in 32-bit paging NXE is nothing. */
static void a_fetch_shows_only_where_the_processor_tells(void **state)
{
    struct guest *guest = *state;

    start_32(guest);
    check_fault(guest, 0x202000, fetching, 0, "not present at level 1 (the guest's PTE)");
    guest->mode.efer |= EFER_NXE;
    check_fault(guest, 0x202000, fetching, 0, "not present at level 1 (the guest's PTE)");
    guest->mode.cr4 |= CR4_SMEP;
    check_fault(guest, 0x202000, fetching, 0x10, "not present at level 1 (the guest's PTE)");
}

static void check_ept(struct guest *guest, struct guest_access access, uint64_t gpa,
                      uint64_t qualification, const char *why)
{
    const struct guest_path *path = follow(guest, LINEAR_4, access);
    const struct ept_path *ept;

    assert_int_equal(path->verdict, GUEST_EPT);
    ept = guest_failed_ept(path);
    assert_int_equal(ept->gpa.value, gpa);
    assert_int_equal(ept->verdict, EPT_VIOLATED);
    assert_int_equal(ept->qualification, qualification);
    check_why(guest, why);
}

static void a_guest_table_may_be_refused_by_ept(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    put_ept(&guest->machine, EPT_PT, 1, ROOT + 0x2000, 0);
    check_ept(guest, writing, ROOT + 0x2008, 0x81,
              "reading the guest's PDE: not present at level 1 (PTE)");
    assert_int_equal(guest->path.count, 3);
    assert_false(guest->path.steps[2].read);
    /* With accessed and dirty flags on, reading a table is writing it too. */
    guest->machine.rules.pointer |= EPTP_AD;
    check_ept(guest, reading, ROOT + 0x2008, 0x83,
              "reading the guest's PDE: not present at level 1 (PTE)");
    put_ept(&guest->machine, EPT_PT, 1, ROOT, (RAM + ROOT) | 0x35);
    check_ept(guest, fetching, ROOT + 8, 0xab,
              "reading the guest's PML4E: write not allowed by the PTE (level 1)");
    guest->machine.rules.pointer &= ~EPTP_AD;
    put_ept(&guest->machine, EPT_PT, 1, ROOT, (RAM + ROOT) | 0x34);
    check_ept(guest, fetching, ROOT + 8, 0xa1,
              "reading the guest's PML4E: read not allowed by the PTE (level 1)");
}

static void a_guest_table_may_be_misconfigured_or_nowhere(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    put_ept(&guest->machine, EPT_PT, 1, ROOT + 0x3000, (RAM + ROOT) | 0x3f);
    assert_int_equal(follow(guest, LINEAR_4, reading)->verdict, GUEST_EPT);
    check_why(guest, "reading the guest's PTE: the PTE (level 1) has memory type 7");
    put_ept(&guest->machine, EPT_PT, 1, ROOT + 0x3000, 0x900000 | 0x37);
    assert_int_equal(follow(guest, LINEAR_4, reading)->verdict, GUEST_EPT);
    assert_int_equal(guest_failed_ept(&guest->path)->verdict, EPT_UNREADABLE);
    check_why(guest, "reading the guest's PTE: the memory 0x900008 cannot be read");
}

static void the_page_itself_may_be_refused_by_ept(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    put_ept(&guest->machine, EPT_PT, 1, PAGE, (RAM + PAGE) | 0x31);
    check_ept(guest, writing, PAGE, 0x18a, "write not allowed by the PTE (level 1)");
    check_ept(guest, fetching, PAGE, 0x18c, "fetch not allowed by the PTE (level 1)");
    guest->machine.rules.exit_information = true; /* user, writable, may execute */
    check_ept(guest, writing, PAGE, 0x78a, "write not allowed by the PTE (level 1)");
    put_entry(guest, ROOT + 0x3000, 1, PAGE | 3 | BIT(63)); /* supervisor, execute-disable */
    check_ept(guest, writing, PAGE, 0xd8a, "write not allowed by the PTE (level 1)");
}

/* By the guest's page, not by who runs. */
static void mode_based_execute_goes_by_the_page(void **state)
{
    struct guest *guest = *state;

    start_4(guest);
    guest->machine.rules.mode_based = true;
    put_ept(&guest->machine, EPT_PT, 1, PAGE, (RAM + PAGE) | 0x35); /* supervisor pages only */
    check_ept(guest, fetching, PAGE, 0x1ac, "user fetch not allowed by the PML4E (level 4)");
    put_entry(guest, ROOT + 0x3000, 1, PAGE | 3);
    assert_int_equal(follow(guest, LINEAR_4, fetching)->verdict, GUEST_MAPPED);
}

static const char *print(struct guest *guest, bool whole)
{
    static struct printed printed;

    printed_start(&printed);
    guest_path_lines(&guest->path, &guest->mode, &guest->machine.rules, whole, &printed.sink);
    return printed.text;
}

static void the_picture_of_both_dimensions(void **state)
{
    struct guest *guest = *state;

    start_pae(guest);
    put_ept(&guest->machine, EPT_PDPT, 3, 0, 0xb7 | UINT64_C(0x40000000));
    put_ept(&guest->machine, EPT_PDPT, 3, 0, EPT_PD | 7);
    (void)follow(guest, 0xc0201008, reading);
    assert_string_equal(
        print(guest, false),
        "guest PDPTE of=guest level=3 entry=PDPTE value=0x2001 next=table\n"
        "  guest PDE of=guest level=2 entry=PDE gpa=0x2008 hpa=0x42008 value=0x3007 rights=rwxu "
        "flags=none next=table\n"
        "    guest PTE of=guest level=1 entry=PTE gpa=0x3008 hpa=0x43008 value=0x9007 rights=rwxu "
        "flags=none page=4-KiB next=page\n"
        "      EPT PML4E gpa=0x9008 level=4 entry=PML4E table=0x10000 value=0x11007 rights=rwx "
        "flags=none next=table\n"
        "        EPT PDPTE gpa=0x9008 level=3 entry=PDPTE table=0x11000 value=0x12007 rights=rwx "
        "flags=none next=table\n"
        "          EPT PDE gpa=0x9008 level=2 entry=PDE table=0x12000 value=0x13007 rights=rwx "
        "flags=none next=table\n"
        "            EPT PTE gpa=0x9008 level=1 entry=PTE table=0x13000 value=0x49037 rights=rwx "
        "type=wb page=4-KiB flags=none next=page\n"
        "translated gva=0xc0201008 gpa=0x9008 hpa=0x49008 guest-rights=rwxu guest-page=4-KiB "
        "rights=rwx type=wb page=4-KiB fault=none\n");
    put_ept(&guest->machine, EPT_PD, 2, 0, 0);
    (void)follow(guest, 0xc0201008, reading);
    assert_string_equal(
        print(guest, true),
        "guest PDPTE of=guest level=3 entry=PDPTE value=0x2001 next=table\n"
        "  guest PDE of=guest level=2 entry=PDE gpa=0x2008 next=fault\n"
        "    EPT PML4E gpa=0x2008 level=4 entry=PML4E table=0x10000 value=0x11007 rights=rwx "
        "flags=none next=table\n"
        "      EPT PDPTE gpa=0x2008 level=3 entry=PDPTE table=0x11000 value=0x12007 rights=rwx "
        "flags=none next=table\n"
        "        EPT PDE gpa=0x2008 level=2 entry=PDE table=0x12000 value=0x0 next=nothing\n"
        "fault gva=0xc0201008 gpa=0x2008 fault=EPT-violation qual=0x81 why=\"reading the guest's "
        "PDE: not present at level 2 (PDE)\"\n");
}

static void a_fault_of_the_guests_own_in_the_picture(void **state)
{
    struct guest *guest = *state;

    start_32(guest);
    guest->mode.cr4 |= CR4_PSE;
    put(guest, ROOT + 8, 4, 0x4001e7);
    (void)follow(guest, 0x800000, user_writing);
    assert_string_equal(print(guest, false),
                        "guest PDE of=guest level=2 entry=PDE gpa=0x1008 hpa=0x41008 "
                        "value=0x4001e7 rights=rwxu flags=A,D,G page=4-MiB next=page\n"
                        "  EPT PML4E gpa=0x400000 level=4 entry=PML4E table=0x10000 value=0x11007 "
                        "rights=rwx flags=none next=table\n"
                        "    EPT PDPTE gpa=0x400000 level=3 entry=PDPTE table=0x11000 "
                        "value=0x12007 rights=rwx flags=none next=table\n"
                        "      EPT PDE gpa=0x400000 level=2 entry=PDE table=0x12000 value=0x0 "
                        "next=nothing\n"
                        "fault gva=0x800000 gpa=0x400000 fault=EPT-violation qual=0x182 "
                        "why=\"not present at level 2 (PDE)\"\n");
    put(guest, ROOT + 8, 4, 0x6001e5);
    (void)follow(guest, 0x800000, writing);
    assert_string_equal(print(guest, false),
                        "guest PDE of=guest level=2 entry=PDE gpa=0x1008 hpa=0x41008 "
                        "value=0x6001e5 rights=r-xu flags=A next=reserved\n"
                        "fault gva=0x800000 fault=#PF error=0xb why=\"the guest's PDE (level 2) "
                        "has reserved bits 0x200000\"\n");
    (void)follow(guest, 0xc00000, writing);
    assert_string_equal(print(guest, false),
                        "guest PDE of=guest level=2 entry=PDE gpa=0x100c hpa=0x4100c value=0x0 "
                        "next=nothing\n"
                        "fault gva=0xc00000 fault=#PF error=0x2 why=\"not present at level 2 (the "
                        "guest's PDE)\"\n");
}

/* As deep and as wide as it gets: five levels in five, 52 bits, every flag. */
static void the_widest_record_fits_a_line(void **state)
{
    static struct printed printed;
    struct guest *guest = *state;
    const uint64_t gva = BITS(63, 52);
    struct guest_path *path = &guest->path;

    guest->mode = (struct guest_translation){.cr0 = CR0_PG | CR0_PE,
                                             .cr4 = CR4_PAE | CR4_LA57 | CR4_PKE,
                                             .efer = EFER_LMA | EFER_NXE,
                                             .width = 52};
    guest->machine.rules = (struct ept_rules){
        .pointer = BITS(51, 12) | 0x66, .width = 52, .mode_based = true, .page_2m = true};
    memset(path, 0, sizeof(*path));
    path->gva = GVA(gva);
    path->paging = PAGING_5;
    path->page_level = 1;
    path->ept_reached = true;
    path->ept.gpa = path->gpa = GPA(BITS(51, 12));
    path->ept.levels = 5;
    path->ept.walk = (struct pt_walk){.level = 1, .present = true, .readable = true};
    path->ept.hpa = HPA(BITS(51, 12));
    for (unsigned level = 5; level != 0; level--) {
        path->ept.walk.table[level] = HPA(BITS(51, 12));
        path->ept.walk.entry[level] = BITS(63, 52) | BITS(51, 12) | 0x777;
    }
    path->ept.rights = 0x407;
    for (unsigned level = 5; level != 0; level--) {
        struct guest_step *step = &path->steps[path->count++];

        *step = (struct guest_step){
            .level = level, .read = true, .gpa = path->gpa, .ept = path->ept, .entry = ~BIT(7)};
    }
    printed_start(&printed);
    guest_path_lines(path, &guest->mode, &guest->machine.rules, true, &printed.sink);
    assert_int_equal(printed.lines, 5 + 6 * 5 + 1);
    assert_in_range(printed.longest, 150, LOG_ROOM);
    assert_null(strstr(printed.text, "..."));
    for (const char *line = printed.text; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *last = strchr(line, '\n');

        while (last[-1] != ' ') {
            last--;
        }
        assert_true(strncmp(last, "next=", 5) == 0 || strncmp(last, "fault=none", 10) == 0);
    }
}

/* The longest of all reasons: whatever is cut, it is in the quotes. */
static void the_widest_fault_fits_a_line(void **state)
{
    static struct printed printed;
    struct guest *guest = *state;
    struct guest_path *path = &guest->path;

    guest->machine.rules.width = 52 - 1;
    memset(path, 0, sizeof(*path));
    path->gva = GVA(BITS(63, 12));
    path->verdict = GUEST_EPT;
    path->paging = PAGING_5;
    path->count = 1;
    path->steps[0].level = 5;
    path->steps[0].ept = (struct ept_path){.gpa = GPA(BITS(51, 12)),
                                           .verdict = EPT_MISCONFIGURED,
                                           .levels = 5,
                                           .level = 3,
                                           .flaws = 0x1f,
                                           .reserved = BIT(51) | BITS(29, 12)};
    path->steps[0].ept.walk.level = 3;
    path->steps[0].ept.walk.entry[3] = 0xbe;
    printed_start(&printed);
    guest_path_lines(path, &guest->mode, &guest->machine.rules, false, &printed.sink);
    assert_in_range(printed.longest, 100, LOG_ROOM);
    assert_string_equal(printed.text + strlen(printed.text) - 2, "\"\n");
    printed_start(&printed);
    ept_path_outcome(&path->steps[0].ept, &guest->machine.rules, &printed.sink);
    assert_in_range(printed.longest, 100, LOG_ROOM);
    assert_string_equal(printed.text + strlen(printed.text) - 2, "\"\n");
}

static void protection_keys_and_rules_are_shown(void **state)
{
    struct guest *guest = *state;
    char rules[GUEST_RULES_TEXT];

    start_4(guest);
    guest->mode.cr4 |= CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_PSE;
    put_entry(guest, ROOT + 0x3000, 1, PAGE | 7 | UINT64_C(5) << 59);
    guest->mode.rflags = RFLAGS_AC;
    (void)follow(guest, LINEAR_4, reading);
    assert_non_null(strstr(print(guest, false), " flags=none pkey=5 page=4-KiB next=page\n"));
    guest_rules_text(&guest->mode, rules);
    assert_string_equal(rules, "WP,SMEP,SMAP,keys,NXE");
    guest->mode.cr0 = guest->mode.cr4 = guest->mode.efer = 0;
    guest_rules_text(&guest->mode, rules);
    assert_string_equal(rules, "none");
    guest->mode.cr0 = CR0_PG;
    guest->mode.cr4 = CR4_PSE;
    guest_rules_text(&guest->mode, rules);
    assert_string_equal(rules, "PSE");
}

/* The same tables in memory that the reader has by guest-physical addresses. */
static void without_ept_the_reader_takes_what_the_tables_give(void **state)
{
    struct guest *guest = *state;
    struct fake_memory *memory = &guest->machine.memory;
    struct guest_path *path = &guest->path;
    uint8_t *low = fake_memory_add(memory, 0, 0xF000);

    start_4(guest);
    memcpy(low, guest->machine.ram, 0xF000);
    guest_follow(&guest->mode, NULL, &memory->reader, GVA(LINEAR_4 + 5), writing, path);
    assert_int_equal(path->verdict, GUEST_MAPPED);
    assert_int_equal(path->gpa.value, PAGE + 5);
    assert_int_equal(path->count, 4);
    put_field(low, ROOT + 0x3000 + 8, 8, PAGE | 0x65);
    guest_follow(&guest->mode, NULL, &memory->reader, GVA(LINEAR_4), writing, path);
    assert_int_equal(path->verdict, GUEST_PAGE_FAULT);
    assert_int_equal(path->error_code, PF_PRESENT | PF_WRITE);
    put_field(low, ROOT + 0x2000 + 8, 8, 0x700000 | 0x27);
    guest_follow(&guest->mode, NULL, &memory->reader, GVA(LINEAR_4), reading, path);
    assert_int_equal(path->verdict, GUEST_EPT);
    assert_false(path->ept_reached);
    assert_int_equal(guest_failed_ept(path)->verdict, EPT_UNREADABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_paging_an_address_is_physical),
        TEST(tables_of_32_bits_are_walked),
        TEST(pages_of_4_mib_want_pse),
        TEST(pages_of_4_mib_have_40_bits_with_pse_36),
        TEST(pae_starts_from_registers),
        TEST(four_levels_are_walked_with_pages_of_each_size),
        TEST(five_levels_are_walked),
        TEST(canonical_addresses_are_those_with_all_high_bits_alike),
        TEST(each_level_may_be_absent),
        TEST(reserved_bits_of_four_levels),
        TEST(execute_disable_is_reserved_without_nxe),
        TEST(users_need_every_level),
        TEST(writes_need_every_level_with_wp),
        TEST(smep_and_smap_keep_supervisors_from_user_pages),
        TEST(a_fetch_shows_only_where_the_processor_tells),
        TEST(a_guest_table_may_be_refused_by_ept),
        TEST(a_guest_table_may_be_misconfigured_or_nowhere),
        TEST(the_page_itself_may_be_refused_by_ept),
        TEST(mode_based_execute_goes_by_the_page),
        TEST(without_ept_the_reader_takes_what_the_tables_give),
        TEST(the_picture_of_both_dimensions),
        TEST(a_fault_of_the_guests_own_in_the_picture),
        TEST(the_widest_record_fits_a_line),
        TEST(the_widest_fault_fits_a_line),
        TEST(protection_keys_and_rules_are_shown),
    };

    return cmocka_run_group_tests_name("guest_walk", tests, NULL, NULL);
}
