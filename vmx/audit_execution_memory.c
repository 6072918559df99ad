/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the VM-execution control fields: bitmaps, EPT and what stands on it. Pure. */
#include "vmx/audit_rule.h"

#define EPTP_TYPE          BITS(2, 0)
#define EPTP_WALK          BITS(5, 3)
#define EPTP_ACCESSED      BIT(6)
#define EPTP_SHADOW_STACK  BIT(7)
#define EPTP_RESERVED      BITS(11, 8)
#define VMFUNC_EPTP_SWITCH BIT(0)
#define HLATP_RESERVED     (BITS(2, 0) | BITS(11, 5))

static bool keeps_eptp_type(const struct audit *audit, const struct audit_rule *rule,
                            struct audit_answer *answer)
{
    uint64_t can = audit->can->ept_vpid;

    (void)rule;
    return answer_among(answer, FIELD_GET(EPTP_TYPE, V(EPT_POINTER)),
                        (can & EPT_CAP_MEMORY_UC ? BIT(MEMORY_TYPE_UC) : 0) |
                            (can & EPT_CAP_MEMORY_WB ? BIT(MEMORY_TYPE_WB) : 0));
}

/* The field holds one less than the levels. */
static bool keeps_eptp_walk(const struct audit *audit, const struct audit_rule *rule,
                            struct audit_answer *answer)
{
    uint64_t can = audit->can->ept_vpid;

    (void)rule;
    return answer_among(answer, FIELD_GET(EPTP_WALK, V(EPT_POINTER)),
                        (can & EPT_CAP_WALK_4 ? BIT(3) : 0) | (can & EPT_CAP_WALK_5 ? BIT(4) : 0));
}

static bool keeps_eptp_accessed(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    (void)rule;
    return audit->can->ept_vpid & EPT_CAP_AD ||
           answer_bit(answer, V(EPT_POINTER), EPTP_ACCESSED, 0);
}

static bool keeps_eptp_shadow_stack(const struct audit *audit, const struct audit_rule *rule,
                                    struct audit_answer *answer)
{
    (void)rule;
    return audit->can->ept_vpid & EPT_CAP_SHADOW_STACK ||
           answer_bit(answer, V(EPT_POINTER), EPTP_SHADOW_STACK, 0);
}

static bool keeps_eptp_reserved(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(EPT_POINTER) & (EPTP_RESERVED | audit->address_reserved));
}

static bool keeps_vm_functions(const struct audit *audit, const struct audit_rule *rule,
                               struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(VM_FUNCTION_CONTROLS) & ~audit->can->vmfunc);
}

static bool switches_eptp(const struct audit *audit)
{
    return V(VM_FUNCTION_CONTROLS) & VMFUNC_EPTP_SWITCH;
}

static bool keeps_switching_ept(const struct audit *audit, const struct audit_rule *rule,
                                struct audit_answer *answer)
{
    return !switches_eptp(audit) || check_wants(audit, rule, answer);
}

static bool keeps_list_aligned(const struct audit *audit, const struct audit_rule *rule,
                               struct audit_answer *answer)
{
    return !switches_eptp(audit) || check_aligned_4k(audit, rule, answer);
}

static bool keeps_list_width(const struct audit *audit, const struct audit_rule *rule,
                             struct audit_answer *answer)
{
    return !switches_eptp(audit) || check_width(audit, rule, answer);
}

static bool keeps_hlatp(const struct audit *audit, const struct audit_rule *rule,
                        struct audit_answer *answer)
{
    (void)rule;
    return answer_zero(answer, V(HLATP) & (HLATP_RESERVED | audit->address_reserved));
}

static bool keeps_hlat_prefix(const struct audit *audit, const struct audit_rule *rule,
                              struct audit_answer *answer)
{
    (void)rule;
    return answer_at_most(answer, V(HLAT_PREFIX_SIZE),
                          FIELD_GET(EPT_CAP_HLAT_PREFIX, audit->can->ept_vpid));
}

