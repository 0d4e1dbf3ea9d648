/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into ser2net: names and numbers are looked up also on a machine that has no network but loopback.
 * ser2net asks for addresses of the kinds that the machine has (AI_ADDRCONFIG), and loopback does not count as one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>

typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    struct addrinfo wanted = {0};

    if (hints)
        wanted = *hints;
    wanted.ai_flags &= ~AI_ADDRCONFIG;
    return ((lookup)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, &wanted, found);
}
