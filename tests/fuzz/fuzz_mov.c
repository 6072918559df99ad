/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an instruction: what is taken for a MOV lies within them, and has a register that
 * there is. */
#include "vmx/mov_decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count = size > INSTRUCTION_LONGEST ? INSTRUCTION_LONGEST : (unsigned)size;
    uint8_t *bytes = malloc(count + 1); /* as many as there are: beyond is an error */

    if (bytes == NULL) {
        return 0;
    }
    memcpy(bytes, data, count);
    bytes = realloc(bytes, count != 0 ? count : 1);
    for (unsigned code_64 = 0; code_64 < 2; code_64++) {
        struct mov mov;

        if (mov_decode(bytes, count, code_64 != 0, &mov) == STATUS_OK &&
            (mov.length == 0 || mov.length > count || mov.gpr > 15 || (mov.gpr > 7 && !code_64))) {
            abort();
        }
    }
    free(bytes);
    return 0;
}
