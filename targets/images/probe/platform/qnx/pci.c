/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI through the PCI server (PCI Server User's Guide). It has placed the BARs, and reports them and the interrupt to the
 * owner of a function only. So a function that is found is attached, and stays so until the program ends.
 */
#include <stddef.h>
#include <pci/pci.h>
#include "qnx.h"

enum { LIMIT = 16, ADDRESS_SPACES = 7, COMMAND_MEMORY = 2, DEVICE_DEPENDENT = 0x40 };

static struct attached {
    pci_bdf_t place;
    pci_devhdl_t handle;
} attached[LIMIT];
static unsigned attached_count;

/* NULL: another program owns the function, or there are too many. */
static pci_devhdl_t attach(pci_bdf_t place)
{
    const pci_attachFlags_t flags = (pci_attachFlags_t)(pci_attachFlags_e_SHARED | pci_attachFlags_e_OWNER);
    pci_devhdl_t handle;

    for (unsigned i = 0; i < attached_count; i++)
        if (attached[i].place == place)
            return attached[i].handle;
    if (attached_count == LIMIT)
        return NULL;
    handle = pci_device_attach(place, flags, NULL);
    if (handle)
        attached[attached_count++] = (struct attached){place, handle};
    return handle;
}

static void enable_memory(pci_bdf_t place, pci_devhdl_t handle)
{
    pci_cmd_t command;

    if (pci_device_read_cmd(place, &command) == PCI_ERR_OK && !(command & COMMAND_MEMORY))
        pci_device_write_cmd(handle, (pci_cmd_t)(command | COMMAND_MEMORY), NULL);
}

static void take_bars(pci_devhdl_t handle, struct pci_function *function)
{
    pci_ba_t space[ADDRESS_SPACES];
    int_t count = ADDRESS_SPACES;

    if (pci_device_read_ba(handle, &count, space, pci_reqType_e_UNSPECIFIED) != PCI_ERR_OK)
        return;
    for (int_t i = 0; i < count; i++) {
        /* An expansion ROM has no number that would fit. */
        if (space[i].bar_num < 0 || space[i].bar_num >= PCI_BARS || space[i].type == pci_asType_e_NONE)
            continue;
        function->bar[space[i].bar_num] = (struct pci_bar){
            .base = space[i].addr,
            .size = space[i].size,
            .io = space[i].type == pci_asType_e_IO,
            .wide = (space[i].attr & pci_asAttr_e_64BIT) == pci_asAttr_e_64BIT,
        };
    }
}

static void describe(pci_bdf_t place, struct pci_function *function)
{
    pci_devhdl_t handle = attach(place);
    pci_ccode_t class_code = 0;
    pci_revid_t revision = 0;

    pci_device_read_ccode(place, &class_code);
    pci_device_read_revid(place, &revision);
    function->bus = (uint8_t)PCI_BUS(place);
    function->device = (uint8_t)PCI_DEV(place);
    function->function = (uint8_t)PCI_FUNC(place);
    function->class_code = class_code;
    function->revision = revision;
    if (handle) {
        enable_memory(place, handle);
        take_bars(handle, function);
    }
}

size_t pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *list, size_t limit)
{
    size_t count = 0;
    pci_bdf_t place;

    while (count < limit) {
        place = pci_device_find((uint_t)count, vendor_id, device_id, PCI_CCODE_ANY);
        if (place == PCI_BDF_NONE)
            break;
        list[count] = (struct pci_function){.vendor_id = vendor_id, .device_id = device_id};
        describe(place, &list[count++]);
    }
    return count;
}

unsigned pci_interrupt_line(const struct pci_function *function)
{
    pci_devhdl_t handle = attach(PCI_BDF(function->bus, function->device, function->function));
    pci_irq_t line;

    return handle && pci_device_read_irq(handle, NULL, &line) == PCI_ERR_OK ? (unsigned)line : 0;
}

/* Registers below DEVICE_DEPENDENT have functions of their own, used above; the general ones are for what follows. */
uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    pci_bdf_t place = PCI_BDF(function->bus, function->device, function->function);
    pci_err_t error = PCI_ERR_EINVAL;
    uint32_t value = 0;
    uint16_t half = 0;
    uint8_t byte = 0;

    if (offset < DEVICE_DEPENDENT)
        return UINT32_MAX >> (32 - 8 * width);
    switch (width) {
    case 1: error = pci_device_cfg_rd8(place, offset, &byte); break;
    case 2: error = pci_device_cfg_rd16(place, offset, &half); break;
    case 4: error = pci_device_cfg_rd32(place, offset, &value); break;
    }
    return error == PCI_ERR_OK ? value | half | byte : UINT32_MAX >> (32 - 8 * width);
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    pci_devhdl_t handle = attach(PCI_BDF(function->bus, function->device, function->function));

    if (!handle || offset < DEVICE_DEPENDENT)
        return;
    switch (width) {
    case 1: pci_device_cfg_wr8(handle, offset, (uint8_t)value, NULL); break;
    case 2: pci_device_cfg_wr16(handle, offset, (uint16_t)value, NULL); break;
    case 4: pci_device_cfg_wr32(handle, offset, value, NULL); break;
    }
}
