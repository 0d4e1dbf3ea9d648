/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PTHREAD_H
#define PTHREAD_H
typedef struct { int opaque; } pthread_attr_t;
typedef int pthread_t;
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
#endif
