/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/walk_log.h"

#include "ept/violation.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "vmx/guest_mode.h"
#include "vmx/guest_walk_text.h"
#include "vmx/segment.h"

/* The tables of a guest that went wrong may lead anywhere: only memory is read. */
static const void *memory_at(const struct physical_reader *reader, hpa_t address, uint64_t length)
{
    (void)reader;
    return memory_readable(address, length) ? pointer_to(address) : NULL;
}

static const struct physical_reader memory = {memory_at};

static void log_walk_line(const struct walk_sink *sink, const char *line)
{
    (void)sink;
    log_line("walk", "%s", line);
}

static const struct walk_sink to_log = {log_walk_line};

static struct ept_rules rules_read(const struct vcpu *vcpu)
{
    uint64_t can = vcpu->capabilities->ept_vpid;

    return (struct ept_rules){
        .pointer = vmread(VMCS_EPT_POINTER),
        .width = vcpu->capabilities->physical_width,
        .execute_only = can & EPT_CAP_EXECUTE_ONLY,
        .page_2m = can & EPT_CAP_2M,
        .page_1g = can & EPT_CAP_1G,
        .mode_based = vmread(VMCS_SECONDARY_CONTROLS) & SECONDARY_MODE_BASED_EXECUTE,
        .exit_information = can & EPT_CAP_EXIT_INFORMATION,
    };
}

/* The real registers, not what the guest reads: by these the processor goes. */
static struct guest_translation translation_read(const struct vcpu *vcpu)
{
    struct guest_translation guest = {
        .cr0 = vmread(VMCS_GUEST_CR0),
        .cr3 = vmread(VMCS_GUEST_CR3),
        .cr4 = vmread(VMCS_GUEST_CR4),
        .efer = vmread(VMCS_GUEST_EFER),
        .rflags = vmread(VMCS_GUEST_RFLAGS),
        .width = vcpu->capabilities->physical_width,
        .page_1g = vcpu->capabilities->page_1g,
        .pse_36 = vcpu->capabilities->pse_36,
    };

    if (guest_paging_of(&guest) == PAGING_PAE) {
        guest_pdptes_read(guest.pdptes);
    }
    return guest;
}

static const char *access_name(bool read, bool write, bool fetch)
{
    return fetch ? "fetch" : read && write ? "read-write" : write ? "write" : "read";
}

static struct ept_path follow_gpa(const struct vcpu *vcpu, const struct ept_rules *rules, gpa_t gpa,
                                  struct ept_access access)
{
    struct ept_path path = ept_follow(rules, &memory, gpa, access);

    log_line("walk", "guest-physical vm=%u vcpu=%u gpa=0x%lx access=%s eptp=0x%lx", vcpu->vm->id,
             vcpu->id, gpa.value, access_name(access.read, access.write, access.fetch),
             rules->pointer);
    ept_path_lines(&path, rules, 0, &to_log);
    ept_path_outcome(&path, rules, &to_log);
    return path;
}

void walk_log_gpa(const struct vcpu *vcpu, gpa_t gpa, struct ept_access access)
{
    struct ept_rules rules = rules_read(vcpu);

    (void)follow_gpa(vcpu, &rules, gpa, access);
}

static void follow_gva(const struct vcpu *vcpu, const struct ept_rules *rules, gva_t gva,
                       struct guest_access access, bool whole, struct guest_path *path)
{
    struct guest_translation guest = translation_read(vcpu);
    char bits[GUEST_RULES_TEXT];

    guest_rules_text(&guest, bits);
    guest_follow(&guest, rules, &memory, gva, access, path);
    log_line("walk",
             "guest-virtual vm=%u vcpu=%u gva=0x%lx access=%s mode=%s paging=%s rules=%s cr3=0x%lx "
             "eptp=0x%lx",
             vcpu->vm->id, vcpu->id, gva.value,
             access_name(!access.write && !access.fetch, access.write, access.fetch),
             access.user ? "user" : "supervisor", guest_paging_text(path->paging), bits, guest.cr3,
             rules->pointer);
    guest_path_lines(path, &guest, rules, whole, &to_log);
}

void walk_log_gva(const struct vcpu *vcpu, gva_t gva, struct guest_access access, bool whole)
{
    struct ept_rules rules = rules_read(vcpu);
    struct guest_path path;

    follow_gva(vcpu, &rules, gva, access, whole, &path);
}

void walk_linear(const struct vcpu *vcpu, gva_t gva, struct guest_access access,
                 struct guest_path *path)
{
    const struct guest_translation guest = translation_read(vcpu);
    const struct ept_rules rules = rules_read(vcpu);

    guest_follow(&guest, &rules, &memory, gva, access, path);
}

