/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/provoke.h"

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/string.h"

static void divide_by_zero(void)
{
    __asm__ volatile("xor %%ecx, %%ecx; div %%ecx" : : : "eax", "ecx", "edx");
}

static void undefined_instruction(void)
{
    __asm__ volatile("ud2");
}

static void general_protection(void)
{
    (void)*(volatile uint8_t *)UINT64_C(0x8000000000000000); /* not canonical */
}

static void null_page(void)
{
    __asm__ volatile("movb $0, 8" : : : "memory");
}

static void write_text(void)
{
    *(volatile uint8_t *)(uint64_t)provoke = 0;
}

static void execute_data(void)
{
    static uint8_t code[1] = {0xC3};

    ((void (*)(void))(uint64_t)code)();
}

/* Recursion that the compiler cannot turn into a loop, until the guard page: a double fault. */
static uint64_t overflow(uint64_t depth)
{
    volatile uint64_t frame[64];

    frame[depth % 64] = depth;
    return depth == UINT64_MAX ? 0 : overflow(depth + 1) + frame[depth % 64];
}

static void stack_guard(void)
{
    (void)overflow(0);
}

static void free_twice(void)
{
    hpa_t page;

    if (page_take(1, PAGE_SIZE, PAGES_ANYWHERE, &page) == STATUS_OK) {
        page_give(page, 1);
        page_give(page, 1);
    }
}

void provoke(const char *name)
{
    static const struct {
        const char *name;
        void (*raise)(void);
    } faults[] = {
        {"divide", divide_by_zero},   {"ud", undefined_instruction}, {"gp", general_protection},
        {"page", null_page},          {"text", write_text},          {"data", execute_data},
        {"stack-guard", stack_guard}, {"free-twice", free_twice},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        if (strcmp(faults[i].name, name) == 0) {
            log_line("boot", "a host exception is provoked provoke=%s", name);
            faults[i].raise();
            panic("the provoked exception did not come provoke=%s", name);
        }
    }
}
