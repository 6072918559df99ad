/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/round.h"

#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/processors.h"
#include "kernel/string.h"
#include "kernel/time.h"
#include "vmx/launch.h"
#include "vmx/operations.h"

#define PRIMES_BELOW 1000

/* Something ordinary: if leaving a VM had broken the processor, this is where it would show. The
 * bound is hidden from the compiler, which would else compute once and remember. */
__attribute__((noinline)) static unsigned count_primes(void)
{
    uint8_t composite[PRIMES_BELOW] = {0};
    unsigned below = PRIMES_BELOW;
    unsigned count = 0;

    __asm__ volatile("" : "+r"(below) : : "memory");
    for (unsigned i = 2; i < below; i++) {
        if (composite[i] == 0) {
            count++;
        }
        for (unsigned j = i * i; j < below && composite[i] == 0; j += i) {
            composite[j] = 1;
        }
    }
    return count;
}

/* The addresses that walk= names are the asked guests'; of another one only a failure tells. */
static struct walk_request walk_request(bool asked, const struct options *options)
{
    if (!asked) {
        return (struct walk_request){.rip = WALK_RIP_IF_FAILED};
    }
    return (struct walk_request){
        .rip = WALK_RIP_ALWAYS, .gpa = options->walk_gpa, .gva = options->walk_gva};
}

/* What a VM that could be built comes to. */
static void run_built(struct vm_job *job, struct vm *vm, const struct vmx_operation *operation)
{
    const struct options *options = &job->boot->options;
    const struct run_request request = {
        .walk = walk_request(job->asked, options),
        .provoke = job->asked ? options->provoke : "",
        .audit = options->audit,
        .breaks = job->asked ? options->breaks : "",
        .trace = options->trace,
        .limit = job->asked ? options->limit : 0,
    };

    vm_run(vm, operation, &request);
    vm_start_ready(vm->together); /* NULL if it was entered */
    job->exits = vm->exits;
    job->failed = vm->end.failed;
    string_copy(job->why, sizeof(job->why), vm->end.why);
}

/* One VM from its memory to its end record, on its processor. */
static void run_vm(void *context)
{
    struct vm_job *job = context;
    const struct vmx_operation *operation = vmx_operation_here();
    const struct options *options = &job->boot->options;
    unsigned halts = 0;
    struct vm vm = {0};
    enum status status = STATUS_UNSUPPORTED;

    string_copy(job->why, sizeof(job->why), "its processor is not in VMX operation");
    if (operation != NULL) {
        status = vm_create(&vm, job->id, job->guest->name, operation, job->why, sizeof(job->why));
    }
    if (status == STATUS_OK) {
        vm.guest_data = &halts;
        vm.alone = job->alone;
        vm.together = job->together;
        vm.vcpu_count = job->processor_count;
        memcpy(vm.processors, job->processors, sizeof(vm.processors));
        status = guest_build(&vm, job->guest, job->module, job->asked ? options->memory : 0,
                             job->why, sizeof(job->why));
    }
    if (status == STATUS_OK) {
        run_built(job, &vm, operation);
    } else {
        log_line("vm", "end vm=%u vcpu=0 guest=%s why=\"%s\" exits=0 code=0", job->id,
                 job->guest->name, job->why);
        job->failed = true;
        vm_start_ready(job->together);
    }
    job->launched = vm.first_entry != 0;
    if (job->id == 0 && vm.entered) {
        uint64_t ticks = vm.first_entry - time_first();
        log_line("stat", "boot to first entry in TSC ticks total=%lu waits=%lu work=%lu", ticks,
                 vm.waited, ticks - vm.waited);
    }
    vm_destroy(&vm);
}

static void primes_before(void *context)
{
    ((struct vm_job *)context)->primes_before = count_primes();
}

static void primes_after(void *context)
{
    struct vm_job *job = context;

    job->primes_after = count_primes();
    log_line("boot",
             "back in ordinary code on the same processor: it counts primes below=%d primes=%u "
             "before=%u",
             PRIMES_BELOW, job->primes_after, job->primes_before);
}

/* The same work for all jobs, each on its processor: one after the other, or all at once. */
static void do_jobs(struct vm_job *jobs, unsigned count, processor_work *work)
{
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i].processors[0] != this_cpu()->number) {
            processor_begin(jobs[i].processors[0], work, &jobs[i]);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i].processors[0] == this_cpu()->number) {
            work(&jobs[i]);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        processor_finish(jobs[i].processors[0]);
    }
}

static bool check_after(const struct vm_job *jobs, unsigned count, uint64_t before, char *why,
                        size_t size)
{
    if (pages_free() != before) {
        string_copy(why, size, "memory was not given back");
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i].primes_after != jobs[i].primes_before) {
            string_copy(why, size, "the processor computes otherwise than before");
            return false;
        }
    }
    return true;
}

bool round_run(struct vm_job *jobs, unsigned count, bool verbose, char *why, size_t size)
{
    uint64_t before = pages_free();
    struct vm_start together = {.awaited = count};

    for (unsigned i = 0; i < count; i++) {
        jobs[i].together = &together;
    }
    do_jobs(jobs, count, primes_before);
    if (vmx_enter_everywhere(verbose) != STATUS_OK) {
        string_copy(why, size, "VMX operation could not be entered");
        return false;
    }
    do_jobs(jobs, count, run_vm);
    vmx_leave_everywhere();
    log_line("memory", "given back vm=%u free-before=%lu free-after=%lu difference=%ld", jobs[0].id,
             before, pages_free(), (int64_t)(pages_free() - before));
    do_jobs(jobs, count, primes_after);
    return check_after(jobs, count, before, why, size);
}
