/* SPDX-License-Identifier: BSD-2-Clause */
/* The order in which everything starts. From start.asm to session.c. */
#include "boot/provoke.h"
#include "boot/session.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/multiboot.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/processors.h"
#include "kernel/string.h"
#include "kernel/time.h"
#include "vmx/trace.h"

static struct boot boot;
static struct percpu boot_processor;
static char early_ist_stack[2048] __attribute__((aligned(16)));

/* Called by start.asm, once, on the boot stack and the boot page tables. */
__attribute__((noreturn)) void boot_main(uint32_t magic, uint32_t info, uint64_t tsc);

/* The first 4 GiB are identity-mapped by the boot page tables; page 0 may be read through them too,
 * but nothing that is parsed lies there. */
static const void *boot_memory_at(const struct physical_reader *reader, hpa_t address,
                                  uint64_t length)
{
    (void)reader;
    if (address.value < PAGE_SIZE || address.value >= 4 * GIB || length > 4 * GIB - address.value) {
        return NULL;
    }
    return pointer_to(address);
}

static const struct physical_reader boot_memory = {boot_memory_at};

/* The word at 40EH holds the segment of the extended BIOS data area. */
static hpa_t extended_bios_data_area(void)
{
    uint16_t segment;

    __asm__ volatile("movw 0x40e, %0" : "=r"(segment));
    return HPA((uint64_t)segment << 4);
}

static void end_after_panic(const char *why)
{
    const struct vcpu *vcpu = this_cpu()->tenant;

    session_end(&boot, false, why, vcpu != NULL ? vcpu->exits : 0,
                vcpu != NULL ? vcpu->vm->guest : NULL);
}

static void log_complaint(void *context, const char *word, const char *sentence)
{
    char text[33]; /* the allowed values must fit the line too */
    char says[160];

    (void)context;
    format_escaped(text, sizeof(text), word, strlen(word));
    format_escaped(says, sizeof(says), sentence, strlen(sentence));
    log_line("boot", "option word=\"%s\" says=\"%s\"", text, says);
}

static void log_acpi(void)
{
    const struct acpi *acpi = &boot.acpi;
    unsigned enabled = 0;

    for (unsigned i = 0; i < acpi->processor_count; i++) {
        enabled += acpi->processors[i].enabled;
    }
    log_line("acpi", "revision=%u oem=\"%s\" %s=0x%lx tables=%u unusable=%u", acpi->revision,
             acpi->oem, acpi->root_is_xsdt ? "xsdt" : "rsdt", acpi->root.value, acpi->table_count,
             acpi->bad_tables);
    if (acpi->processors_dropped != 0) {
        log_line("acpi", "more processors than there is room for: the rest is left dropped=%u",
                 acpi->processors_dropped);
    }
    log_line("acpi", "processors=%u disabled=%u local-apic=0x%lx pm-timer=0x%lx s5=%s reset=%s",
             enabled, acpi->processor_count - enabled, acpi->local_apic, acpi->pm_timer.address,
             acpi->s5_found ? "yes" : "no", acpi->reset_supported ? "yes" : "no");
}

/* Firmware's tables are not to be trusted: a fault while they are read costs ACPI, not the run. */
static void read_acpi(void)
{
    struct fault_recovery recovery;
    struct acpi_error error;

    if (fault_catch(&recovery)) {
        boot.acpi = (struct acpi){0};
        log_line("acpi", "reading the tables faulted: ACPI is not used exception=%s",
                 vector_name(recovery.vector));
        return;
    }
    if (acpi_parse(&boot.machine, extended_bios_data_area(), &boot_memory, &boot.acpi, &error) ==
        STATUS_OK) {
        log_acpi();
    } else {
        boot.acpi = (struct acpi){0};
        log_line("acpi", "%s", error.text);
    }
    fault_release(&recovery);
}

/* Options of one mode that were given in another. */
static void complain_of_mode(const struct options *options)
{
    if (options->mode != MODE_RUN && options->breaks[0] != '\0') {
        log_complaint(NULL, "break", "heeded in the mode run only");
    }
    if (options->mode != MODE_SELFTEST && options->mode != MODE_BENCH &&
        options->select[0] != '\0') {
        log_complaint(NULL, "select", "heeded in the modes selftest and bench only");
    }
    if (options->vms[0] != '\0' && options->guest[0] != '\0') {
        log_complaint(NULL, "guest", "not heeded beside vms=");
    }
    if (options->mode != MODE_SELFTEST && options->seed != 0) {
        log_complaint(NULL, "seed", "heeded in the mode selftest only");
    }
    if (options->mode != MODE_SELFTEST && options->count != 0) {
        log_complaint(NULL, "count", "heeded in the mode selftest only");
    }
}

/* QEMU's -kernel puts the file's name before the options. */
static const char *options_text(void)
{
    const char *text = boot.machine.command_line;

    if (strcmp(boot.machine.loader, "qemu") == 0) {
        while (*text != '\0' && *text != ' ') {
            text++;
        }
    }
    return text;
}

/* Everything before the first line can be printed; problems wait for the console. */
static void start_console(uint32_t magic, uint32_t info)
{
    struct multiboot_error error;
    enum status described = multiboot_parse(magic, HPA(info), &boot_memory, &boot.machine, &error);
    enum status timed;

    options_parse(options_text(), &boot.options, NULL, NULL); /* as far as it was read */
    console_init(&boot.options);
    timed = time_calibrate_pit();
    log_line("boot", "Lintel %s, a mini-hypervisor for Intel VT-x%s%s", LINTEL_VERSION,
             boot.options.machine[0] != '\0' ? " machine=" : "", boot.options.machine);
    console_report();
    if (timed == STATUS_OK) {
        log_line("boot", "time: the TSC measured against the PIT khz=%lu", time_khz());
    }
    if (described != STATUS_OK) {
        log_line("boot", "%s", error.text);
        read_acpi(); /* to power off by */
        session_end(&boot, false, "the boot loader's information is malformed", 0, NULL);
    }
}

