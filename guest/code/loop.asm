; SPDX-License-Identifier: BSD-2-Clause
; Never ends by itself and never exits by itself: limit= and the preemption timer end it.

%include "flat.inc"

.here:  cli                             ; changes nothing here; docs/nested.md says what it is for
        jmp .here
