/* SPDX-License-Identifier: BSD-2-Clause */
/* The story that a run tells: in, run, out, and once more. */
#include "boot/session.h"

#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/power.h"
#include "kernel/string.h"
#include "kernel/time.h"
#include "selftest/bench.h"
#include "vmx/caps.h"
#include "vmx/launch.h"

#define PRIMES_BELOW 1000

/* The sum of all VMs of the boot. */
struct tally {
    bool failed;
    bool launched; /* the entry of at least one VM was tried */
    uint64_t exits;
    char why[64]; /* the first failure's, else VM 0's */
};

void session_end(const struct boot *boot, bool passed, const char *why, uint64_t exits,
                 const char *guest)
{
    const struct options *options = &boot->options;
    char text[72]; /* the record with its token must fit a line */

    if (this_cpu()->nmi_count != 0) {
        log_line("cpu", "non-maskable interrupts came, and were only counted nmis=%u",
                 this_cpu()->nmi_count);
    }
    format_escaped(text, sizeof(text), why, strlen(why));
    log_line("result", "status=%s why=\"%s\" exits=%lu guest=%s%s%s", passed ? "pass" : "fail",
             text, exits, guest != NULL ? guest : "none",
             options->token[0] != '\0' ? " token=" : "", options->token);
    machine_end(options, &boot->acpi);
}

const struct guest *choose_guest(const struct boot *boot, const struct boot_module **module)
{
    const char *name = boot->options.guest;
    const struct guest *guest = guest_find(name);

    *module = boot->machine.module_count != 0 ? &boot->machine.modules[0] : NULL;
    if (guest != NULL) {
        *module = NULL;
        return guest;
    }
    if (name[0] != '\0' && strcmp(name, guest_module.name) != 0) {
        log_line("boot", "there is no guest of that name, the default runs instead asked=%s", name);
        guest_log_names();
    } else if (name[0] != '\0' && *module == NULL) {
        log_line("boot", "the loader brought no module, the default runs instead asked=module");
        guest_log_names();
    }
    return *module != NULL ? &guest_module : guest_find("hlt");
}

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

static void tally_failure(struct tally *tally, const char *why)
{
    if (!tally->failed) {
        tally->failed = true;
        string_copy(tally->why, sizeof(tally->why), why);
    }
}

/* The addresses that walk= names are the asked guest's; of the other one only a failure tells. */
static struct walk_request walk_request(unsigned id, const struct options *options)
{
    if (id != 0) {
        return (struct walk_request){.rip = WALK_RIP_IF_FAILED};
    }
    return (struct walk_request){
        .rip = WALK_RIP_ALWAYS, .gpa = options->walk_gpa, .gva = options->walk_gva};
}

/* One VM from its memory to its end record, within VMX operation. */
static void run_vm(unsigned id, const struct guest *guest, const struct boot_module *module,
                   const struct boot *boot, const struct vmx_operation *operation,
                   struct tally *tally)
{
    unsigned halts = 0;
    char why[64] = "";
    struct vm vm;
    struct run_request request = {
        .walk = walk_request(id, &boot->options),
        .provoke = id == 0 ? boot->options.provoke : "",
        .audit = boot->options.audit,
        .breaks = id == 0 ? boot->options.breaks : "",
        .trace = boot->options.trace,
        .limit = id == 0 ? boot->options.limit : 0, /* limit= is the asked guest's */
    };
    enum status status = vm_create(&vm, id, guest->name, operation, why, sizeof(why));

    if (status == STATUS_OK) {
        vm.guest_data = &halts;
        status =
            guest_build(&vm, guest, module, id == 0 ? boot->options.memory : 0, why, sizeof(why));
    }
    if (status != STATUS_OK) {
        log_line("vm", "end vm=%u vcpu=0 guest=%s why=\"%s\" exits=0 code=0", id, guest->name, why);
        tally_failure(tally, why);
    } else {
        vm_run(&vm, operation, &request);
        tally->exits += vm.exits;
        if (vm.end.failed) {
            tally_failure(tally, vm.end.why);
        } else if (id == 0) {
            string_copy(tally->why, sizeof(tally->why), vm.end.why);
        }
    }
    tally->launched |= vm.first_entry != 0;
    if (id == 0 && vm.entered) {
        uint64_t ticks = vm.first_entry - time_first();
        log_line("stat", "boot to first entry in TSC ticks total=%lu waits=%lu work=%lu", ticks,
                 vm.waited, ticks - vm.waited);
    }
    vm_destroy(&vm);
}

