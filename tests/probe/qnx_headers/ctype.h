/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTYPE_H
#define CTYPE_H
int isxdigit(int character);
#endif