/* A 4-KiB aligned address that a control brings: two rules, with the steps that switch it on. */
#define ADDRESS(NAME, text, symbol, group, control, ...)                                           \
    RULE("control." NAME ".aligned", text " must be aligned to 4 KiB", check_aligned_4k,           \
         PROOFS(BREAKS, ON(group, control), __VA_ARGS__, OR(symbol, 1), BREAKS,                    \
                ON(group, control), __VA_ARGS__, OR(symbol, 0x800), KEEPS, ON(group, control),     \
                __VA_ARGS__),                                                                      \
         FIELDS_1(symbol), WHEN(group, control)),                                                  \
        RULE("control." NAME ".width", text " must set no bit beyond the physical-address width",  \
             check_width,                                                                          \
             PROOFS(BREAKS, ON(group, control), __VA_ARGS__, OR_SYM(symbol, WIDTH), BREAKS,        \
                    ON(group, control), __VA_ARGS__, RAISE(symbol, 63), KEEPS, ON(group, control), \
                    __VA_ARGS__),                                                                  \
             FIELDS_1(symbol), WHEN(group, control))

#define AT_SANDBOX(symbol) IN_SANDBOX(symbol, SANDBOX_ANY)
/* One control that needs EPT: switched on with EPT off. Without EPT, unrestricted guest is off. */
#define NO_EPT    OFF(SECONDARY, SECONDARY_EPT | SECONDARY_UNRESTRICTED)
#define NEEDS_EPT FIELDS_1(SECONDARY_CONTROLS), MASK(SECONDARY, SECONDARY_EPT)
#define PT_GUEST  SECONDARY_PT_GUEST_PHYSICAL
#define PT_CONTROLS                                                                                \
    NEED(NO_TRACING), ON(SECONDARY, PT_GUEST), ON(ENTRY, ENTRY_LOAD_RTIT_CTL),                     \
        ON(EXIT, EXIT_CLEAR_RTIT_CTL)
#define SWITCHING                                                                                  \
    NEED(EPTP_SWITCHING), ON(SECONDARY, SECONDARY_VMFUNC), SET(VM_FUNCTION_CONTROLS, 1),           \
        AT_SANDBOX(EPTP_LIST_ADDRESS)
#define HLAT ON(TERTIARY, TERTIARY_HLAT), AT_SANDBOX(HLATP), SET(HLAT_PREFIX_SIZE, 0)

static const struct audit_rule bitmap_rules[] = {
    ADDRESS("io_bitmap_a", "the address of I/O bitmap A", IO_BITMAP_A, PRIMARY, PRIMARY_IO_BITMAP,
            AT_SANDBOX(IO_BITMAP_A)),
    ADDRESS("io_bitmap_b", "the address of I/O bitmap B", IO_BITMAP_B, PRIMARY, PRIMARY_IO_BITMAP,
            AT_SANDBOX(IO_BITMAP_B)),
    ADDRESS("msr_bitmap", "the address of the MSR bitmaps", MSR_BITMAP, PRIMARY, PRIMARY_MSR_BITMAP,
            AT_SANDBOX(MSR_BITMAP)),
};

const struct audit_section audit_execution_bitmaps =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, bitmap_rules);