static void log_machine(void)
{
    const struct machine *machine = &boot.machine;
    char text[160];

    format_escaped(text, sizeof(text), machine->loader, strlen(machine->loader));
    log_line("boot", "loader=\"%s\" multiboot=%u firmware=%s modules=%u screen=%s%ux%ux%u", text,
             machine->multiboot, machine->efi ? "uefi" : "bios", machine->module_count,
             machine->framebuffer.type == FRAMEBUFFER_TEXT ? "text-" : "",
             machine->framebuffer.width, machine->framebuffer.height,
             machine->framebuffer.bits_per_pixel);
    format_escaped(text, sizeof(text), machine->command_line, strlen(machine->command_line));
    log_line("boot", "command-line=\"%s\"", text);
    for (unsigned i = 0; i < machine->module_count; i++) {
        format_escaped(text, sizeof(text), machine->modules[i].name,
                       strlen(machine->modules[i].name));
        log_line("boot", "module=%u base=0x%lx length=%lu name=\"%s\"", i,
                 machine->modules[i].base.value, machine->modules[i].length, text);
    }
}

static void log_processor(void)
{
    struct cpuid leaf0 = cpuid(0, 0);
    struct cpuid leaf1 = cpuid(1, 0);
    char vendor[13] = "";
    char brand[49] = "";
    char text[80];

    memcpy(vendor, &leaf0.ebx, 4);
    memcpy(vendor + 4, &leaf0.edx, 4);
    memcpy(vendor + 8, &leaf0.ecx, 4);
    for (unsigned i = 0; cpuid(0x80000000, 0).eax >= 0x80000004 && i < 3; i++) {
        struct cpuid part = cpuid(0x80000002 + i, 0);
        memcpy(brand + sizeof(part) * i, &part, sizeof(part));
    }
    format_escaped(text, sizeof(text), brand, strlen(brand));
    log_line("cpu", "vendor=%s brand=\"%s\" signature=0x%x hypervisor=%s", vendor, text, leaf1.eax,
             leaf1.ecx & CPUID_1_ECX_HYPERVISOR ? "yes" : "no");
}

/* Machine checks are told, not a silent shutdown; XSETBV of a guest is done by us; a guest's vector
 * registers are cleared by us. */
static void enable_features(void)
{
    if (cpuid(1, 0).edx & CPUID_1_EDX_MCE) {
        write_cr4(read_cr4() | CR4_MCE);
    }
    if (cpuid(1, 0).edx & CPUID_1_EDX_FXSR) {
        write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    }
    if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
    }
}

/* On the new stack, with the new page tables: what the boot stack and tables held is over. */
static void on_own_stack(void)
{
    devices_quiet();
    if (strcmp(boot.options.provoke, "deaf") == 0) {
        processors_add_deaf(&boot.acpi);
    }
    processors_start(&boot.acpi, enable_features);
    provoke(boot.options.provoke);
    if (boot.options.unbuilt_mode != NULL) {
        char why[64];
        format_text(why, sizeof(why), "mode=%s: not in this version", boot.options.unbuilt_mode);
        session_end(&boot, false, why, 0, NULL);
    }
    if (boot.options.mode == MODE_CAPS) {
        session_caps(&boot);
    }
    if (boot.options.mode == MODE_SELFTEST) {
        session_selftest(&boot);
    }
    if (boot.options.mode == MODE_BENCH) {
        session_bench(&boot);
    }
    session_run(&boot);
}

static void switch_stack(void *top)
{
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call *%1"
                     :
                     : "r"(top), "r"(on_own_stack)
                     : "memory");
    __builtin_unreachable();
}

static void set_early_ist(void)
{
    for (unsigned ist = IST_NMI; ist <= IST_MC; ist++) {
        boot_processor.tss.ist[ist - 1] = (uint64_t)early_ist_stack + sizeof(early_ist_stack);
    }
}

static void out_of_memory(void)
{
    session_end(&boot, false, "too little memory", 0, NULL);
}

static void take_stacks(void **main_stack)
{
    if (processor_take_stacks(&boot_processor, main_stack) != STATUS_OK) {
        out_of_memory();
    }
}

void boot_main(uint32_t magic, uint32_t info, uint64_t tsc)
{
    void *stack;

    percpu_install(&boot_processor, 0);
    set_early_ist();
    descriptors_load(&boot_processor);
    time_init(tsc);
    panic_set_end(end_after_panic);
    panic_set_hook(trace_panic);

    start_console(magic, info);
    log_machine();
    options_parse(options_text(), &boot.options, log_complaint, NULL);
    complain_of_mode(&boot.options);
    log_processor();
    read_acpi();
    if (time_microseconds() == 0 && time_calibrate_pm(&boot.acpi) == STATUS_OK) {
        log_line("boot", "time: the TSC measured against the ACPI PM timer khz=%lu", time_khz());
    }
    if (memory_init(&boot.machine) != STATUS_OK ||
        paging_init(&boot.machine, &boot.acpi) != STATUS_OK) {
        out_of_memory();
    }
    take_stacks(&stack);
    enable_features();
    switch_stack(stack);
    __builtin_unreachable();
}
