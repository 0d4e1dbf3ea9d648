/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PCI_PCI_H
#define PCI_PCI_H
#include "../hiding.h"
#include <sys/types.h>

#if defined(SHOWS_QNX)
typedef uint32_t pci_bdf_t, pci_ccode_t, pci_irq_t;
typedef uint16_t pci_vid_t, pci_did_t, pci_cmd_t;
typedef uint8_t pci_revid_t;
typedef struct pci_device *pci_devhdl_t;
typedef enum { PCI_ERR_OK, PCI_ERR_EINVAL } pci_err_t;
typedef enum { pci_attachFlags_e_SHARED = 1, pci_attachFlags_e_OWNER = 2 } pci_attachFlags_t;
typedef enum { pci_asType_e_NONE, pci_asType_e_MEM, pci_asType_e_IO } pci_asType_e;
typedef enum { pci_asAttr_e_64BIT = 1 } pci_asAttr_e;
typedef enum { pci_reqType_e_UNSPECIFIED } pci_reqType_t;
typedef struct {
    uint64_t addr, size;
    int_t bar_num;
    pci_asType_e type;
    pci_asAttr_e attr;
} pci_ba_t;

#define PCI_BDF_NONE 0xffffffffu
#define PCI_CCODE_ANY 0xffffffffu
#define PCI_BDF(bus, device, function) ((pci_bdf_t)((bus) << 8 | (device) << 3 | (function)))
#define PCI_BUS(place) ((place) >> 8)
#define PCI_DEV(place) ((place) >> 3 & 31)
#define PCI_FUNC(place) ((place) & 7)

pci_bdf_t pci_device_find(uint_t number, pci_vid_t vendor, pci_did_t device, pci_ccode_t class_code);
pci_devhdl_t pci_device_attach(pci_bdf_t place, pci_attachFlags_t flags, pci_err_t *error);
pci_err_t pci_device_read_ba(pci_devhdl_t handle, int_t *count, pci_ba_t *space, pci_reqType_t type);
pci_err_t pci_device_read_ccode(pci_bdf_t place, pci_ccode_t *class_code);
pci_err_t pci_device_read_cmd(pci_bdf_t place, pci_cmd_t *command);
pci_err_t pci_device_read_irq(pci_devhdl_t handle, int_t *count, pci_irq_t *line);
pci_err_t pci_device_read_revid(pci_bdf_t place, pci_revid_t *revision);
pci_err_t pci_device_write_cmd(pci_devhdl_t handle, pci_cmd_t command, pci_cmd_t *now);
pci_err_t pci_device_cfg_rd8(pci_bdf_t place, uint_t offset, uint8_t *value);
pci_err_t pci_device_cfg_rd16(pci_bdf_t place, uint_t offset, uint16_t *value);
pci_err_t pci_device_cfg_rd32(pci_bdf_t place, uint_t offset, uint32_t *value);
pci_err_t pci_device_cfg_wr8(pci_devhdl_t handle, uint_t offset, uint8_t value, uint8_t *now);
pci_err_t pci_device_cfg_wr16(pci_devhdl_t handle, uint_t offset, uint16_t value, uint16_t *now);
pci_err_t pci_device_cfg_wr32(pci_devhdl_t handle, uint_t offset, uint32_t value, uint32_t *now);
#endif
#endif
