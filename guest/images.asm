; SPDX-License-Identifier: BSD-2-Clause
; The built-in guests' images, assembled as flat binaries (guest/code) and carried in .rodata.

section .rodata

%macro IMAGE 1
global guest_%1, guest_%1_end
guest_%1:
        incbin %strcat("guest/code/", %str(%1), ".bin")
guest_%1_end:
%endmacro

IMAGE tour
IMAGE triple
IMAGE loop
IMAGE cost
IMAGE watch
IMAGE policy
IMAGE execute_only
IMAGE mode_based
IMAGE ve
IMAGE vmfunc
IMAGE dirty
IMAGE smp
IMAGE spy
