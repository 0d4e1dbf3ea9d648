/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many names in one word of a command: items with commas between them. An item is a name, or a rule that makes names out
 * of one. In names, %XX stands for any byte, and must stand for a comma and a colon; a lone % is the empty name.
 *
 *   NAME                               the name itself
 *   any:NAME:AT                        256 names: byte AT has every value from 0 to 255
 *   each:NAME:VALUE                    a name for each byte, which becomes VALUE
 *   flip:NAME:BITS                     a name for each byte, whose BITS are turned over
 *   drop:NAME                          a name for each byte, which is left out
 *   twice:NAME                         a name for each byte, which stands there twice
 *   swap:NAME                          a name for each byte but the last, which changes places with the next one
 *   insert:NAME:VALUE                  a name for each place between, before and after the bytes: VALUE stands there
 *   cut:NAME                           the first 0, 1, ... bytes, up to all
 *   grow:NAME:VALUE                    0, 1, ... bytes VALUE behind it, up to 32 bytes
 *   words:FIRST:LETTERS:LAST:LEAST:MOST  between FIRST and LAST all words over LETTERS of LEAST to MOST letters: the
 *                                      shorter ones first, the last letter changing fastest
 *
 * Names that are longer than the name register are left out.
 */
#ifndef NAME_LIST_H
#define NAME_LIST_H

#include "command.h"

/* Told of every name; false when it wants no more of them. */
typedef bool name_taker(void *context, const uint8_t *name, unsigned length);

/* Tells TAKE of the names that ITEMS stands for, in their order. False (and the call has failed) when it stands for none. */
bool name_list_walk(struct call *call, char *items, name_taker *take, void *context);

#endif
