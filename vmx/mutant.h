/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor made wrong on purpose, to see that the selftest finds it: `make kernel MUTANT=3
 * BUILD=build/mutant-3` flips one bit at one place, that of row 3. Any other build is as if
 * MUTATE() were not written. tests/boot/test_mutants.py reads the table too.
 */
#ifndef VMX_MUTANT_H
#define VMX_MUTANT_H

#ifdef MUTANT

/* Number, name, the bit that is flipped, and of what. */
#define MUTANTS(ROW)                                                                               \
    ROW(1, PHYSICAL, 12, "vmx/decode.h", "the guest-physical address of an exit")                  \
    ROW(2, BLOCKING, 0, "vmx/advance.h", "the blocking that a skipped instruction ends")           \
    ROW(3, EVENT, 0, "vmx/inject.c", "the vector of an event that is injected")                    \
    ROW(4, MSR_BITMAP, 1, "vmx/handle_msr.c", "the MSR that the guest is given")                   \
    ROW(5, IO_BITMAP, 4, "vmx/vm.c", "the ports that exit, of eight in a row")                     \
    ROW(6, CR4_MASK, 13, "vmx/setup_controls.c", "the bits of CR4 that are the hypervisor's")      \
    ROW(7, RIGHTS, 1, "vmx/setup_state.c", "the access rights of the guest's DS")                  \
    ROW(8, HOST_DR3, 0, "vmx/host_state.c", "DR3, as the hypervisor gets it back")                 \
    ROW(9, EPT_POINTER, 6, "vmx/launch.c", "the EPT pointer")                                      \
    ROW(10, WATCH, 1, "vmx/watch_pages.c", "the rights that a watch of writes takes away")

#define MUTANT_ROW(number, name, bit, file, what)                                                  \
    MUTANT_NUMBER_##name = (number), MUTANT_BIT_##name = (bit),
enum mutant { MUTANTS(MUTANT_ROW) };
#undef MUTANT_ROW

#define MUTATE(name, value)                                                                        \
    ((__typeof__(value))(MUTANT_NUMBER_##name == MUTANT                                            \
                             ? (value) ^ ((__typeof__(value))1 << MUTANT_BIT_##name)               \
                             : (value)))

#else

#define MUTATE(name, value) (value)

#endif

#endif
