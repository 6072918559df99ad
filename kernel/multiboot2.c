/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 2: a total size, then tags, each with its type and size, on 8-byte boundaries, up to an
 * end tag. A table says which tags are read, how long they must be and whether they may repeat;
 * all others are stepped over. Multiboot2 Specification 2.0, "Boot information format".
 */
#include "kernel/multiboot_parts.h"

#define INFO_HEADER     8 /* total size, reserved */
#define INFO_SMALLEST   16
#define INFO_LARGEST    (16 * MIB) /* far beyond any loader's */
#define TAG_ALIGNMENT   8
#define TAG_HEADER      8 /* type, size */
#define MAP_HEADER      16
#define MAP_ENTRY       24 /* base, length, type, reserved */
#define RSDP_OLD_LENGTH 20
#define RSDP_NEW_LENGTH 36

/* Tag types, by their titles in "Boot information format". */
enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_LOADER_NAME = 2,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_EFI32_SYSTEM_TABLE = 11,
    TAG_EFI64_SYSTEM_TABLE = 12,
    TAG_OLD_RSDP = 14,
    TAG_NEW_RSDP = 15,
    TAG_EFI_MAP = 17,
    TAG_EFI_NOT_TERMINATED = 18,
};

struct tag {
    const uint8_t *bytes;
    uint32_t type, size, offset;
};

struct reading {
    const uint8_t *info;
    uint32_t total;
    struct machine *machine;
    struct multiboot_error *error;
};

/* Text that begins at `at` in the tag and must end within it. */
static enum status read_string(const struct reading *reading, const struct tag *tag, uint32_t at,
                               const char **text)
{
    *text = (const char *)tag->bytes + at;
    for (uint32_t i = at; i < tag->size; i++) {
        if (tag->bytes[i] == '\0') {
            return STATUS_OK;
        }
    }
    return multiboot_refuse(reading->error,
                            "multiboot2: the string of tag %u at offset 0x%x has no end within "
                            "the tag's 0x%x bytes",
                            tag->type, tag->offset, tag->size);
}

static enum status read_command_line(const struct reading *reading, const struct tag *tag)
{
    const char *text;

    if (read_string(reading, tag, TAG_HEADER, &text) != STATUS_OK) {
        return STATUS_INVALID;
    }
    return multiboot_set_command_line(reading->machine, text, reading->error);
}

static enum status read_loader_name(const struct reading *reading, const struct tag *tag)
{
    const char *text;

    if (read_string(reading, tag, TAG_HEADER, &text) != STATUS_OK) {
        return STATUS_INVALID;
    }
    string_copy(reading->machine->loader, sizeof(reading->machine->loader), text);
    return STATUS_OK;
}

static enum status read_module(const struct reading *reading, const struct tag *tag)
{
    const char *name;

    if (read_string(reading, tag, 16, &name) != STATUS_OK) {
        return STATUS_INVALID;
    }
    return multiboot_add_module(reading->machine, load32(tag->bytes, 8), load32(tag->bytes, 12),
                                name, reading->error);
}

static enum status read_map(const struct reading *reading, const struct tag *tag)
{
    uint32_t entry = load32(tag->bytes, 8), version = load32(tag->bytes, 12);
    uint32_t length = tag->size - MAP_HEADER;

    if (version != 0) {
        return multiboot_refuse(reading->error,
                                "multiboot2: the memory map's entry version is %u; 0 is allowed",
                                version);
    }
    if (entry < MAP_ENTRY || !IS_ALIGNED(entry, 8)) {
        return multiboot_refuse(reading->error,
                                "multiboot2: the memory map's entry size is %u; multiples of 8 "
                                "from %u on are allowed",
                                entry, MAP_ENTRY);
    }
    if (length % entry != 0) {
        return multiboot_refuse(reading->error,
                                "multiboot2: the memory map's 0x%x bytes are no whole number of "
                                "%u-byte entries",
                                length, entry);
    }
    for (uint32_t i = 0; i < length / entry; i++) {
        if (multiboot_add_range(reading->machine, i, tag->bytes + MAP_HEADER + (size_t)i * entry,
                                reading->error) != STATUS_OK) {
            return STATUS_INVALID;
        }
    }
    return multiboot_check(reading->machine, reading->error);
}

static enum status read_framebuffer(const struct reading *reading, const struct tag *tag)
{
    reading->machine->framebuffer = (struct framebuffer){
        .base = HPA(load64(tag->bytes, 8)),
        .pitch = load32(tag->bytes, 16),
        .width = load32(tag->bytes, 20),
        .height = load32(tag->bytes, 24),
        .bits_per_pixel = tag->bytes[28],
        .type = tag->bytes[29],
    };
    return STATUS_OK;
}

/* The newer RSDP is the one that names the XSDT: it wins, whichever tag comes first. */
static enum status read_rsdp(const struct reading *reading, const struct tag *tag)
{
    unsigned length = tag->type == TAG_NEW_RSDP ? RSDP_NEW_LENGTH : RSDP_OLD_LENGTH;

    if (length > reading->machine->rsdp_length) {
        memcpy(reading->machine->rsdp, tag->bytes + TAG_HEADER, length);
        reading->machine->rsdp_length = length;
    }
    return STATUS_OK;
}

static enum status read_efi(const struct reading *reading, const struct tag *tag)
{
    (void)tag; /* that it is there is all that counts */
    reading->machine->efi = true;
    return STATUS_OK;
}

static enum status refuse_efi_services(const struct reading *reading, const struct tag *tag)
{
    return multiboot_refuse(reading->error,
                            "multiboot2: tag %u at offset 0x%x: EFI boot services still active",
                            tag->type, tag->offset);
}

