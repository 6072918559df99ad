/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's memory: the page allocator over the loader's map, and the hypervisor's own paging
 * over it. Text is read-only, data cannot be executed, page 0 and a page below every stack are
 * absent. SDM vol. 3A, "4-Level Paging and 5-Level Paging".
 */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include "kernel/acpi.h"
#include "kernel/machine.h"
#include "kernel/pages.h"
#include "kernel/pagetable.h"
#include "kernel/status.h"

/*
 * Moves the image to the top of RAM below 4 GiB and builds the allocator over what is left. Logs
 * what was found. STATUS_NO_MEMORY, logged: no place for the image or the bookkeeping.
 */
enum status memory_init(const struct machine *machine) NODISCARD;

/* pages_take() and pages_give() on the machine's allocator; pages come uncleared. */
enum status page_take(uint64_t count, uint64_t alignment, enum page_limit limit,
                      hpa_t *base) NODISCARD;
/* One page, cleared, and the pointer to it. STATUS_NO_MEMORY. */
enum status page_take_cleared(void **page) NODISCARD;
/* Giving back what was not taken is a bug of ours: a panic. */
void page_give(hpa_t base, uint64_t count);

/* Tables of pages for kernel/pagetable.h, in identity-mapped memory within a limit. */
struct table_memory {
    struct pt_memory memory; /* first */
    enum page_limit limit;
};

struct table_memory table_memory(enum page_limit limit);

/* Pages that can be handed out now. */
uint64_t pages_free(void);

/* Pages that the running processor has taken, less those that it gave back. */
uint64_t pages_held(void);

/*
 * Builds the hypervisor's page tables over the machine's memory and loads them. STATUS_NO_MEMORY,
 * logged.
 */
enum status paging_init(const struct machine *machine, const struct acpi *acpi) NODISCARD;

/*
 * Whether the `length` bytes at `address`, at most a page, are memory that is identity-mapped, and
 * not a device, where reading might do something.
 */
bool memory_readable(hpa_t address, uint64_t length);

/*
 * Makes a page of low memory one that is executed and not written, or one of ordinary memory again:
 * in the identity map, for the code that other processors start in. STATUS_NO_MEMORY.
 */
enum status page_set_executable(hpa_t page, bool executable) NODISCARD;

/*
 * Takes a stack of `pages` pages with an absent page below it, for good; gives its top.
 * STATUS_NO_MEMORY.
 */
enum status stack_take(uint64_t pages, void **top) NODISCARD;

#endif
