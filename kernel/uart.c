/* SPDX-License-Identifier: BSD-2-Clause */
/* Every wait is bounded: a missing or a stuck port costs time once, and hangs nothing. */
#include "kernel/uart.h"

#include "kernel/cpu.h"

/* Offsets from the base. With LCR.DLAB set, the first two are the divisor. */
#define UART_DATA    0
#define UART_IER     1
#define UART_FCR     2 /* written; read, it is the IIR */
#define UART_LCR     3
#define UART_MCR     4
#define UART_LSR     5
#define UART_SCRATCH 7

#define FCR_ENABLE   0x07 /* enable, clear both FIFOs */
#define IIR_FIFO     0xC0 /* both bits set: the FIFO works (16550A) */
#define LCR_8N1      0x03
#define LCR_DLAB     0x80
#define MCR_DTR_RTS  0x03
#define MCR_OUT2     0x08
#define MCR_LOOPBACK 0x10
#define LSR_THRE     0x20
#define LSR_DATA     0x01
#define LSR_EMPTY    0x40 /* the last bit has left */

#define CLOCK      115200
#define FIFO_SIZE  16
#define MOST_STALE 256 /* bytes that may have come in before we look */

/* Polls until a byte must have long gone, at any speed from 1200 on: 10 bits are 8.3 ms, a FIFO
 * of them 133 ms, and one poll takes about a microsecond on hardware. */
#define STUCK_POLLS 1000000

static bool wait_for(struct uart *uart, uint8_t bit)
{
    if (in8(uart->port + UART_LSR) & bit) {
        return true;
    }
    uint64_t start = rdtsc();
    bool ready = false;

    for (unsigned polls = 0; polls < STUCK_POLLS && !ready; polls++) {
        ready = in8(uart->port + UART_LSR) & bit;
    }
    uart->waited += rdtsc() - start;
    return ready;
}

static bool scratch_holds(uint16_t port, uint8_t value)
{
    out8(port + UART_SCRATCH, value);
    return in8(port + UART_SCRATCH) == value;
}

/* Sends a byte to itself, with the lines cut off. */
static bool loops_back(struct uart *uart)
{
    bool same;

    out8(uart->port + UART_MCR, MCR_LOOPBACK | MCR_DTR_RTS | MCR_OUT2);
    for (unsigned i = 0; i < MOST_STALE && in8(uart->port + UART_LSR) & LSR_DATA; i++) {
        (void)in8(uart->port + UART_DATA);
    }
    out8(uart->port + UART_DATA, 0xA5);
    same = wait_for(uart, LSR_DATA) && in8(uart->port + UART_DATA) == 0xA5;
    out8(uart->port + UART_MCR, MCR_DTR_RTS);
    return same;
}

bool uart_init(struct uart *uart, uint16_t port, uint32_t speed)
{
    uint16_t divisor = (uint16_t)(CLOCK / speed);

    *uart = (struct uart){.port = port, .speed = speed, .fifo = 1};
    if (!scratch_holds(port, 0x5A) || !scratch_holds(port, 0xA5)) {
        return false;
    }
    out8(port + UART_IER, 0);
    out8(port + UART_LCR, LCR_DLAB);
    out8(port + UART_DATA, (uint8_t)divisor);
    out8(port + UART_IER, (uint8_t)(divisor >> 8));
    out8(port + UART_LCR, LCR_8N1);
    out8(port + UART_FCR, FCR_ENABLE);
    if ((in8(port + UART_FCR) & IIR_FIFO) == IIR_FIFO) {
        uart->fifo = FIFO_SIZE;
    }
    uart->alive = loops_back(uart);
    return uart->alive;
}

void uart_write(struct uart *uart, const char *bytes, size_t length)
{
    size_t sent = 0;

    while (uart->alive && sent < length) {
        size_t burst = MIN(length - sent, uart->fifo);
        if (!wait_for(uart, LSR_THRE)) {
            uart->alive = false;
            return;
        }
        while (burst-- != 0) {
            out8(uart->port + UART_DATA, (uint8_t)bytes[sent++]);
        }
    }
}

void uart_drain(struct uart *uart)
{
    if (uart->alive && !wait_for(uart, LSR_EMPTY)) {
        uart->alive = false;
    }
}
