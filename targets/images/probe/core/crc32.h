/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 as zlib, Ethernet and PNG use it (polynomial 0xedb88320, reflected). Start with 0; feed the result back in. */
#ifndef CRC32_H
#define CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(uint32_t crc, const volatile void *bytes, size_t length);

#endif
