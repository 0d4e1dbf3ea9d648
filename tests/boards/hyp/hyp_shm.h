/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations of ours for what the host's client calls of the vendor's interface, by the names of its public use. Where
 * HEADERS_RELEASE says for which release it is compiled, the way to attach of another release is hidden.
 */
#ifndef HYP_SHM_H
#define HYP_SHM_H
#if !defined(HEADERS_RELEASE)
#define HAS_ATTACH 1
#define HAS_ATTACH_EXT 1
#else
#define HAS_ATTACH (HEADERS_RELEASE < 800)
#define HAS_ATTACH_EXT (HEADERS_RELEASE >= 800)
#endif

struct hyp_shm;

struct hyp_shm *hyp_shm_create(unsigned flags);
#if HAS_ATTACH
int hyp_shm_attach(struct hyp_shm *shm, const char *name, unsigned pages, int channel, int priority, int code,
                   void *value);
#endif
#if HAS_ATTACH_EXT
int hyp_shm_attach_ext(struct hyp_shm *shm, const char *name, unsigned pages, int channel, int priority, int code,
                       void *value, unsigned mode, unsigned group);
#endif
void *hyp_shm_data(struct hyp_shm *shm);
unsigned hyp_shm_size(struct hyp_shm *shm);
unsigned hyp_shm_idx(struct hyp_shm *shm);
unsigned hyp_shm_status(struct hyp_shm *shm);
int hyp_shm_poke(struct hyp_shm *shm, unsigned clients);
int hyp_shm_detach(struct hyp_shm *shm);
#endif
