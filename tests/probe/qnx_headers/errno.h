/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERRNO_H
#define ERRNO_H
extern int errno;
enum {
#define EINTR EINTR
    EINTR = 1,
#define EBADF EBADF
    EBADF,
#define ENOMEM ENOMEM
    ENOMEM,
#define EMFILE EMFILE
    EMFILE,
#define ERANGE ERANGE
    ERANGE,
#define ETIMEDOUT ETIMEDOUT
    ETIMEDOUT,
};
#endif
