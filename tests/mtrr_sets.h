/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MTRRs of real machines, as their firmware leaves them, and some that only try a rule; with each,
 * by hand, what types memory has. Those of Bochs and QEMU were read by Lintel; those of boards are
 * what Linux printed there.
 */
#ifndef TESTS_MTRR_SETS_H
#define TESTS_MTRR_SETS_H

#include "ept/mtrr.h"

#define UC MTRR_TYPE_UC
#define WC MTRR_TYPE_WC
#define WT MTRR_TYPE_WT
#define WP MTRR_TYPE_WP
#define WB MTRR_TYPE_WB

#define ALL(type)        (UINT64_C(0x0101010101010101) * (type))
#define CAPABILITY(n)    (0x500 | (n)) /* fixed ranges, WC, n variable ranges */
#define ON(type)         (MTRR_DEFAULT_ON | MTRR_DEFAULT_FIXED | (type))
#define ON_UNFIXED(type) (MTRR_DEFAULT_ON | (type))
/* 640 KiB of memory, the screen, and the rest, from C0000H on, register by register. */
#define FIXED(...) .fixed = {ALL(WB), ALL(WB), ALL(UC), __VA_ARGS__}
#define FIXED_ALL(type)                                                                            \
    FIXED(ALL(type), ALL(type), ALL(type), ALL(type), ALL(type), ALL(type), ALL(type), ALL(type))
#define VALID(mask) ((mask) | MTRR_MASK_VALID)

#define MTRR_SET_RUNS 20

struct mtrr_set {
    const char *name;
    struct mtrr_registers registers;
    /* Where a type begins; it ends where the next begins, the last at the width's end. */
    struct {
        uint64_t from;
        unsigned type;
    } runs[MTRR_SET_RUNS];
    unsigned run_count;
};

#define RUNS(n, ...) .run_count = (n), .runs = {__VA_ARGS__}

