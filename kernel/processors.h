/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All processors of the machine: started once, then each waits for work that another gives it. A
 * processor that waits is halted. SDM vol. 3A, "Multiple-Processor Management", "MP
 * Initialization".
 */
#ifndef KERNEL_PROCESSORS_H
#define KERNEL_PROCESSORS_H

#include "kernel/acpi.h"
#include "kernel/percpu.h"

/* Runs on the processor that was asked, on its own stack, interrupts off. */
typedef void processor_work(void *context);

/*
 * Starts the processors that the MADT names as enabled, all at once, by INIT–SIPI–SIPI; `prepare`
 * runs on each before it takes work. Logs who is there. One that does not answer in half a second
 * is named and left. Needs the machine's memory and paging, and runs on the boot processor.
 */
void processors_start(const struct acpi *acpi, void (*prepare)(void));

/* Takes the stacks that a processor needs, each with an absent page below it, for good: those of
 * the interrupt stack table go into cpu->tss, the top of the main one to `*stack`.
 * STATUS_NO_MEMORY. */
enum status processor_take_stacks(struct percpu *cpu, void **stack) NODISCARD;

/* For provoke=deaf: adds to `acpi` a processor that is not there. */
void processors_add_deaf(struct acpi *acpi);

/* Numbers run from 0, the boot processor, to this one, not included. */
unsigned processors_numbered(void);

/* Whether the processor of that number is there and takes work. */
bool processor_is_there(unsigned number);

/* How many are there, and the number of the `index`th of them, from 0. */
unsigned processors_there(void);
unsigned processor_number(unsigned index);

/* The identifier of its local APIC. */
uint32_t processor_apic_id(unsigned number);

/*
 * Gives a processor that is there, and has no other work, `work` to do, and returns;
 * processor_finish() waits until it is done. Both also take the running processor: then the work is
 * done in processor_begin().
 */
void processor_begin(unsigned number, processor_work *work, void *context);
void processor_finish(unsigned number);

/* Both, for one processor, and for all that are there at once. */
void processor_do(unsigned number, processor_work *work, void *context);
void processors_do_all(processor_work *work, void *context);

/* What an NMI does on the processor that it comes to, wherever that was: the hook takes no lock.
 * NULL: nothing. */
void processors_set_nmi(void (*hook)(void));

/* NMIs that nobody here sent, on all processors. */
uint64_t processors_stray_nmis(void);

/* For fault.c: an NMI has come. False: nobody here sent it. */
bool processors_take_nmi(void);

/* Sends an NMI to a processor. */
void processor_send_nmi(unsigned number);

/* Sends a start-up IPI to a processor, which fetches it out of a guest that waits for one; any
 * other does not see it. */
void processor_send_startup(unsigned number);

/* Whether what a processor was given to do is done; and a short wait between two such questions. */
bool processor_is_idle(unsigned number);
void processor_nap(void);

/* At the end of the run and in a panic: stops all processors but the running one for good. `leave`
 * runs on each before, to leave what it is in; NULL: nothing. Waits 100 ms at most. */
void processors_halt_others(void);
void processors_set_leave(void (*leave)(void));

#endif
