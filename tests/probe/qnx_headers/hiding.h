/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations of ours, in place of the vendor's headers: what the programs for QNX use, each hidden as the documentation
 * says, so that a source which forgets a macro or uses what a release does not have is not compiled.
 *
 * Where the documentation leaves room, this is the narrower reading: names of the system's own need _QNX_SOURCE whatever
 * else is asked for; names that end with 64 need _LARGEFILE64_SOURCE; an offset has 32 bits without _FILE_OFFSET_BITS; a
 * header includes no other one that its page does not name. HEADERS_RELEASE is 700, 710 or 800.
 */
#ifndef HIDING_H
#define HIDING_H

#if !defined(HEADERS_RELEASE)
#error "HEADERS_RELEASE says which release these headers stand for"
#endif
#if defined(_QNX_SOURCE)
#define SHOWS_QNX
#endif
#if defined(_LARGEFILE64_SOURCE)
#define SHOWS_64
#endif
#define IS_8 (HEADERS_RELEASE >= 800)

#endif
