/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H
typedef struct { int opaque; } sem_t;
int sem_init(sem_t *semaphore, int shared, unsigned value);
int sem_post(sem_t *semaphore);
int sem_wait(sem_t *semaphore);
#endif
