/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of ours for what the host's client calls of the vendor's interface, by the names of its public use. */
#ifndef HYP_SHM_H
#define HYP_SHM_H
#include <sys/types.h>

struct hyp_shm;

struct hyp_shm *hyp_shm_create(unsigned flags);
int hyp_shm_attach(struct hyp_shm *shm, const char *name, unsigned pages, int channel, int priority, int code,
                   void *value);
int hyp_shm_attach_ext(struct hyp_shm *shm, const char *name, unsigned pages, int channel, int priority, int code,
                       void *value, mode_t mode, gid_t group);
void *hyp_shm_data(struct hyp_shm *shm);
unsigned hyp_shm_size(struct hyp_shm *shm);
unsigned hyp_shm_idx(struct hyp_shm *shm);
unsigned hyp_shm_status(struct hyp_shm *shm);
int hyp_shm_poke(struct hyp_shm *shm, unsigned clients);
int hyp_shm_detach(struct hyp_shm *shm);
#endif
