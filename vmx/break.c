/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/break.h"

#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/option_values.h"
#include "kernel/string.h"
#include "vmx/audit_read.h"
#include "vmx/break_choice.h"

static void refuse(const char *word, size_t length, const char *why)
{
    char text[40];

    format_escaped(text, sizeof(text), word, length);
    log_line("audit", "not broken, as asked by the option break word=\"%s\" says=\"%s\"", text,
             why);
}

static bool take_sandbox(struct vcpu *vcpu)
{
    hpa_t hpa;

    if (vcpu->sandbox.bytes == NULL) {
        if (page_take(SANDBOX_PAGES, PAGE_SIZE, PAGES_ANYWHERE, &hpa) != STATUS_OK) {
            return false;
        }
        vcpu->sandbox = (struct audit_sandbox){pointer_to(hpa), hpa};
        audit_sandbox_fill(&vcpu->sandbox, vcpu->capabilities);
    }
    return true;
}

/* Brings the VMCS to what `after` says. */
static void write_changes(const struct audit *before, const struct audit *after, const char *rule)
{
    for (unsigned i = 0; i < VMCS_FIELDS; i++) {
        struct vmcs_field field = vmcs_field_at(i);
        if (before->value[i] != after->value[i]) {
            vmwrite(field, after->value[i]);
            log_line("audit", "broken on purpose field=%s was=0x%lx now=0x%lx rule=%s",
                     vmcs_field_name(field), before->value[i], after->value[i], rule);
        }
    }
}

/* One FIELD or FIELD:VALUE of `length` characters. */
static void break_field(struct vcpu *vcpu, const char *word, size_t length)
{
    struct audit before;
    struct audit after;
    struct break_choice choice;

    audit_read(&before, vcpu->capabilities, &vcpu->facts, hpa_of(vcpu->vmcs));
    if (!take_sandbox(vcpu)) {
        refuse(word, length, "there is no memory for it");
        return;
    }
    if (!break_parse(word, length, &choice) ||
        !break_choose(&before, &vcpu->sandbox, &choice, &after)) {
        refuse(word, length, choice.why);
        return;
    }
    write_changes(&before, &after, choice.rule != NULL ? choice.rule->name : "none");
}

void break_fields(struct vcpu *vcpu, const char *text)
{
    while (*text != '\0') {
        size_t length = 0;

        while (text[length] != '\0' && text[length] != ',') {
            length++;
        }
        if (length != 0) {
            break_field(vcpu, text, length);
        }
        text += length + (text[length] == ',');
    }
}