/* Into VMX operation, one VM, out again; memory and arithmetic as before. */
static void run_operation(unsigned id, const struct guest *guest, const struct boot_module *module,
                          const struct boot *boot, struct tally *tally)
{
    struct vmx_operation operation;
    uint64_t before = pages_free();
    unsigned primes = count_primes();
    unsigned after;

    if (vmx_enter_operation(&operation, id == 0) != STATUS_OK) {
        tally_failure(tally, "VMX operation could not be entered");
        return;
    }
    run_vm(id, guest, module, boot, &operation, tally);
    vmx_leave_operation(&operation);

    log_line("memory", "given back vm=%u free-before=%lu free-after=%lu difference=%ld", id, before,
             pages_free(), (int64_t)(pages_free() - before));
    if (pages_free() != before) {
        tally_failure(tally, "memory was not given back");
    }
    after = count_primes();
    log_line("boot",
             "back in ordinary code on the same processor: it counts primes below=%d primes=%u "
             "before=%u",
             PRIMES_BELOW, after, primes);
    if (after != primes) {
        tally_failure(tally, "the processor computes otherwise than before");
    }
}

void session_run(const struct boot *boot)
{
    const struct boot_module *module;
    const struct guest *guest = choose_guest(boot, &module);
    struct tally tally = {0};
    char why[64];

    if (vmx_probe(why, sizeof(why)) != STATUS_OK) {
        session_end(boot, false, why, 0, guest->name);
    }
    run_operation(0, guest, module, boot, &tally);
    if (tally.launched) {
        log_line("boot", "a second VM in the same boot, to prove that leaving was clean");
        run_operation(1, guest_find("hlt"), NULL, boot, &tally);
    }
    session_end(boot, !tally.failed, tally.why, tally.exits, guest->name);
}

void session_caps(const struct boot *boot)
{
    bool passed = caps_log() == STATUS_OK;

    session_end(boot, passed, passed ? "capabilities" : "no VT-x", 0, NULL);
}

static struct selftest_request request_of(const struct options *options)
{
    return (struct selftest_request){.select = options->select,
                                     .machine = options->machine,
                                     .seed = options->seed,
                                     .count = options->count};
}

/* What is done in VMX operation beside the story of VMs: whether it passes, and its sum in words.
 */
typedef bool operation_body(const struct vmx_operation *operation,
                            const struct selftest_request *request, char *why, size_t size);

__attribute__((noreturn)) static void session_within(const struct boot *boot, operation_body *body)
{
    const struct selftest_request request = request_of(&boot->options);
    struct vmx_operation operation;
    uint64_t before = pages_free();
    char why[64];
    bool passed;

    if (vmx_probe(why, sizeof(why)) != STATUS_OK) {
        session_end(boot, false, why, 0, NULL);
    }
    if (vmx_enter_operation(&operation, true) != STATUS_OK) {
        session_end(boot, false, "VMX operation could not be entered", 0, NULL);
    }
    passed = body(&operation, &request, why, sizeof(why));
    vmx_leave_operation(&operation);
    if (pages_free() != before) {
        log_line("memory", "not all was given back free-before=%lu free-after=%lu", before,
                 pages_free());
        session_end(boot, false, "memory was not given back", 0, NULL);
    }
    session_end(boot, passed, why, 0, NULL);
}

static bool run_selftest(const struct vmx_operation *operation,
                         const struct selftest_request *request, char *why, size_t size)
{
    struct selftest_tally tally = selftest_run(operation, request);

    if (tally.ok + tally.not_ok + tally.skip + tally.todo == 0) {
        string_copy(why, size, "selftest: no test has a name like that");
        return false;
    }
    format_text(why, size, "selftest: ok %u, not ok %u, skip %u, todo %u", tally.ok, tally.not_ok,
                tally.skip, tally.todo);
    return tally.ok != 0 && tally.not_ok == 0;
}

void session_selftest(const struct boot *boot)
{
    session_within(boot, run_selftest);
}

static bool run_bench(const struct vmx_operation *operation, const struct selftest_request *request,
                      char *why, size_t size)
{
    struct bench_tally tally = bench_run(operation, request);

    if (tally.measured + tally.failed + tally.skipped == 0) {
        string_copy(why, size, "bench: no figure has a name like that");
        return false;
    }
    format_text(why, size, "bench: measured %u, failed %u, skipped %u", tally.measured,
                tally.failed, tally.skipped);
    return tally.measured != 0 && tally.failed == 0;
}

void session_bench(const struct boot *boot)
{
    session_within(boot, run_bench);
}
