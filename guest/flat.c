/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flat guest, as the contract in DESIGN.md has it:
 *
 *   1000H–6FFFH page tables   7000H GDT   8000H TSS   stack down from FFFF8H   100000H the image
 */
#include "guest/guest.h"
#include "kernel/format.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/string.h"
#include "vmx/launch.h"

#define FLAT_TABLES 0x1000
#define FLAT_GDT    0x7000
#define FLAT_TSS    0x8000
#define FLAT_STACK  0xFFFF8
#define FLAT_IMAGE  0x100000

#define CHUNK                                                                                      \
    (2 * MIB) /* the least that memory is taken in, so that EPT maps it in large pages             \
               */

/* Logs the sentence with its values; `why` is its short form for the records of the end. */
static enum status refuse(const struct vm *vm, const char *sentence, const char *short_form,
                          char *why, size_t size)
{
    log_line("guest", "%s vm=%u guest=%s", sentence, vm->id, vm->guest);
    string_copy(why, size, short_form);
    return STATUS_INVALID;
}

static enum status check(const struct vm *vm, uint64_t image_bytes, uint64_t memory, char *why,
                         size_t size)
{
    char sentence[160];

    if (memory < GUEST_MEMORY_LEAST || !IS_ALIGNED(memory, PAGE_SIZE)) {
        format_text(sentence, sizeof(sentence),
                    "a flat guest takes 2 MiB of memory or more, in whole pages, not %lu KiB",
                    memory / KIB);
        return refuse(vm, sentence, "memory= is too small, or not whole pages", why, size);
    }
    if (image_bytes == 0) {
        return refuse(vm, "the guest image is empty", "the guest image is empty", why, size);
    }
    if (image_bytes > memory - FLAT_IMAGE) {
        format_text(
            sentence, sizeof(sentence),
            "the guest image does not fit: %lu bytes at 0x100000, %lu KiB of memory leave %lu",
            image_bytes, memory / KIB, memory - FLAT_IMAGE);
        return refuse(vm, sentence, "the guest image does not fit", why, size);
    }
    return STATUS_OK;
}

/* As few and as large pieces as the allocator has: half of what failed is tried next. */
static enum status add_memory(struct vm *vm, uint64_t memory)
{
    uint64_t done = 0;
    uint64_t piece = memory;

    while (done < memory) {
        uint64_t length = MIN(piece, memory - done);
        hpa_t hpa;

        if (page_take(length / PAGE_SIZE, CHUNK, PAGES_ANYWHERE, &hpa) != STATUS_OK) {
            piece = ALIGN_UP(length / 2, CHUNK);
            if (piece >= length) {
                return STATUS_NO_MEMORY;
            }
            continue;
        }
        if (vm_add_memory(vm, GPA(done), hpa, length) != STATUS_OK) {
            page_give(hpa, length / PAGE_SIZE);
            return STATUS_NO_MEMORY;
        }
        memset(pointer_to(hpa), 0, length);
        done += length;
    }
    return STATUS_OK;
}

/* Ranges need not be contiguous in host memory: an image is copied a page at a time. */
static void copy_image(struct vm *vm, const char *image, uint64_t length)
{
    for (uint64_t done = 0; done < length; done += PAGE_SIZE) {
        uint64_t part = MIN(length - done, PAGE_SIZE);
        memcpy(guest_access(vm, GPA(FLAT_IMAGE + done), part), image + done, part);
    }
}

enum status guest_build_flat(struct vm *vm, const struct guest *guest, const void *image,
                             uint64_t length, uint64_t memory, char *why, size_t size)
{
    if (check(vm, length, memory, why, size) != STATUS_OK) {
        return STATUS_INVALID;
    }
    if (memory / PAGE_SIZE > pages_free() || add_memory(vm, memory) != STATUS_OK) {
        log_line("guest",
                 "too little memory for the guest vm=%u guest=%s wanted=%lu-KiB free=%lu-KiB",
                 vm->id, vm->guest, memory / KIB, pages_free() * (PAGE_SIZE / KIB));
        string_copy(why, size, "too little memory");
        return STATUS_NO_MEMORY;
    }
    vm_log_map(vm);
    copy_image(vm, image, length);
    guest_fill_tables(vm, GPA(FLAT_TABLES), GPA(FLAT_GDT), GPA(FLAT_TSS), GPA(0));
    vm->lazy_gpa = GPA(memory);
    vm->lazy_length = guest->lazy;
    vm->start.rip = GVA(FLAT_IMAGE);
    vm->start.rsp = GVA(FLAT_STACK);
    vm->start.rdi = memory;
    log_line("guest", "loaded vm=%u guest=%s image=%lu-bytes gpa=0x%x memory=%lu-KiB ranges=%u",
             vm->id, vm->guest, length, FLAT_IMAGE, memory / KIB, vm->range_count);
    return STATUS_OK;
}
