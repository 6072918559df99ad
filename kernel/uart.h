/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550-compatible UART, polled, 8N1. PC16550D data sheet, "Registers". */
#ifndef KERNEL_UART_H
#define KERNEL_UART_H

#include "kernel/types.h"

struct uart {
    uint16_t port;   /* I/O base */
    uint32_t speed;  /* bits a second */
    unsigned fifo;   /* bytes that may be written when the transmitter is empty */
    bool alive;      /* it answered, and has not been stuck since */
    uint64_t waited; /* TSC ticks spent on waiting for the transmitter */
};

/*
 * Looks for a UART at `port` and sets it to `speed`, FIFO on. False if nothing answers there: a
 * scratch register that does not hold its value, or a loopback that returns nothing.
 */
bool uart_init(struct uart *uart, uint16_t port, uint32_t speed);

/* Sends `length` bytes. A transmitter that does not empty in time is given up for good. */
void uart_write(struct uart *uart, const char *bytes, size_t length);

/* Waits until the last byte is on the line: a machine that is switched off sends no more. */
void uart_drain(struct uart *uart);

#endif
