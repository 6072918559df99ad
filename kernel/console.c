/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the list of consoles. */
#include "kernel/console.h"

#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/uart.h"

#define COM1           0x3f8
#define FALLBACK_SPEED 115200

static struct {
    struct uart uarts[OPTIONS_MAX_CONSOLES + 1];
    unsigned count;
    struct lock lock; /* a line at a time */
} consoles;

void console_init(const struct options *options)
{
    bool alive = false;

    consoles.count = options->console_count;
    for (unsigned i = 0; i < options->console_count; i++) {
        alive |=
            uart_init(&consoles.uarts[i], options->consoles[i].port, options->consoles[i].speed);
    }
    if (!alive) {
        (void)uart_init(&consoles.uarts[consoles.count++], COM1, FALLBACK_SPEED);
    }
}

void console_report(void)
{
    for (unsigned i = 0; i < consoles.count; i++) {
        const struct uart *uart = &consoles.uarts[i];
        if (uart->alive) {
            log_line("boot", "console port=0x%x speed=%u fifo=%u", uart->port, uart->speed,
                     uart->fifo);
        } else {
            log_line("boot", "console missing, nothing answers port=0x%x", uart->port);
        }
    }
}

void console_write(const char *bytes, size_t length)
{
    bool taken;

    if (consoles.count == 0) { /* something went wrong before console_init() */
        (void)uart_init(&consoles.uarts[consoles.count++], COM1, FALLBACK_SPEED);
    }
    taken = lock_take(&consoles.lock);
    for (unsigned i = 0; i < consoles.count; i++) {
        uart_write(&consoles.uarts[i], bytes, length);
    }
    lock_give(&consoles.lock, taken);
}

void console_drain(void)
{
    for (unsigned i = 0; i < consoles.count; i++) {
        uart_drain(&consoles.uarts[i]);
    }
}

uint64_t console_waited(void)
{
    uint64_t waited = 0;

    for (unsigned i = 0; i < consoles.count; i++) {
        waited += consoles.uarts[i].waited;
    }
    return waited;
}
