/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the last words: a panic's report, in an order in which the most useful comes first. */
#include "kernel/panic.h"

#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/processors.h"
#include "kernel/string.h"

#define PUSH_RBP        0x55
#define BACKTRACE_DEPTH 24
#define PANIC_PREFIX    "panic: " /* of the verdict's reason */

static struct {
    void (*hook)(void);
    void (*end)(const char *why);
} panic_state;

/* Made by tools/symbols.py after a first link: ascending offsets from text_start, and names. */
extern const uint32_t symbol_count;
extern const struct {
    uint32_t offset, name;
} symbol_table[];
extern const char symbol_names[];

void panic_set_hook(void (*hook)(void))
{
    panic_state.hook = hook;
}

void panic_set_end(void (*end)(const char *why))
{
    panic_state.end = end;
}

const char *symbol_name(uint64_t address, uint64_t *offset)
{
    uint32_t low = 0;
    uint32_t high = symbol_count;
    uint64_t position = address - (uint64_t)text_start;

    if (address < (uint64_t)text_start || address >= (uint64_t)text_end) {
        return NULL;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (symbol_table[middle].offset <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    *offset = position - symbol_table[low - 1].offset;
    return symbol_names + symbol_table[low - 1].name;
}

/* Behind the first, addresses are those of returns: what called may end just there. */
static void log_frame(unsigned depth, uint64_t address)
{
    uint64_t before = depth != 0 ? 1 : 0;
    uint64_t offset = 0;
    const char *name = symbol_name(address - before, &offset);

    log_line("panic", "backtrace frame=%u rip=0x%lx at=%s+0x%lx", depth, address,
             name != NULL ? name : "unknown", offset + before);
}

/* A function that does not begin by PUSH RBP has no frame of its own: its return address is on top
 * of the stack, and RBP is still its caller's. 0 where that does not look so. */
static uint64_t frameless_caller(uint64_t rip, uint64_t rsp)
{
    uint64_t offset = 0;
    uint64_t caller;

    if (symbol_name(rip, &offset) == NULL || *(const uint8_t *)(rip - offset) == PUSH_RBP) {
        return 0;
    }
    caller = *(const uint64_t *)rsp;
    return symbol_name(caller, &offset) != NULL ? caller : 0;
}

/* Follows the frame pointers for as long as they go upwards and stay near the stack. */
static void log_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp, uint64_t caller)
{
    uint64_t lowest = rsp;
    unsigned depth = 0;

    log_frame(depth++, rip);
    if (caller != 0) {
        log_frame(depth++, caller);
    }
    for (; depth < BACKTRACE_DEPTH; depth++) {
        if (rbp < lowest || rbp - rsp >= 64 * KIB || !IS_ALIGNED(rbp, 8)) {
            return;
        }
        const uint64_t *frame = (const uint64_t *)rbp; /* saved RBP, return address */
        if (frame[1] == 0) {
            return;
        }
        log_frame(depth, frame[1]);
        lowest = rbp + 16;
        rbp = frame[0];
    }
}

static void log_registers(const struct exception_frame *f)
{
    log_line("panic", "rip=0x%lx cs=0x%lx rflags=0x%lx rsp=0x%lx ss=0x%lx", f->rip, f->cs,
             f->rflags, f->rsp, f->ss);
    log_line("panic", "rax=0x%lx rcx=0x%lx rdx=0x%lx rbx=0x%lx", f->rax, f->rcx, f->rdx, f->rbx);
    log_line("panic", "rbp=0x%lx rsi=0x%lx rdi=0x%lx r8=0x%lx", f->rbp, f->rsi, f->rdi, f->r8);
    log_line("panic", "r9=0x%lx r10=0x%lx r11=0x%lx r12=0x%lx", f->r9, f->r10, f->r11, f->r12);
    log_line("panic", "r13=0x%lx r14=0x%lx r15=0x%lx", f->r13, f->r14, f->r15);
    log_line("panic", "cr0=0x%lx cr2=0x%lx cr3=0x%lx cr4=0x%lx", read_cr0(), read_cr2(), read_cr3(),
             read_cr4());
}

/* A panic within a panic: the words that are certain, and the end. */
static bool enter_panic(const char *why)
{
    struct percpu *cpu = this_cpu();

    cpu->recovery = NULL;
    cpu->log_muted = false;
    if (cpu->panics++ == 0) {
        processors_halt_others();
        return true;
    }
    if (cpu->panics == 2) {
        log_line("panic", "a second fault while the first was reported why=\"%s\"", why);
        if (panic_state.end != NULL) {
            panic_state.end(why);
        }
    }
    cpu_halt();
}

__attribute__((noreturn)) static void finish(const char *why)
{
    if (panic_state.hook != NULL) {
        panic_state.hook();
    }
    if (panic_state.end != NULL) {
        panic_state.end(why);
    }
    cpu_halt();
}

void panic(const char *format, ...)
{
    char why[160] = PANIC_PREFIX;
    char *text = why + sizeof(PANIC_PREFIX) - 1;
    va_list arguments;

    va_start(arguments, format);
    format_text_v(text, sizeof(why) - sizeof(PANIC_PREFIX) + 1, format, arguments);
    va_end(arguments);
    if (enter_panic(why)) {
        log_line("panic", "%s", text);
        log_backtrace((uint64_t)__builtin_return_address(0),
                      *(const uint64_t *)__builtin_frame_address(0),
                      (uint64_t)__builtin_frame_address(0), 0);
    }
    finish(why);
}

void panic_exception(const struct exception_frame *frame)
{
    char why[160];
    uint64_t offset = 0;
    const char *function = symbol_name(frame->rip, &offset);

    if (function != NULL) {
        format_text(why, sizeof(why), PANIC_PREFIX "%s in %s+0x%lx",
                    vector_name((unsigned)frame->vector), function, offset);
    } else {
        format_text(why, sizeof(why), PANIC_PREFIX "%s outside the text, at 0x%lx",
                    vector_name((unsigned)frame->vector), frame->rip);
    }
    if (enter_panic(why)) {
        log_line("panic", "unexpected exception name=%s vector=%lu error=0x%lx cr2=0x%lx",
                 vector_name((unsigned)frame->vector), frame->vector, frame->error, read_cr2());
        log_registers(frame);
        log_backtrace(frame->rip, frame->rbp, frame->rsp, frameless_caller(frame->rip, frame->rsp));
    }
    finish(why);
}
