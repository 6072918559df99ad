/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exit qualifications taken apart into plain structures. Pure. SDM vol. 3C, "Basic VM-Exit
 * Information", the tables "Exit Qualification for …".
 */
#ifndef VMX_QUALIFICATION_H
#define VMX_QUALIFICATION_H

#include "kernel/types.h"

enum cr_access_type { CR_WRITE = 0, CR_READ = 1, CR_CLTS = 2, CR_LMSW = 3 };

struct cr_access {
    unsigned cr; /* 0, 3, 4 or 8 */
    enum cr_access_type type;
    unsigned gpr; /* in hardware order: 0 is RAX, 4 RSP */
    bool lmsw_memory;
    uint16_t lmsw_source;
};

struct io_access {
    unsigned size; /* 1, 2 or 4 bytes */
    bool in, string, rep, immediate;
    uint16_t port;
};

enum task_switch_source { TASK_CALL = 0, TASK_IRET = 1, TASK_JMP = 2, TASK_GATE = 3 };

struct task_switch {
    uint16_t selector;
    enum task_switch_source source;
};

static inline struct cr_access cr_access_decode(uint64_t qualification)
{
    return (struct cr_access){
        .cr = FIELD_GET(BITS(3, 0), qualification),
        .type = (enum cr_access_type)FIELD_GET(BITS(5, 4), qualification),
        .lmsw_memory = qualification & BIT(6),
        .gpr = FIELD_GET(BITS(11, 8), qualification),
        .lmsw_source = (uint16_t)FIELD_GET(BITS(31, 16), qualification),
    };
}

static inline struct io_access io_access_decode(uint64_t qualification)
{
    return (struct io_access){
        .size = FIELD_GET(BITS(2, 0), qualification) + 1,
        .in = qualification & BIT(3),
        .string = qualification & BIT(4),
        .rep = qualification & BIT(5),
        .immediate = qualification & BIT(6),
        .port = (uint16_t)FIELD_GET(BITS(31, 16), qualification),
    };
}

static inline struct task_switch task_switch_decode(uint64_t qualification)
{
    return (struct task_switch){
        .selector = (uint16_t)FIELD_GET(BITS(15, 0), qualification),
        .source = (enum task_switch_source)FIELD_GET(BITS(31, 30), qualification),
    };
}

/* "RAX" for 0, in hardware order. */
const char *gpr_name(unsigned gpr);

#endif
