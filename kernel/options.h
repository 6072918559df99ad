/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lintel's command line, from GRUB. Pure: words in, a plain structure out; complaints go to a
 * callback, since the console that could print them is itself an option.
 */
#ifndef KERNEL_OPTIONS_H
#define KERNEL_OPTIONS_H

#include "kernel/types.h"

#define OPTIONS_MAX_CONSOLES 4

enum run_mode { MODE_RUN, MODE_SELFTEST, MODE_BENCH, MODE_CAPS, MODE_MONITOR };
enum audit_mode { AUDIT_ON, AUDIT_STRICT, AUDIT_OFF };
enum trace_mode { TRACE_LIVE, TRACE_RING, TRACE_OFF };
enum end_action { END_POWEROFF, END_REBOOT, END_HALT };

struct console_option {
    uint16_t port;  /* I/O base: COM1 is 0x3f8, COM2 0x2f8, COM3 0x3e8, COM4 0x2e8 */
    uint32_t speed; /* bits a second, 115200 where the word names none */
};

/* An address that a word named. */
struct walk_option {
    bool asked;
    uint64_t address;
};

struct options {
    char guest[16];  /* a name; empty: the default. Whether it exists, the guest room knows */
    uint64_t memory; /* bytes, a multiple of the page size; 0: the guest's own default */
    unsigned cpu;    /* cpu=: the processor that runs the VM, or the first of vms= */
    char vms[96];    /* vms=: names with commas between; empty: the one of guest= */
    enum run_mode mode;
    enum trace_mode trace;
    uint64_t limit; /* exits; 0: none */
    enum end_action on_end;
    struct console_option consoles[OPTIONS_MAX_CONSOLES];
    unsigned console_count;   /* at least 1 */
    const char *unbuilt_mode; /* "monitor" and so on: asked for, not in this version; else NULL */
    enum audit_mode audit;    /* the auditor before each launch */
    char breaks[160];         /* break=: FIELD[:VALUE], several by comma; or empty */
    struct walk_option walk_gpa, walk_gva; /* walked when VM 0 ends */
    char select[48];      /* a glob over the names of selftests or figures; empty: all */
    uint64_t seed, count; /* of random tests; 0: the test's own */
    char provoke[16];     /* provoke=: the host exception to provoke, to see a panic; or empty */
    /* Told by the launcher, empty or 0 otherwise. */
    char machine[48];   /* such as bochs-3.0 */
    char token[40];     /* repeated by the genuine result record */
    uint16_t exit_port; /* any value written here ends the machine */
};

/* One complaint: the whole word, and a sentence that says what is wrong and what is allowed. */
typedef void (*option_complaint)(void *context, const char *word, const char *sentence);

/*
 * Parses `text` (words separated by blanks) into `options`, every one of which has its default
 * where no word sets it. The first word is skipped where it holds no '=' and starts with '/' (a
 * loader that passes the kernel's own path). Every unknown option, bad value or value that is not
 * in this version gives one complaint and leaves the default. `complain` may be NULL.
 */
void options_parse(const char *text, struct options *options, option_complaint complain,
                   void *context);

#endif