static const struct tag_kind {
    enum tag_type type;
    uint32_t smallest; /* bytes, the header's included */
    bool repeats;
    enum status (*read)(const struct reading *reading, const struct tag *tag);
} kinds[] = {
    {TAG_COMMAND_LINE, TAG_HEADER + 1, false, read_command_line},
    {TAG_LOADER_NAME, TAG_HEADER + 1, false, read_loader_name},
    {TAG_MODULE, 17, true, read_module},
    {TAG_MEMORY_MAP, MAP_HEADER, false, read_map},
    {TAG_FRAMEBUFFER, 31, false, read_framebuffer},
    {TAG_EFI32_SYSTEM_TABLE, TAG_HEADER, true, read_efi},
    {TAG_EFI64_SYSTEM_TABLE, TAG_HEADER, true, read_efi},
    {TAG_OLD_RSDP, TAG_HEADER + RSDP_OLD_LENGTH, false, read_rsdp},
    {TAG_NEW_RSDP, TAG_HEADER + RSDP_NEW_LENGTH, false, read_rsdp},
    {TAG_EFI_MAP, TAG_HEADER, true, read_efi},
    {TAG_EFI_NOT_TERMINATED, TAG_HEADER, true, refuse_efi_services},
};

/* `seen` has a bit for every type that has been read, all of which are small numbers. */
static enum status read_tag(const struct reading *reading, const struct tag *tag, uint64_t *seen)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (kinds[i].type != tag->type) {
            continue;
        }
        if (tag->size < kinds[i].smallest) {
            return multiboot_refuse(reading->error,
                                    "multiboot2: tag %u at offset 0x%x has size 0x%x; at least "
                                    "0x%x is needed",
                                    tag->type, tag->offset, tag->size, kinds[i].smallest);
        }
        if (!kinds[i].repeats && (*seen & BIT(tag->type)) != 0) {
            return multiboot_refuse(reading->error,
                                    "multiboot2: tag %u at offset 0x%x is there a second time",
                                    tag->type, tag->offset);
        }
        *seen |= BIT(tag->type);
        return kinds[i].read(reading, tag);
    }
    return STATUS_OK;
}

/* The tag at `offset`, once it lies wholly within the information. */
static enum status find_tag(const struct reading *reading, uint32_t offset, struct tag *tag)
{
    if (offset >= reading->total || reading->total - offset < TAG_HEADER) {
        return multiboot_refuse(reading->error,
                                "multiboot2: no end tag before the end of the information (0x%x "
                                "bytes)",
                                reading->total);
    }
    *tag = (struct tag){
        .bytes = reading->info + offset,
        .type = load32(reading->info, offset),
        .size = load32(reading->info, offset + 4),
        .offset = offset,
    };
    if (tag->size < TAG_HEADER) {
        return multiboot_refuse(reading->error,
                                "multiboot2: tag %u at offset 0x%x has size 0x%x; at least 0x%x "
                                "is needed",
                                tag->type, offset, tag->size, TAG_HEADER);
    }
    if (tag->size > reading->total - offset) {
        return multiboot_refuse(reading->error,
                                "multiboot2: tag %u at offset 0x%x has size 0x%x, past the end of "
                                "the information (0x%x bytes)",
                                tag->type, offset, tag->size, reading->total);
    }
    return STATUS_OK;
}

static enum status read_tags(const struct reading *reading)
{
    uint64_t seen = 0;
    struct tag tag;

    for (uint32_t offset = INFO_HEADER;; offset = ALIGN_UP(offset + tag.size, TAG_ALIGNMENT)) {
        if (find_tag(reading, offset, &tag) != STATUS_OK) {
            return STATUS_INVALID;
        }
        if (tag.type == TAG_END) {
            break;
        }
        if (read_tag(reading, &tag, &seen) != STATUS_OK) {
            return STATUS_INVALID;
        }
    }
    if (tag.size != TAG_HEADER) {
        return multiboot_refuse(reading->error,
                                "multiboot2: the end tag at offset 0x%x has size 0x%x; 0x%x is "
                                "allowed",
                                tag.offset, tag.size, TAG_HEADER);
    }
    if ((seen & BIT(TAG_MEMORY_MAP)) == 0) {
        return multiboot_refuse(reading->error, "multiboot2: no memory map (tag %u)",
                                TAG_MEMORY_MAP);
    }
    return STATUS_OK;
}

enum status multiboot2_parse(hpa_t info, const struct physical_reader *reader,
                             struct machine *machine, struct multiboot_error *error)
{
    struct reading reading = {.machine = machine, .error = error};
    const void *header = physical_at(reader, info, INFO_HEADER);

    memset(machine, 0, sizeof(*machine));
    machine->multiboot = 2;
    if (header == NULL) {
        return multiboot_refuse(error, "multiboot2: the information at 0x%lx is unreadable",
                                info.value);
    }
    if (!IS_ALIGNED(info.value, TAG_ALIGNMENT)) {
        return multiboot_refuse(
            error, "multiboot2: the information at 0x%lx is not on an %u-byte boundary", info.value,
            TAG_ALIGNMENT);
    }
    reading.total = load32(header, 0);
    if (reading.total < INFO_SMALLEST || reading.total > INFO_LARGEST) {
        return multiboot_refuse(error,
                                "multiboot2: the total size is 0x%x; 0x%x to 0x%lx are allowed",
                                reading.total, INFO_SMALLEST, INFO_LARGEST);
    }
    reading.info = physical_at(reader, info, reading.total);
    if (reading.info == NULL) {
        return multiboot_refuse(error,
                                "multiboot2: the information, 0x%x bytes at 0x%lx, is unreadable",
                                reading.total, info.value);
    }
    return read_tags(&reading);
}