static const struct audit_rule ept_rules[] = {
    {"control.ept.type", "the EPT pointer's memory type must be a supported one", keeps_eptp_type,
     PROOFS(BREAKS, CLEAR(EPT_POINTER, 7), OR(EPT_POINTER, 1), BREAKS, OR(EPT_POINTER, 7), BREAKS,
            NEED(NO_EPT_UC), CLEAR(EPT_POINTER, 7), KEEPS, NEED(EPT_UC), CLEAR(EPT_POINTER, 7)),
     FIELDS_1(EPT_POINTER), WHEN(SECONDARY, SECONDARY_EPT)},
    {"control.ept.walk", "the EPT pointer's walk length less 1 must be a supported one",
     keeps_eptp_walk,
     PROOFS(BREAKS, CLEAR(EPT_POINTER, 0x38), OR(EPT_POINTER, 0x10), BREAKS, OR(EPT_POINTER, 0x38),
            KEEPS, CLEAR(EPT_POINTER, 0x38), OR(EPT_POINTER, 0x18)),
     FIELDS_1(EPT_POINTER), WHEN(SECONDARY, SECONDARY_EPT)},
    {"control.ept.accessed_dirty", "the EPT pointer's bit 6 needs accessed and dirty flags for EPT",
     keeps_eptp_accessed,
     PROOFS(BREAKS, NEED(NO_AD), RAISE(EPT_POINTER, 6), KEEPS, NEED(AD), RAISE(EPT_POINTER, 6),
            KEEPS, LOWER(EPT_POINTER, 6)),
     FIELDS_1(EPT_POINTER), WHEN(SECONDARY, SECONDARY_EPT)},
    {"control.ept.shadow_stack", "the EPT pointer's bit 7 needs supervisor shadow-stack control",
     keeps_eptp_shadow_stack,
     PROOFS(BREAKS, NEED(NO_EPT_SHADOW_STACK), RAISE(EPT_POINTER, 7), KEEPS, LOWER(EPT_POINTER, 7)),
     FIELDS_1(EPT_POINTER), WHEN(SECONDARY, SECONDARY_EPT)},
    {"control.ept.reserved",
     "the EPT pointer's bits 11:8 and those beyond the physical-address width must be 0",
     keeps_eptp_reserved,
     PROOFS(BREAKS, RAISE(EPT_POINTER, 8), BREAKS, RAISE(EPT_POINTER, 11), BREAKS,
            OR_SYM(EPT_POINTER, WIDTH), BREAKS, RAISE(EPT_POINTER, 63), KEEPS,
            OR_SYM(EPT_POINTER, TOP)),
     FIELDS_1(EPT_POINTER), WHEN(SECONDARY, SECONDARY_EPT)},
    {"control.pml.ept", "PML needs EPT", check_wants,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_PML), AT_SANDBOX(PML_ADDRESS), NO_EPT, KEEPS,
            ON(SECONDARY, SECONDARY_PML), AT_SANDBOX(PML_ADDRESS)),
     NEEDS_EPT, WHEN(SECONDARY, SECONDARY_PML)},
    ADDRESS("pml", "the PML address", PML_ADDRESS, SECONDARY, SECONDARY_PML,
            AT_SANDBOX(PML_ADDRESS)),
    {"control.unrestricted.ept", "unrestricted guest needs EPT", check_wants,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_UNRESTRICTED), OFF(SECONDARY, SECONDARY_EPT), KEEPS,
            ON(SECONDARY, SECONDARY_UNRESTRICTED | SECONDARY_EPT), KEEPS, NO_EPT),
     NEEDS_EPT, WHEN(SECONDARY, SECONDARY_UNRESTRICTED)},
    {"control.mode_based_execute.ept", "mode-based execute control needs EPT", check_wants,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_MODE_BASED_EXECUTE), NO_EPT, KEEPS,
            ON(SECONDARY, SECONDARY_MODE_BASED_EXECUTE)),
     NEEDS_EPT, WHEN(SECONDARY, SECONDARY_MODE_BASED_EXECUTE)},
    {"control.spp.ept", "sub-page write permissions need EPT", check_wants,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_SPP), AT_SANDBOX(SPP_TABLE_POINTER), NO_EPT, KEEPS,
            ON(SECONDARY, SECONDARY_SPP), AT_SANDBOX(SPP_TABLE_POINTER)),
     NEEDS_EPT, WHEN(SECONDARY, SECONDARY_SPP)},
    ADDRESS("spp", "the sub-page-permission-table pointer", SPP_TABLE_POINTER, SECONDARY,
            SECONDARY_SPP, AT_SANDBOX(SPP_TABLE_POINTER)),
    {"control.vmfunc.reserved", "a VM function that is not supported must be 0", keeps_vm_functions,
     PROOFS(BREAKS, ON(SECONDARY, SECONDARY_VMFUNC), SET(VM_FUNCTION_CONTROLS, 0),
            SYM(VM_FUNCTION_CONTROLS, VMFUNC_REFUSED), BREAKS, ON(SECONDARY, SECONDARY_VMFUNC),
            SET(VM_FUNCTION_CONTROLS, 0), RAISE(VM_FUNCTION_CONTROLS, 63), KEEPS,
            ON(SECONDARY, SECONDARY_VMFUNC), SET(VM_FUNCTION_CONTROLS, 0), KEEPS,
            OFF(SECONDARY, SECONDARY_VMFUNC), SET(VM_FUNCTION_CONTROLS, 0xFFFFFFFF)),
     FIELDS_1(VM_FUNCTION_CONTROLS), WHEN(SECONDARY, SECONDARY_VMFUNC)},
    {"control.eptp_switching.ept", "EPTP switching needs EPT", keeps_switching_ept,
     PROOFS(BREAKS, SWITCHING, NO_EPT, KEEPS, SWITCHING),
     FIELDS_2(SECONDARY_CONTROLS, VM_FUNCTION_CONTROLS), WHEN(SECONDARY, SECONDARY_VMFUNC),
     MASK(SECONDARY, SECONDARY_EPT)},
    {"control.eptp_list.aligned", "the EPTP-list address must be aligned to 4 KiB",
     keeps_list_aligned,
     PROOFS(BREAKS, SWITCHING, OR(EPTP_LIST_ADDRESS, 1), BREAKS, SWITCHING,
            OR(EPTP_LIST_ADDRESS, 0x800), KEEPS, SWITCHING),
     FIELDS_2(EPTP_LIST_ADDRESS, VM_FUNCTION_CONTROLS), WHEN(SECONDARY, SECONDARY_VMFUNC)},
    {"control.eptp_list.width",
     "the EPTP-list address must set no bit beyond the physical-address width", keeps_list_width,
     PROOFS(BREAKS, SWITCHING, OR_SYM(EPTP_LIST_ADDRESS, WIDTH), BREAKS, SWITCHING,
            RAISE(EPTP_LIST_ADDRESS, 63), KEEPS, SWITCHING, SYM(EPTP_LIST_ADDRESS, TOP)),
     FIELDS_2(EPTP_LIST_ADDRESS, VM_FUNCTION_CONTROLS), WHEN(SECONDARY, SECONDARY_VMFUNC)},
    ADDRESS("vmread_bitmap", "the VMREAD-bitmap address", VMREAD_BITMAP, SECONDARY,
            SECONDARY_VMCS_SHADOW, AT_SANDBOX(VMREAD_BITMAP), AT_SANDBOX(VMWRITE_BITMAP)),
    ADDRESS("vmwrite_bitmap", "the VMWRITE-bitmap address", VMWRITE_BITMAP, SECONDARY,
            SECONDARY_VMCS_SHADOW, AT_SANDBOX(VMREAD_BITMAP), AT_SANDBOX(VMWRITE_BITMAP)),
    ADDRESS("ve_information", "the virtualization-exception information address",
            VE_INFORMATION_ADDRESS, SECONDARY, SECONDARY_VE, AT_SANDBOX(VE_INFORMATION_ADDRESS)),
    {"control.pt_guest_physical.ept", "Intel PT with guest-physical addresses needs EPT",
     check_wants, PROOFS(BREAKS, PT_CONTROLS, NO_EPT, KEEPS, PT_CONTROLS), NEEDS_EPT,
     WHEN(SECONDARY, PT_GUEST)},
    {"control.pt_guest_physical.load",
     "Intel PT with guest-physical addresses needs load IA32_RTIT_CTL", check_wants,
     PROOFS(BREAKS, PT_CONTROLS, OFF(ENTRY, ENTRY_LOAD_RTIT_CTL), KEEPS, PT_CONTROLS),
     FIELDS_1(ENTRY_CONTROLS), WHEN(SECONDARY, PT_GUEST), MASK(ENTRY, ENTRY_LOAD_RTIT_CTL)},
    {"control.pt_guest_physical.clear",
     "Intel PT with guest-physical addresses needs clear IA32_RTIT_CTL", check_wants,
     PROOFS(BREAKS, PT_CONTROLS, OFF(EXIT, EXIT_CLEAR_RTIT_CTL), KEEPS, PT_CONTROLS),
     FIELDS_1(EXIT_CONTROLS), WHEN(SECONDARY, PT_GUEST), MASK(EXIT, EXIT_CLEAR_RTIT_CTL)},
};