static const struct mtrr_set mtrr_sets[] = {
    {"Bochs 3.0, its BIOS, 512 MiB and 2 GiB",
     {true, 40, CAPABILITY(8), ON(WB), FIXED_ALL(UC), .base = {0xC0000000 | UC},
      .mask = {VALID(0xFFC0000000)}},
     RUNS(5, {0, WB}, {0xA0000, UC}, {0x100000, WB}, {0xC0000000, UC}, {0x100000000, WB})},
    {"QEMU 7.2, SeaBIOS, 512 MiB",
     {true, 40, CAPABILITY(8), ON(WB), FIXED_ALL(WP), .base = {0x80000000 | UC},
      .mask = {VALID(0xFF80000000)}},
     RUNS(6, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0x100000, WB}, {0x80000000, UC},
          {0x100000000, WB})},
    {"QEMU 7.2, OVMF, 512 MiB",
     {true, 40, CAPABILITY(8), ON(WB), FIXED_ALL(UC), .base = {0x80000000 | UC, 0xE000000000 | UC},
      .mask = {VALID(0xFF80000000), VALID(0xE000000000)}},
     RUNS(6, {0, WB}, {0xA0000, UC}, {0x100000, WB}, {0x80000000, UC}, {0x100000000, WB},
          {0xE000000000, UC})},
    {"Intel S2600CP: default UC, memory above 4 GiB, write-protected flash, odd fixed ranges",
     {true, 46, CAPABILITY(10), ON(UC),
      FIXED(ALL(WT), ALL(WT), 0x0505050504040404, ALL(UC), ALL(UC), ALL(WP), ALL(WP), ALL(WP)),
      .base = {0 | WB, 0x80000000 | WB, 0x100000000 | WB, 0x200000000 | WB, 0x400000000 | WB,
               0x800000000 | WB, 0xFF800000 | WP},
      .mask = {VALID(0x3FFF80000000), VALID(0x3FFFC0000000), VALID(0x3FFF00000000),
               VALID(0x3FFE00000000), VALID(0x3FFC00000000), VALID(0x3FFFC0000000),
               VALID(0x3FFFFF800000)}},
     RUNS(11, {0, WB}, {0xA0000, UC}, {0xC0000, WT}, {0xD4000, WP}, {0xD8000, UC}, {0xE8000, WP},
          {0x100000, WB}, {0xC0000000, UC}, {0xFF800000, WP}, {0x100000000, WB},
          {0x840000000, UC})},
    {"Acer Aspire E1-431: UC on top of WB on both sides of 4 GiB, a fixed range of type WC",
     {true, 36, CAPABILITY(10), ON(UC),
      FIXED(ALL(WP), ALL(WP), ALL(WP), ALL(WP), ALL(WP), ALL(WC), ALL(WP), ALL(WP)),
      .base = {0 | WB, 0x76000000 | UC, 0x78000000 | UC, 0xFFC00000 | WP, 0x100000000 | WB,
               0x100600000 | UC},
      .mask = {VALID(0xF80000000), VALID(0xFFE000000), VALID(0xFF8000000), VALID(0xFFFC00000),
               VALID(0xFFF800000), VALID(0xFFFE00000)}},
     RUNS(10, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0xE8000, WC}, {0xF0000, WP}, {0x100000, WB},
          {0x76000000, UC}, {0xFFC00000, WP}, {0x100000000, WB}, {0x100600000, UC})},
    {"a Pentium M board: WT among UC",
     {true, 36, CAPABILITY(8), ON(UC),
      FIXED(ALL(WP), ALL(WP), ALL(UC), ALL(UC), ALL(UC), ALL(UC), ALL(WP), ALL(WP)),
      .base = {0 | WB, 0xFEDA0000 | WT}, .mask = {VALID(0xF80000000), VALID(0xFFFFE0000)}},
     RUNS(9, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0xD0000, UC}, {0xF0000, WP}, {0x100000, WB},
          {0x80000000, UC}, {0xFEDA0000, WT}, {0xFEDC0000, UC})},
    {"Supermicro X10SDV: default WB; WT below UC is UC; devices far above memory",
     {true, 46, CAPABILITY(10), ON(WB), FIXED_ALL(WP),
      .base = {0x80000000 | UC, 0x380000000000 | UC, 0xFBA00000 | WT, 0xFBC00000 | WT,
               0xFBE00000 | WT},
      .mask = {VALID(0x3FFF80000000), VALID(0x3FC000000000), VALID(0x3FFFFFE00000),
               VALID(0x3FFFFFE00000), VALID(0x3FFFFFF00000)}},
     RUNS(8, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0x100000, WB}, {0x80000000, UC},
          {0x100000000, WB}, {0x380000000000, UC}, {0x384000000000, WB})},
    {"a Surface Book: default WB, a hole of six ranges, the upper half of the space UC",
     {true, 39, CAPABILITY(10), ON(WB), FIXED_ALL(WP),
      .base = {0xC0000000, 0xA0000000, 0x98000000, 0x94000000, 0x92000000, 0x91000000,
               0x4000000000},
      .mask = {VALID(0x7FC0000000), VALID(0x7FE0000000), VALID(0x7FF8000000), VALID(0x7FFC000000),
               VALID(0x7FFE000000), VALID(0x7FFF000000), VALID(0x4000000000)}},
     RUNS(7, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0x100000, WB}, {0x91000000, UC},
          {0x100000000, WB}, {0x4000000000, UC})},
    {"Dell S6100: all above memory UC, to the end of the space",
     {true, 36, CAPABILITY(8), ON(WB), FIXED_ALL(WP),
      .base = {0xC0000000, 0x240000000, 0x280000000, 0x300000000, 0x400000000, 0x800000000},
      .mask = {VALID(0xFC0000000), VALID(0xFC0000000), VALID(0xF80000000), VALID(0xF00000000),
               VALID(0xC00000000), VALID(0x800000000)}},
     RUNS(7, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0x100000, WB}, {0xC0000000, UC},
          {0x100000000, WB}, {0x240000000, UC})},
    {"a board with 12 GiB: the hole is in the midst of one WB range",
     {true, 36, CAPABILITY(10), ON(UC),
      FIXED(ALL(WP), ALL(WP), ALL(UC), ALL(UC), ALL(WP), ALL(WP), ALL(WP), ALL(WP)),
      .base = {0 | WB, 0x200000000 | WB, 0x300000000 | WB, 0x310000000 | WB, 0x318000000 | WB,
               0x31C000000 | WB, 0x31E000000 | WB, 0xE0000000 | UC},
      .mask = {VALID(0xE00000000), VALID(0xF00000000), VALID(0xFF0000000), VALID(0xFF8000000),
               VALID(0xFFC000000), VALID(0xFFE000000), VALID(0xFFF000000), VALID(0xFE0000000)}},
     RUNS(9, {0, WB}, {0xA0000, UC}, {0xC0000, WP}, {0xD0000, UC}, {0xE0000, WP}, {0x100000, WB},
          {0xE0000000, UC}, {0x100000000, WB}, {0x31F000000, UC})},
    {"a server with 64 GiB",
     {true, 46, CAPABILITY(10), ON(UC), FIXED_ALL(UC),
      .base = {0 | WB, 0x1000000000 | WB, 0x80000000 | UC, 0x7F000000 | UC},
      .mask = {VALID(0x3FF000000000), VALID(0x3FFF80000000), VALID(0x3FFF80000000),
               VALID(0x3FFFFF000000)}},
     RUNS(6, {0, WB}, {0xA0000, UC}, {0x100000, WB}, {0x7F000000, UC}, {0x100000000, WB},
          {0x1080000000, UC})},
    {"after the SDM's example: E without FE, 96 MiB + 4 MiB, two UC holes, WC for a screen",
     {true, 40, CAPABILITY(8), ON_UNFIXED(UC), FIXED_ALL(WP),
      .base = {0 | WB, 0x4000000 | WB, 0x6000000 | WB, 0x4000000 | UC, 0xF00000 | UC,
               0xA0000000 | WC},
      .mask = {VALID(0xFFFC000000), VALID(0xFFFE000000), VALID(0xFFFFC00000), VALID(0xFFFFC00000),
               VALID(0xFFFFF00000), VALID(0xFFFF800000)}},
     RUNS(8, {0, WB}, {0xF00000, UC}, {0x1000000, WB}, {0x4000000, UC}, {0x4400000, WB},
          {0x6400000, UC}, {0xA0000000, WC}, {0xA0800000, UC})},
    {"ten ranges, all used, 52 bits",
     {true, 52, CAPABILITY(10), ON_UNFIXED(UC),
      .base = {0 | WB, 0x100000000 | WB, 0x200000000 | WB, 0x400000000 | WB, 0x800000000 | WB,
               0x1000000000 | WB, 0x2000000000 | WB, 0x4000000000 | WB, 0x8000000000 | WB,
               0x10000000000 | WB},
      .mask = {VALID(0xFFFFF80000000), VALID(0xFFFFF00000000), VALID(0xFFFFE00000000),
               VALID(0xFFFFC00000000), VALID(0xFFFF800000000), VALID(0xFFFF000000000),
               VALID(0xFFFE000000000), VALID(0xFFFC000000000), VALID(0xFFF8000000000),
               VALID(0xFFF0000000000)}},
     RUNS(4, {0, WB}, {0x80000000, UC}, {0x100000000, WB}, {0x20000000000, UC})},
    {"WT over WB is WT, and WC over both has no rule: UC",
     {true, 36, CAPABILITY(8), ON_UNFIXED(UC), .base = {0x18000000 | WC, 0 | WB, 0x10000000 | WT},
      .mask = {VALID(0xFF8000000), VALID(0xF80000000), VALID(0xFF0000000)}},
     RUNS(5, {0, WB}, {0x10000000, WT}, {0x18000000, UC}, {0x20000000, WB}, {0x80000000, UC})},
    {"the same type twice and thrice stays what it is",
     {true, 36, CAPABILITY(8), ON_UNFIXED(UC),
      .base = {0 | WB, 0 | WB, 0x40000000 | WB, 0x50000000 | WB},
      .mask = {VALID(0xF80000000), VALID(0xFC0000000), VALID(0xFC0000000), VALID(0xFF0000000)}},
     RUNS(2, {0, WB}, {0x80000000, UC})},
    {"firmware that takes 39 bits for 36: its range is there eight times",
     {true, 39, CAPABILITY(8), ON_UNFIXED(UC), .base = {0 | WB}, .mask = {VALID(0xF80000000)}},
     RUNS(16, {0, WB}, {0x80000000, UC}, {0x1000000000, WB}, {0x1080000000, UC}, {0x2000000000, WB},
          {0x2080000000, UC}, {0x3000000000, WB}, {0x3080000000, UC}, {0x4000000000, WB},
          {0x4080000000, UC}, {0x5000000000, WB}, {0x5080000000, UC}, {0x6000000000, WB},
          {0x6080000000, UC}, {0x7000000000, WB}, {0x7080000000, UC})},
    {"one range that is all memory",
     {true, 46, CAPABILITY(8), ON_UNFIXED(UC), .base = {0 | WT}, .mask = {VALID(0)}},
     RUNS(1, {0, WT})},
    {"off, as after a reset: FE and the ranges do not count",
     {true, 36, CAPABILITY(8), MTRR_DEFAULT_FIXED | WB, FIXED_ALL(WP), .base = {0 | WB},
      .mask = {VALID(0xF80000000)}},
     RUNS(1, {0, UC})},
    {"a processor without MTRRs",
     {false, 46, CAPABILITY(8), ON(UC), FIXED_ALL(UC)},
     RUNS(1, {0, WB})},
};

#endif
