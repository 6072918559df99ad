/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of MOV that reach a device's registers, as an assembler writes them, and what is none
 * of them. */
#include "vmx/mov_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void assert_mov(const uint8_t *bytes, size_t count, bool code_64, struct mov want)
{
    uint8_t padded[INSTRUCTION_LONGEST];
    struct mov mov;

    memset(padded, 0xCC, sizeof(padded)); /* what follows in memory */
    memcpy(padded, bytes, count);
    assert_int_equal(mov_decode(padded, sizeof(padded), code_64, &mov), STATUS_OK);
    assert_int_equal(mov.write, want.write);
    assert_int_equal(mov.immediate, want.immediate);
    assert_int_equal(mov.length, count);
    if (want.immediate) {
        assert_int_equal(mov.value, want.value);
    } else {
        assert_int_equal(mov.gpr, want.gpr);
    }
    /* A byte less is not enough. */
    assert_int_equal(mov_decode(bytes, (unsigned)count - 1, code_64, &mov), STATUS_UNSUPPORTED);
}

static void assert_none(const uint8_t *bytes, size_t count, bool code_64)
{
    struct mov mov;

    assert_int_equal(mov_decode(bytes, (unsigned)count, code_64, &mov), STATUS_UNSUPPORTED);
}

static void a_register_is_written(void **state)
{
    (void)state;
    /* mov [rax], edx */
    assert_mov(BYTES(0x89, 0x10), true, (struct mov){.write = true, .gpr = 2});
    /* mov [rax + 0x310], r13d */
    assert_mov(BYTES(0x44, 0x89, 0xA8, 0x10, 0x03, 0, 0), true,
               (struct mov){.write = true, .gpr = 13});
    /* mov [rbx + rcx * 4 + 0x10], ecx */
    assert_mov(BYTES(0x89, 0x4C, 0x8B, 0x10), true, (struct mov){.write = true, .gpr = 1});
    /* mov [0xFEE00300], eax, as 64-bit code writes it: a SIB byte without base */
    assert_mov(BYTES(0x89, 0x04, 0x25, 0, 3, 0xE0, 0xFE), true,
               (struct mov){.write = true, .gpr = 0});
    /* mov [rip + 1000H], esi; in 32-bit code, mov [1000H], esi */
    assert_mov(BYTES(0x89, 0x35, 0, 0x10, 0, 0), true, (struct mov){.write = true, .gpr = 6});
    assert_mov(BYTES(0x89, 0x35, 0, 0x10, 0, 0), false, (struct mov){.write = true, .gpr = 6});
    /* mov [moffs], eax */
    assert_mov(BYTES(0xA3, 0, 3, 0xE0, 0xFE, 0, 0, 0, 0), true, (struct mov){.write = true});
    assert_mov(BYTES(0xA3, 0, 3, 0xE0, 0xFE), false, (struct mov){.write = true});
}

static void an_immediate_is_written(void **state)
{
    (void)state;
    /* mov dword [rax], 4500H */
    assert_mov(BYTES(0xC7, 0x00, 0x00, 0x45, 0, 0), true,
               (struct mov){.write = true, .immediate = true, .value = 0x4500});
    /* mov dword [rbp - 8], FFFFFFFFH */
    assert_mov(BYTES(0xC7, 0x45, 0xF8, 0xFF, 0xFF, 0xFF, 0xFF), true,
               (struct mov){.write = true, .immediate = true, .value = UINT32_MAX});
    assert_none(BYTES(0xC7, 0x08, 0, 0, 0, 0, 0xCC, 0xCC), true); /* C7 /1 */
}

static void a_register_is_read(void **state)
{
    (void)state;
    /* mov r9d, [rax + 20H] */
    assert_mov(BYTES(0x44, 0x8B, 0x48, 0x20), true, (struct mov){.gpr = 9});
    /* mov eax, [moffs] */
    assert_mov(BYTES(0xA1, 0x20, 0, 0xE0, 0xFE), false, (struct mov){.gpr = 0});
}

static void other_instructions_are_not_taken(void **state)
{
    (void)state;
    assert_none(BYTES(0x48, 0x89, 0x10, 0xCC), true);        /* mov [rax], rdx: 64 bits */
    assert_none(BYTES(0x66, 0x89, 0x10, 0xCC), true);        /* mov [rax], dx: 16 bits */
    assert_none(BYTES(0x88, 0x10, 0xCC, 0xCC), true);        /* mov [rax], dl */
    assert_none(BYTES(0x89, 0xD0, 0xCC, 0xCC), true);        /* mov eax, edx */
    assert_none(BYTES(0x83, 0x08, 0x01, 0xCC), true);        /* or dword [rax], 1 */
    assert_none(BYTES(0xF0, 0x89, 0x10, 0xCC), true);        /* LOCK: #UD anyway */
    assert_none(BYTES(0x44, 0x89, 0x10, 0xCC, 0xCC), false); /* inc esp, in 32-bit code */
    assert_none(BYTES(0x90), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_register_is_written),
        cmocka_unit_test(an_immediate_is_written),
        cmocka_unit_test(a_register_is_read),
        cmocka_unit_test(other_instructions_are_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
