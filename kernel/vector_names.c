/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of exceptions: SDM vol. 3A, "Exception and Interrupt Vectors". Pure. */
#include "kernel/fault.h"

const char *vector_name(unsigned vector)
{
    static const char *const names[] = {
        "#DE", "#DB", "NMI", "#BP", "#OF",    "#BR", "#UD", "#NM", "#DF", "vector", "#TS",
        "#NP", "#SS", "#GP", "#PF", "vector", "#MF", "#AC", "#MC", "#XM", "#VE",    "#CP",
    };

    return vector < ARRAY_SIZE(names) ? names[vector] : "vector";
}
