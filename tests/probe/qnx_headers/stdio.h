/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STDIO_H
#define STDIO_H
typedef struct file FILE;
extern FILE *stdin, *stdout;
int fflush(FILE *file);
char *fgets(char *line, int room, FILE *file);
void perror(const char *what);
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
