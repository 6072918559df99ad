/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk of EPT in words: the records of topic `walk`, without their topic, for people (indented, a
 * picture of the levels) and for scripts (keys). Pure.
 */
#ifndef EPT_WALK_TEXT_H
#define EPT_WALK_TEXT_H

#include "ept/walk.h"
#include "kernel/log.h"

#define WALK_LINE   (LOG_ROOM + 1) /* holds a record and its NUL */
#define WALK_INDENT 14             /* at most, of an entry within a guest's walk */

/* Takes one record. */
struct walk_sink {
    void (*line)(const struct walk_sink *sink, const char *line);
};

void walk_line(const struct walk_sink *sink, const char *format, ...) PRINTF_LIKE(2, 3);

/* "PDE" for 2, of EPT and of a guest's tables alike; "" for what is no level. */
const char *paging_entry_name(unsigned level);

/* "4-KiB" for 1, "2-MiB", "1-GiB". */
const char *ept_page_text(unsigned level);

/* "wb" for 6, "reserved" for 2, 3 and 7. */
const char *memory_type_text(unsigned type);

/* "rwx", or with mode-based execute control "rwsu": `s` supervisors may execute, `u` users. `-` for
 * what is not allowed. */
#define RIGHTS_TEXT 5
void ept_rights_text(const struct ept_rules *rules, uint64_t entry, char text[RIGHTS_TEXT]);

/* Why the walk ended without an address, as half a sentence; nothing where it did not. */
void ept_path_why(const struct ept_path *path, const struct ept_rules *rules, char *text,
                  size_t size);

/* The name of the fault, for a record's `fault=`: "EPT-violation", "none". */
const char *ept_fault_name(enum ept_verdict verdict);

/* A line for each entry that was read, the root's indented by `indent` blanks, each by two more. */
void ept_path_lines(const struct ept_path *path, const struct ept_rules *rules, unsigned indent,
                    const struct walk_sink *sink);

/* The line that says what came of it. */
void ept_path_outcome(const struct ept_path *path, const struct ept_rules *rules,
                      const struct walk_sink *sink);

#endif