static bool is_user(void)
{
    return FIELD_GET(RIGHTS_DPL, vmread(VMCS_GUEST_SS_AR)) == 3;
}

static void log_violation(const struct vcpu *vcpu, const struct ept_rules *rules)
{
    const struct vmx_exit *exit = vcpu->exit;
    const struct ept_violation_mode mode = {.mode_based = rules->mode_based,
                                            .exit_information = rules->exit_information};
    char words[EPT_VIOLATION_WORDS];

    ept_violation_words(exit->qualification, &mode, words, sizeof(words));
    log_line("walk", "violation what=\"%s\"", words);
}

/* The guest's tables lead to where the violation was, unless they have changed since. */
static bool log_violation_gva(const struct vcpu *vcpu, const struct ept_rules *rules)
{
    const struct vmx_exit *exit = vcpu->exit;
    struct guest_access access = {.write = exit->qualification & EPT_VIOLATION_WRITE,
                                  .fetch = exit->qualification & EPT_VIOLATION_FETCH,
                                  .user = is_user()};
    struct guest_path path;

    if (!(exit->qualification & EPT_VIOLATION_TRANSLATION)) {
        access.write = false; /* the write was the walk's own, of the guest's tables */
    }
    follow_gva(vcpu, rules, exit->linear, access, false, &path);
    return path.verdict == GUEST_EPT &&
           guest_failed_ept(&path)->gpa.value >> PAGE_SHIFT == exit->physical.value >> PAGE_SHIFT;
}

/* What was tried. A misconfiguration does not tell, nor does it depend on it. */
static struct ept_access access_of(const struct vmx_exit *exit)
{
    if (exit->reason != EXIT_EPT_VIOLATION) {
        return (struct ept_access){.read = true};
    }
    return (struct ept_access){.read = exit->qualification & EPT_VIOLATION_READ,
                               .write = exit->qualification & EPT_VIOLATION_WRITE,
                               .fetch = exit->qualification & EPT_VIOLATION_FETCH,
                               .user = exit->qualification & EPT_VIOLATION_GUEST_USER};
}

struct ept_path walk_exit(const struct vcpu *vcpu)
{
    const struct ept_rules rules = rules_read(vcpu);

    return ept_follow(&rules, &memory, vcpu->exit->physical, access_of(vcpu->exit));
}

void walk_log_exit(const struct vcpu *vcpu)
{
    const struct vmx_exit *exit = vcpu->exit;
    struct ept_rules rules = rules_read(vcpu);
    struct ept_path path;

    if (exit->reason == EXIT_EPT_VIOLATION) {
        log_violation(vcpu, &rules);
        if (exit->qualification & EPT_VIOLATION_LINEAR && log_violation_gva(vcpu, &rules)) {
            return;
        }
    }
    path = follow_gpa(vcpu, &rules, exit->physical, access_of(exit));
    if (path.verdict == EPT_MAPPED) {
        log_line("walk", "the processor found a fault, this walk does not: the tables have changed "
                         "since, or what the processor had cached of them was stale");
    }
}

/* Where the next instruction would be fetched. */
static gva_t rip_linear(const struct vcpu *vcpu)
{
    uint64_t rip = vmread(VMCS_GUEST_RIP);

    if (guest_mode_read(vcpu).code_64) {
        return GVA(rip);
    }
    return GVA((rip + vmread(VMCS_GUEST_CS_BASE)) & UINT32_MAX);
}

/* The report of the last exit has been just that walk. */
static bool is_reported(const struct vcpu *vcpu, gva_t rip)
{
    const struct vmx_exit *exit = vcpu->exit;

    return vcpu->vm->end.failed && exit->reason == EXIT_EPT_VIOLATION && exit_has_linear(exit) &&
           exit->linear.value == rip.value;
}

/* By what the VM is, and how it ended. */
static bool wants_rip(const struct vcpu *vcpu, const struct walk_request *request)
{
    return request->rip == WALK_RIP_ALWAYS ||
           (request->rip == WALK_RIP_IF_FAILED && vcpu->vm->end.failed);
}

void walk_log_end(const struct vcpu *vcpu, const struct walk_request *request)
{
    const struct walk_option *gpa = &request->gpa;
    const struct walk_option *gva = &request->gva;

    if (gpa->asked) {
        walk_log_gpa(vcpu, GPA(gpa->address), (struct ept_access){.read = true});
    }
    if (gva->asked) {
        walk_log_gva(vcpu, GVA(gva->address), (struct guest_access){.user = is_user()}, true);
    }
    if (!gpa->asked && !gva->asked && wants_rip(vcpu, request)) {
        gva_t rip = rip_linear(vcpu);

        if (!is_reported(vcpu, rip)) {
            walk_log_gva(vcpu, rip, (struct guest_access){.fetch = true, .user = is_user()}, false);
        }
    }
}
