; SPDX-License-Identifier: BSD-2-Clause
; Ends by a triple fault: the IDT is empty, so #UD becomes #DF becomes shutdown.

%include "flat.inc"

        ud2
