/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever a VMCS holds, whatever a processor says that it can do, whatever memory answers: the
 * auditor ends, and each finding is whole and can be told. The same after any mutation of any rule.
 *
 * The input: a byte that chooses the machine (tests/audit_machine.h) to start from, one that
 * chooses how memory answers, two the number of the mutation, then edits of ten bytes each: what is
 * overwritten (a part and an index in it), and with which eight bytes.
 */
#include "tests/audit_machine.h"
#include "vmx/audit_text.h"

#define HEAD      4
#define EDIT      10
#define MOST      400 /* findings */
#define MOST_READ (6 * 4096 + 16)

/* What a byte of memory's choice means. */
#define MEMORY_SANDBOX 0x01 /* the sandbox is there */
#define MEMORY_OTHER   0x02 /* so is the rest, full of the bytes of the input */
#define MEMORY_BLINKS  0x04 /* but every third read of it fails */

/* What an edit's first byte means. */
enum part {
    PART_FIELD,        /* a field's value */
    PART_PRESENCE,     /* whether it is there */
    PART_CAPABILITIES, /* eight bytes of the structures, as they lie in memory */
    PART_FACTS,
    PART_SANDBOX,
    PARTS,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* --- Memory ------------------------------------------------------------------------------------
 */

struct any_memory {
    struct physical_reader reader; /* first: the reader's address is the memory's */
    const uint8_t *data;
    size_t size;
    uint8_t choice;
    const uint8_t *sandbox;
    void *answer; /* valid until the next read */
    unsigned reads;
};

static const void *any_memory_at(const struct physical_reader *reader, hpa_t address,
                                 uint64_t length)
{
    struct any_memory *memory = (struct any_memory *)reader;
    uint64_t offset = address.value - SANDBOX_HPA;
    uint8_t *answer;

    check(length != 0 && length <= PAGE_SIZE);
    check(++memory->reads <= 3 * MOST_READ); /* two runs, and some rules alone */
    free(memory->answer);
    memory->answer = answer = malloc(length);
    if (memory->choice & MEMORY_SANDBOX && offset < SANDBOX_SIZE &&
        length <= SANDBOX_SIZE - offset) {
        memcpy(answer, memory->sandbox + offset, length);
        return answer;
    }
    if (!(memory->choice & MEMORY_OTHER) ||
        (memory->choice & MEMORY_BLINKS && memory->reads % 3 == 0)) {
        return NULL;
    }
    for (uint64_t i = 0; i < length; i++) {
        answer[i] = memory->data[(address.value + i) % memory->size];
    }
    return answer;
}

/* --- Edits -------------------------------------------------------------------------------------
 */

/* The bytes at `index`, counted in words of eight, as far as there are such. */
static void overwrite(void *bytes, size_t size, uint8_t index, const uint8_t *with)
{
    size_t at = (size_t)index * 8;

    if (at < size) {
        memcpy((uint8_t *)bytes + at, with, MIN(size - at, (size_t)8));
    }
}

/* A bool that is neither 0 nor 1 is no bool; a name is no number. */
static void edit_facts(struct audit_facts *facts, uint8_t index, const uint8_t *with)
{
    uint64_t *const words[] = {&facts->efer_allowed,        &facts->debugctl_allowed,
                               &facts->perf_global_allowed, &facts->s_cet_allowed,
                               &facts->rtit_ctl_allowed,    &facts->lbr_ctl_allowed};
    bool *const bools[] = {&facts->ia32e, &facts->la57,     &facts->lam,    &facts->rtm,
                           &facts->sgx,   &facts->bus_lock, &facts->tracing};

    if (index < ARRAY_SIZE(words)) {
        overwrite(words[index], sizeof(*words[0]), 0, with);
    } else {
        *bools[index % ARRAY_SIZE(bools)] = with[0] & 1;
    }
}

static void edit_capabilities(struct vmx_capabilities *can, uint8_t index, const uint8_t *with)
{
    size_t words = offsetof(struct vmx_capabilities, range);

    if (index < words / 8) {
        overwrite(can, words, index, with);
    } else if (index % 2 == 0) {
        struct control_range *range = &can->range[index / 2 % CONTROL_GROUPS];
        memcpy(&range->must_be_1, with, 4);
        memcpy(&range->may_be_1, with + 4, 4);
    } else {
        can->physical_width = with[0]; /* CPUID has a byte for each */
        can->linear_width = with[1];
    }
}

static void edit(struct audit *audit, struct recorded_machine *machine, uint8_t *sandbox,
                 const uint8_t *bytes)
{
    unsigned field = bytes[1] % VMCS_FIELDS;

    switch ((enum part)(bytes[0] % PARTS)) {
    case PART_PRESENCE:
        audit->present[field] = bytes[2] & 1;
        break;
    case PART_CAPABILITIES:
        edit_capabilities(&machine->can, bytes[1], bytes + 2);
        break;
    case PART_FACTS:
        edit_facts(&machine->facts, bytes[1], bytes + 2);
        break;
    case PART_SANDBOX:
        memcpy(sandbox + bytes[1] % SANDBOX_PAGES * PAGE_SIZE + bytes[0] / PARTS * 8, bytes + 2, 8);
        break;
    default:
        memcpy(&audit->value[field], bytes + 2, 8);
        audit->value[field] &= vmcs_field_mask(vmcs_field_at(field));
        break;
    }
}

/* --- What must hold ----------------------------------------------------------------------------
 */

static void check_line(const char *line)
{
    unsigned quotes = 0;

    check(strlen(line) < sizeof(((struct audit_lines *)NULL)->first) - 1);
    for (; *line != '\0'; line++) {
        check(*line >= ' ' && *line <= '~');
        quotes += *line == '"';
    }
    check(quotes % 2 == 0);
}

static void check_finding(const struct audit *audit, const struct audit_finding *finding)
{
    struct audit_answer answer;
    struct audit_lines lines;

    check(finding->answer.kind <= WANT_TYPES);
    check(finding->answer.field < VMCS_FIELDS && audit->present[finding->answer.field]);
    check(finding->value == audit->value[finding->answer.field]);
    audit_finding_text(finding, &lines);
    check_line(lines.first);
    check_line(lines.second);
    /* Of the rules that look at memory, which may blink, this is not to be expected. */
    check(finding->section->stage == AUDIT_MSR_LOAD || audit->memory == NULL ||
          ((const struct any_memory *)audit->memory)->choice & MEMORY_BLINKS ||
          !audit_keeps(audit, finding->rule, &answer));
}

static void run(const struct audit *audit)
{
    static struct audit_finding findings[MOST];
    unsigned count = audit_run(audit, findings, MOST);

    check(count <= audit_rule_count());
    for (unsigned i = 0; i < count && i < MOST; i++) {
        check_finding(audit, &findings[i]);
        check(i == 0 || findings[i].section->stage >= findings[i - 1].section->stage);
    }
}

/* The mutation `number`, counted through all rules; NULL: there are not so many. */
static const audit_step *mutation(unsigned number)
{
    for (unsigned i = 0; i < AUDIT_SECTIONS; i++) {
        for (unsigned j = 0; j < audit_sections[i]->count; j++) {
            const audit_step *step = audit_mutation_find(audit_sections[i]->rules[j].proofs);
            for (; step != NULL; step = audit_mutation_find(step + 1)) {
                if (number-- == 0) {
                    return step;
                }
            }
        }
    }
    return NULL;
}

static void check_mutated(const struct audit *audit, const char *missing)
{
    check(missing != NULL);
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        check((audit->value[i] & ~vmcs_field_mask(vmcs_field_at(i))) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct audit audit;
    static uint8_t sandbox[SANDBOX_SIZE];
    const struct audit_sandbox place = {sandbox, HPA(SANDBOX_HPA)};
    struct recorded_machine machine;
    struct any_memory memory = {{any_memory_at}, data, size, 0, sandbox, NULL, 0};
    const audit_step *start;
    const char *missing = NULL;

    if (size < HEAD) {
        return 0;
    }
    machine = audit_machine(data[0] % AUDIT_MACHINES);
    memory.choice = data[1];
    audit_sandbox_fill(&place, &machine.can);
    audit_of_machine(&audit, &machine, &memory.reader);
    for (size_t at = HEAD; at + EDIT <= size; at += EDIT) {
        edit(&audit, &machine, sandbox, data + at);
    }
    audit_prepare(&audit);
    run(&audit);
    start = mutation(data[2] | (unsigned)data[3] << 8);
    if (start != NULL) {
        (void)audit_mutate(&audit, start, &place, &missing);
        check_mutated(&audit, missing);
        run(&audit);
    }
    free(memory.answer);
    return 0;
}
