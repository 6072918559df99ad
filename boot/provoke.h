/* SPDX-License-Identifier: BSD-2-Clause */
/* provoke=: an exception of the hypervisor on purpose, to see what a panic says. */
#ifndef BOOT_PROVOKE_H
#define BOOT_PROVOKE_H

/* Raises what `name` asks for and does not return then; an empty name does nothing. */
void provoke(const char *name);

#endif
