/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the TSC's measured speed. */
#include "kernel/time.h"

#include "kernel/cpu.h"

#define PIT_HZ       1193182
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_ONE_SHOT 0xB0 /* channel 2, low then high byte, mode 0: interrupt on terminal count */
#define PORT_B       0x61 /* bit 0: channel 2's gate; bit 1: speaker; bit 5: channel 2's output */
#define PORT_B_GATE  0x01
#define PORT_B_SOUND 0x02
#define PORT_B_OUT   0x20

#define PM_TIMER_HZ 3579545

#define INTERVAL_MS 5
#define STUCK_POLLS 1000000   /* a second, at a microsecond a port read */
#define SLOWEST_KHZ 1000      /* what is measured as slower or faster than these was not */
#define FASTEST_KHZ 100000000 /* a timer that counts */
#define ASSUMED_KHZ 1000000

static struct {
    uint64_t first;
    uint64_t khz; /* 0: not known yet */
    uint64_t waited;
} clock;

void time_init(uint64_t first)
{
    clock.first = first;
}

uint64_t time_first(void)
{
    return clock.first;
}

/* Accounts the wait and takes the speed if it can be one. */
static enum status calibrated(uint64_t start, uint64_t end, uint64_t units, uint64_t hz)
{
    uint64_t khz = units == 0 ? 0 : (end - start) * (hz / 1000) / units;

    clock.waited += end - start;
    if (khz < SLOWEST_KHZ || khz > FASTEST_KHZ) {
        return STATUS_NOT_FOUND;
    }
    clock.khz = khz;
    return STATUS_OK;
}

enum status time_calibrate_pit(void)
{
    uint16_t count = PIT_HZ * INTERVAL_MS / 1000;
    uint8_t port_b = in8(PORT_B);
    uint64_t start, end;
    unsigned polls = 0;

    out8(PORT_B, (port_b & (uint8_t)~PORT_B_SOUND) | PORT_B_GATE);
    out8(PIT_COMMAND, PIT_ONE_SHOT);
    out8(PIT_CHANNEL2, (uint8_t)count);
    out8(PIT_CHANNEL2, (uint8_t)(count >> 8));
    start = rdtsc();
    while (!(in8(PORT_B) & PORT_B_OUT) && polls < STUCK_POLLS) {
        polls++;
    }
    end = rdtsc();
    out8(PORT_B, port_b);
    if (polls == STUCK_POLLS || polls == 0) {
        clock.waited += end - start;
        return STATUS_NOT_FOUND;
    }
    return calibrated(start, end, count, PIT_HZ);
}

enum status time_calibrate_pm(const struct acpi *acpi)
{
    uint16_t port = (uint16_t)acpi->pm_timer.address;
    uint32_t mask = acpi->pm_timer_32bit ? UINT32_MAX : 0xFFFFFF;
    uint32_t units = PM_TIMER_HZ / 1000 * INTERVAL_MS;
    uint32_t first, passed = 0;
    uint64_t start;

    if (port == 0 || acpi->pm_timer.space != 1) {
        return STATUS_NOT_FOUND;
    }
    first = in32(port);
    start = rdtsc();
    for (unsigned polls = 0; polls < STUCK_POLLS && passed < units; polls++) {
        passed = (in32(port) - first) & mask;
    }
    return calibrated(start, rdtsc(), passed < units ? 0 : passed, PM_TIMER_HZ);
}

uint64_t time_khz(void)
{
    return clock.khz != 0 ? clock.khz : ASSUMED_KHZ;
}

uint64_t time_microseconds(void)
{
    return clock.khz == 0 ? 0 : (rdtsc() - clock.first) * 1000 / clock.khz;
}

uint64_t time_work(uint64_t since)
{
    return rdtsc() - clock.waited - since;
}

uint64_t time_waited(void)
{
    return clock.waited;
}

void time_wait(uint64_t microseconds)
{
    uint64_t start = rdtsc();
    uint64_t ticks = microseconds * time_khz() / 1000;

    while (rdtsc() - start < ticks) {
        cpu_pause();
    }
    clock.waited += rdtsc() - start;
}
