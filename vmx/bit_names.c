/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/bit_names.h"

#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/string.h"

/*
 * A word a bit, from bit 0; after a number, from that bit. A point is a bit that needs no name.
 * SDM vol. 3A, "Control Registers", "Debug Control Register (DR7)"; vol. 1, "EFLAGS Register";
 * vol. 3B, "IA32_DEBUGCTL MSR"; vol. 3C, "Guest Non-Register State".
 */
static const char cr4_names[] =
    "VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP LA57 VMXE SMXE 16 FSGSBASE PCIDE "
    "OSXSAVE KL SMEP SMAP PKE CET PKS UINTR 27 LASS LAM_SUP 32 FRED";
static const char debugctl_names[] =
    "LBR BTF BLD 6 TR BTS BTINT BTS_OFF_OS BTS_OFF_USR FREEZE_LBRS_ON_PMI FREEZE_PERFMON_ON_PMI "
    "UNCORE_PMI FREEZE_WHILE_SMM RTM_DEBUG";
static const char interruptibility_names[] =
    "blocking-by-STI blocking-by-MOV-SS blocking-by-SMI blocking-by-NMI enclave-interruption";

static const char *const lists[BIT_NAMES] = {
    [NAMES_CR0] = "PE MP EM TS ET NE 16 WP 18 AM 29 NW CD PG",
    [NAMES_CR4] = cr4_names,
    [NAMES_EFER] = "SCE 8 LME 10 LMA NXE",
    [NAMES_RFLAGS] = "CF . PF 4 AF 6 ZF SF TF IF DF OF IOPL+1 IOPL+2 NT 16 RF VM AC VIF VIP ID",
    [NAMES_DR7] = "L0 G0 L1 G1 L2 G2 L3 G3 LE GE . RTM 13 GD 16 . . . . . . . . . . . . . . . .",
    [NAMES_DEBUGCTL] = debugctl_names,
    [NAMES_INTERRUPTIBILITY] = interruptibility_names,
    [NAMES_PENDING_DEBUG] = "B0 B1 B2 B3 11 BLD enabled-breakpoint 14 BS 16 RTM",
    [NAMES_VM_FUNCTIONS] = "EPTP-switching",
};

struct word {
    const char *text;
    size_t length; /* 0: there is none */
};

static struct word word_at(const char *text, char end)
{
    struct word word = {text, 0};

    while (text[word.length] != '\0' && text[word.length] != end) {
        word.length++;
    }
    return word;
}

static struct word listed(const char *list, unsigned bit)
{
    unsigned at = 0;

    while (*list != '\0') {
        struct word word = word_at(list, ' ');

        if (*list >= '0' && *list <= '9') {
            at = 0;
            for (size_t i = 0; i < word.length; i++) {
                at = at * 10 + (unsigned)(list[i] - '0');
            }
        } else if (at++ == bit) {
            return word;
        }
        list += word.length + (list[word.length] != '\0' ? 1 : 0);
    }
    return (struct word){0};
}

/* Without its group: "hlt" of "primary.hlt". */
static struct word control_word(enum control_group group, unsigned bit)
{
    const char *name = control_name(group, bit);

    return name != NULL ? word_at(name + word_at(name, '.').length + 1, '\0') : (struct word){0};
}

static struct word exception_word(unsigned bit)
{
    const char *name = vector_name(bit);

    return strcmp(name, vector_name(UINT8_MAX)) != 0 ? word_at(name, '\0') : (struct word){0};
}

static struct word word_of(enum bit_names names, unsigned bit)
{
    if (names < NAMES_EXCEPTIONS) {
        return control_word((enum control_group)names, bit);
    }
    return names == NAMES_EXCEPTIONS ? exception_word(bit) : listed(lists[names], bit);
}

unsigned bit_names_text(enum bit_names names, uint64_t bits, unsigned from, char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    for (unsigned bit = from; bit < 64; bit++) {
        struct word word = bits & BIT(bit) ? word_of(names, bit) : (struct word){0};

        if (word.length == 0 || *word.text == '.') {
            continue;
        }
        if (at != 0 && at + 1 + word.length >= size) {
            return bit;
        }
        /* The first one is written in any case, so that a caller gets on. */
        at += format_text(text + at, size - at, "%s%.*s", at != 0 ? " " : "", (int)word.length,
                          word.text);
        at = MIN(at, size - 1);
    }
    return 64;
}

uint64_t bit_names_known(enum bit_names names)
{
    uint64_t known = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        known |= word_of(names, bit).length != 0 ? BIT(bit) : 0;
    }
    return known;
}
