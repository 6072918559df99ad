/* SPDX-License-Identifier: BSD-2-Clause */
/* The story that a run tells: in, run, out, and once more. */
#include "boot/session.h"

#include "boot/round.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/power.h"
#include "kernel/processors.h"
#include "kernel/string.h"
#include "selftest/bench.h"
#include "vmx/caps.h"
#include "vmx/operations.h"
#include "vmx/request.h"

void session_end(const struct boot *boot, bool passed, const char *why, uint64_t exits,
                 const char *guest)
{
    const struct options *options = &boot->options;
    char text[72]; /* the record with its token must fit a line */

    if (processors_stray_nmis() != 0) {
        log_line("cpu", "non-maskable interrupts came, and were only counted nmis=%lu",
                 processors_stray_nmis());
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

/* The processor that cpu= asks for, or the default; complains of one that is not there. */
static unsigned choose_processor(const struct boot *boot)
{
    char there[80] = "";
    size_t at = 0;

    if (processor_is_there(boot->options.cpu)) {
        return boot->options.cpu;
    }
    for (unsigned i = 0; i < processors_there() && at < sizeof(there); i++) {
        at += format_text(there + at, sizeof(there) - at, "%s%u", i != 0 ? ", " : "",
                          processor_number(i));
    }
    log_line("boot", "option word=\"cpu=%u\" says=\"no such processor; there are: %s\"",
             boot->options.cpu, there);
    return 0;
}

/* The next name of a list with commas between; what is left of the list. */
static const char *next_name(const char *list, char *name, size_t size)
{
    size_t length = 0;

    while (list[length] != '\0' && list[length] != ',') {
        length++;
    }
    string_copy(name, MIN(size, length + 1), list);
    return list[length] == ',' ? list + length + 1 : list + length;
}

/* vms=: each on a processor of its own. What is wrong goes to `why`. */
static unsigned list_jobs(const struct boot *boot, struct vm_job *jobs, char *why, size_t size)
{
    const char *list = boot->options.vms;
    unsigned modules = 0;
    unsigned count = 0;

    while (*list != '\0') {
        char name[sizeof(boot->options.guest)];
        struct vm_job *job = &jobs[count];

        list = next_name(list, name, sizeof(name));
        if (count == ROUND_JOBS) {
            format_text(why, size, "vms= names more than %u VMs", ROUND_JOBS);
            return 0;
        }
        *job = (struct vm_job){.id = count, .asked = true, .boot = boot};
        job->guest = guest_find(name);
        if (job->guest == NULL && strcmp(name, guest_module.name) == 0 &&
            modules < boot->machine.module_count) {
            job->guest = &guest_module;
            job->module = &boot->machine.modules[modules++];
        }
        if (job->guest == NULL) {
            format_text(why, size, "vms= names a guest that there is not: %s", name);
            guest_log_names();
            return 0;
        }
        count++;
    }
    return count;
}

/* From the processor that cpu= names on, and round; a guest of many has two beside others, and
 * alone all. False: there are too few. */
static bool place_jobs(struct vm_job *jobs, unsigned count, unsigned first)
{
    unsigned index = 0;
    unsigned placed = 0;

    while (processor_number(index) != first) {
        index++;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned wanted = !jobs[i].guest->many ? 1 : count == 1 ? processors_there() : 2;

        jobs[i].alone = count == 1;
        jobs[i].processor_count = MIN(wanted, (unsigned)VM_MAX_VCPUS);
        for (unsigned k = 0; k < jobs[i].processor_count; k++) {
            jobs[i].processors[k] = processor_number((index + placed++) % processors_there());
        }
    }
    return placed <= processors_there();
}

/* What the asked VMs and the last one come to. */
__attribute__((noreturn)) static void end_story(const struct boot *boot, const struct vm_job *jobs,
                                                unsigned count, const char *why, const char *name)
{
    const char *reason = why;
    bool passed = why[0] == '\0';
    uint64_t exits = 0;

    for (unsigned i = 0; i < count; i++) {
        exits += jobs[i].exits;
        if (jobs[i].failed && passed) {
            passed = false;
            reason = jobs[i].why;
        }
    }
    session_end(boot, passed, passed ? jobs[0].why : reason, exits, name);
}

void session_run(const struct boot *boot)
{
    static struct vm_job jobs[ROUND_JOBS + 1];
    const struct boot_module *module = NULL;
    const char *name = boot->options.vms;
    bool launched = false;
    unsigned count = 1;
    char why[64] = "";

    if (name[0] != '\0') {
        count = list_jobs(boot, jobs, why, sizeof(why));
    } else {
        jobs[0] = (struct vm_job){.asked = true, .boot = boot};
        jobs[0].guest = choose_guest(boot, &module);
        jobs[0].module = module;
        name = jobs[0].guest->name;
    }
    request_prepare();
    if (count == 0 || vmx_probe(why, sizeof(why)) != STATUS_OK) {
        session_end(boot, false, why, 0, name);
    }
    vmx_probe_others();
    if (!place_jobs(jobs, count, choose_processor(boot))) {
        format_text(why, sizeof(why), "vms= needs more processors than there are, %u",
                    processors_there());
        session_end(boot, false, why, 0, name);
    }
    if (!round_run(jobs, count, true, why, sizeof(why))) {
        end_story(boot, jobs, count, why, name);
    }
    for (unsigned i = 0; i < count; i++) {
        launched |= jobs[i].launched;
    }
    if (launched) {
        struct vm_job *last = &jobs[count];

        log_line("boot", "a second VM in the same boot, to prove that leaving was clean");
        *last = (struct vm_job){.id = count, .boot = boot, .guest = guest_find("hlt")};
        (void)place_jobs(last, 1, jobs[0].processors[0]);
        (void)round_run(last, 1, false, why, sizeof(why));
        count++;
    }
    end_story(boot, jobs, count, why, name);
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
                                     .spoil = strcmp(options->provoke, "spoil") == 0,
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
    uint64_t before;
    char why[64];
    bool passed;

    if (vmx_probe(why, sizeof(why)) != STATUS_OK) {
        session_end(boot, false, why, 0, NULL);
    }
    request_prepare();
    vmx_probe_others();
    before = pages_free();
    if (vmx_enter_everywhere(true) != STATUS_OK) {
        session_end(boot, false, "VMX operation could not be entered", 0, NULL);
    }
    passed = body(vmx_operation_here(), &request, why, sizeof(why));
    vmx_leave_everywhere();
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
