; SPDX-License-Identifier: BSD-2-Clause
; Never ends by itself and never exits by itself: limit= and the preemption timer end it.

%include "flat.inc"

.here:  jmp .here