const struct audit_section audit_execution_ept =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, ept_rules);

static const struct audit_rule late_rules[] = {
    ADDRESS("low_pasid_directory", "the low PASID directory address", LOW_PASID_DIRECTORY,
            SECONDARY, SECONDARY_PASID, AT_SANDBOX(LOW_PASID_DIRECTORY),
            AT_SANDBOX(HIGH_PASID_DIRECTORY)),
    ADDRESS("high_pasid_directory", "the high PASID directory address", HIGH_PASID_DIRECTORY,
            SECONDARY, SECONDARY_PASID, AT_SANDBOX(LOW_PASID_DIRECTORY),
            AT_SANDBOX(HIGH_PASID_DIRECTORY)),
    {"control.hlat.ept", "HLAT needs EPT", check_wants, PROOFS(BREAKS, HLAT, NO_EPT, KEEPS, HLAT),
     NEEDS_EPT, WHEN(TERTIARY, TERTIARY_HLAT)},
    {"control.ept_paging_write.ept", "EPT paging-write control needs EPT", check_wants,
     PROOFS(BREAKS, ON(TERTIARY, TERTIARY_EPT_PAGING_WRITE), NO_EPT, KEEPS,
            ON(TERTIARY, TERTIARY_EPT_PAGING_WRITE)),
     NEEDS_EPT, WHEN(TERTIARY, TERTIARY_EPT_PAGING_WRITE)},
    {"control.guest_paging_verification.ept", "guest-paging verification needs EPT", check_wants,
     PROOFS(BREAKS, ON(TERTIARY, TERTIARY_GUEST_PAGING_VERIFICATION), NO_EPT, KEEPS,
            ON(TERTIARY, TERTIARY_GUEST_PAGING_VERIFICATION)),
     NEEDS_EPT, WHEN(TERTIARY, TERTIARY_GUEST_PAGING_VERIFICATION)},
    {"control.hlat.pointer",
     "HLATP's bits 2:0 and 11:5 and those beyond the physical-address width must be 0", keeps_hlatp,
     PROOFS(BREAKS, HLAT, OR(HLATP, 1), BREAKS, HLAT, OR(HLATP, 0x800), BREAKS, HLAT,
            OR_SYM(HLATP, WIDTH), KEEPS, HLAT, OR(HLATP, 0x18)),
     FIELDS_1(HLATP), WHEN(TERTIARY, TERTIARY_HLAT)},
    {"control.hlat.prefix", "the HLAT prefix must be at most as long as supported",
     keeps_hlat_prefix,
     PROOFS(BREAKS, HLAT, SYM_PLUS(HLAT_PREFIX_SIZE, HLAT_PREFIX, 1), BREAKS, HLAT,
            SET(HLAT_PREFIX_SIZE, 0xFFFF), KEEPS, HLAT, SYM(HLAT_PREFIX_SIZE, HLAT_PREFIX)),
     FIELDS_1(HLAT_PREFIX_SIZE), WHEN(TERTIARY, TERTIARY_HLAT)},
};

const struct audit_section audit_execution_late =
    SECTION("VM-Execution Control Fields", AUDIT_CONTROLS, late_rules);
