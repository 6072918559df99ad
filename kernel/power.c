/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI Specification 6.5, "PM1 Control Grouping", "Reset Register". */
#include "kernel/power.h"

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/processors.h"
#include "kernel/time.h"

#define PIC1_DATA 0x21
#define PIC2_DATA 0xA1

/* CR8: the local APIC holds every interrupt back but that by which processors wake one another */
#define HIGHEST_PRIORITY 14

#define PM1_SCI_EN    BIT(0)
#define PM1_SLP_TYP   BITS(12, 10)
#define PM1_SLP_EN    BIT(13)
#define SPACE_MEMORY  0
#define SPACE_IO      1
#define RESET_CONTROL 0xCF9
#define RESET_FULL    0x06

#define ENABLE_POLLS 300 /* of a millisecond */
#define OFF_WAIT_US  2000000

static struct {
    uint8_t pic1, pic2;
    uint64_t task_priority;
    bool recorded;
} devices;

void devices_quiet(void)
{
    devices.pic1 = in8(PIC1_DATA);
    devices.pic2 = in8(PIC2_DATA);
    devices.task_priority = read_cr8();
    devices.recorded = true;
    out8(PIC1_DATA, 0xFF);
    out8(PIC2_DATA, 0xFF);
    write_cr8(HIGHEST_PRIORITY);
}

void devices_restore(void)
{
    if (devices.recorded) {
        out8(PIC1_DATA, devices.pic1);
        out8(PIC2_DATA, devices.pic2);
        write_cr8(devices.task_priority);
        devices.recorded = false;
    }
}

/* The S5 registers only work in ACPI mode, which the BIOS may have to be asked for. */
static void enter_acpi_mode(const struct acpi *acpi)
{
    uint16_t control = (uint16_t)acpi->pm1a_control.address;

    if (in16(control) & PM1_SCI_EN || acpi->smi_command == 0 || acpi->acpi_enable == 0) {
        return;
    }
    out8((uint16_t)acpi->smi_command, acpi->acpi_enable);
    for (unsigned i = 0; i < ENABLE_POLLS && !(in16(control) & PM1_SCI_EN); i++) {
        time_wait(1000);
    }
}

/* SLP_TYP goes to both blocks before SLP_EN does: the first to have both begins the transition. */
static void write_pm1(const struct acpi_register *control, uint8_t type, uint64_t enable)
{
    if (control->address != 0 && control->space == SPACE_IO) {
        uint16_t port = (uint16_t)control->address;
        uint16_t value = in16(port) & (uint16_t)(~(PM1_SLP_TYP | PM1_SLP_EN));
        out16(port, (uint16_t)(value | FIELD_PUT(PM1_SLP_TYP, type) | enable));
    }
}

static void power_off(const struct acpi *acpi)
{
    if (!acpi->s5_found || acpi->pm1a_control.address == 0 ||
        acpi->pm1a_control.space != SPACE_IO) {
        log_line("boot", "cannot power off: ACPI names no S5 state or no PM1a control port");
        return;
    }
    enter_acpi_mode(acpi);
    write_pm1(&acpi->pm1a_control, acpi->s5_type_a, 0);
    write_pm1(&acpi->pm1b_control, acpi->s5_type_b, 0);
    write_pm1(&acpi->pm1a_control, acpi->s5_type_a, PM1_SLP_EN);
    write_pm1(&acpi->pm1b_control, acpi->s5_type_b, PM1_SLP_EN);
    time_wait(OFF_WAIT_US);
    log_line("boot", "the machine did not power off by ACPI S5 port=0x%lx type=%u",
             acpi->pm1a_control.address, acpi->s5_type_a);
}

static void reboot(const struct acpi *acpi)
{
    if (acpi->reset_supported && acpi->reset.address != 0) {
        if (acpi->reset.space == SPACE_IO) {
            out8((uint16_t)acpi->reset.address, acpi->reset_value);
        } else if (acpi->reset.space == SPACE_MEMORY) {
            *(volatile uint8_t *)pointer_to(HPA(acpi->reset.address)) = acpi->reset_value;
        }
        time_wait(OFF_WAIT_US / 10);
    }
    out8(RESET_CONTROL, RESET_FULL);
    time_wait(OFF_WAIT_US / 10);
    log_line("boot", "the machine did not reset");
}

void machine_end(const struct options *options, const struct acpi *acpi)
{
    processors_halt_others();
    devices_restore();
    console_drain();
    if (options->on_end == END_POWEROFF && options->exit_port != 0) {
        out8(options->exit_port, 0);
        log_line("boot", "the exit port did not end the machine port=0x%x", options->exit_port);
    }
    if (options->on_end == END_POWEROFF) {
        power_off(acpi);
    } else if (options->on_end == END_REBOOT) {
        reboot(acpi);
    }
    log_line("boot", "halted: the run is over, the machine can be switched off");
    cpu_halt();
}
