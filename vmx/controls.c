/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx/controls.h"

#include "kernel/string.h"

struct control_description {
    uint8_t group, bit;
    const char *name, *title;
};

static const struct control_description descriptions[] = {
#define NOTE(text)
#define CONTROL(group, symbol, bit, name, title) {CONTROL_##group, bit, name, title},
#include "vmx/controls.def"
#undef CONTROL
#undef NOTE
};

struct control_range control_range_decode(uint64_t value, const char *msr)
{
    return (struct control_range){(uint32_t)value, (uint32_t)(value >> 32), msr};
}

struct control_range control_range_decode_64(uint64_t value, const char *msr)
{
    return (struct control_range){0, (uint32_t)value, msr};
}

uint32_t control_round(struct control_range range, uint32_t wanted)
{
    return (wanted | range.must_be_1) & range.may_be_1;
}

static const struct control_description *find(enum control_group group, unsigned bit)
{
    for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
        if (descriptions[i].group == group && descriptions[i].bit == bit) {
            return &descriptions[i];
        }
    }
    return NULL;
}

const char *control_name(enum control_group group, unsigned bit)
{
    const struct control_description *description = find(group, bit);

    return description != NULL ? description->name : NULL;
}

const char *control_title(enum control_group group, unsigned bit)
{
    const struct control_description *description = find(group, bit);

    return description != NULL ? description->title : NULL;
}

const char *control_group_name(enum control_group group)
{
    static const char *const names[CONTROL_GROUPS] = {
        [CONTROL_PIN] = "pin",     [CONTROL_PRIMARY] = "primary", [CONTROL_SECONDARY] = "secondary",
        [CONTROL_EXIT] = "exit",   [CONTROL_ENTRY] = "entry",     [CONTROL_TERTIARY] = "tertiary",
        [CONTROL_EXIT2] = "exit2",
    };

    return names[group];
}

bool control_find(const char *name, enum control_group *group, unsigned *bit)
{
    for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
        if (strcmp(descriptions[i].name, name) == 0) {
            *group = (enum control_group)descriptions[i].group;
            *bit = descriptions[i].bit;
            return true;
        }
    }
    return false;
}
