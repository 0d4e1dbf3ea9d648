/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNISTD_H
#define UNISTD_H
#include <sys/types.h>
enum { STDIN_FILENO, STDOUT_FILENO };
__attribute__((noreturn)) void _exit(int status);
pid_t getpid(void);
ssize_t read(int file, void *bytes, size_t length);
ssize_t write(int file, const void *bytes, size_t length);
#endif
