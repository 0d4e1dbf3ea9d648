/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into OpenSSH's server, so that it can serve one account that no file of the machine knows.
 *
 * The account's name, home, shell and password hash are in BOARD_USER, BOARD_HOME, BOARD_SHELL and BOARD_PASSWORD; its
 * user id is that of the process, so no privilege is needed. A server that runs as root wants two things more, which a
 * machine without an installed server lacks: the account "sshd", which becomes the usual unprivileged one, and the
 * empty directory /run/sshd, which becomes the one that BOARD_EMPTY names.
 *
 * In the folder BOARD_FLAT no directories can be made, as in the shared-memory file system of QNX. So it is for file
 * transfer, and for the programs of the board that are loaded with this library too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#define SEPARATION_USER "sshd"
#define SEPARATION_DIRECTORY "/run/sshd"

static char nothing[] = "";

static char *variable(const char *name)
{
    char *value = getenv(name);
    return value ? value : nothing;
}

static struct passwd *account(void)
{
    static struct passwd entry;
    entry.pw_name = variable("BOARD_USER");
    entry.pw_passwd = variable("BOARD_PASSWORD");
    entry.pw_uid = getuid();
    entry.pw_gid = getgid();
    entry.pw_gecos = nothing;
    entry.pw_dir = variable("BOARD_HOME");
    entry.pw_shell = variable("BOARD_SHELL");
    return &entry;
}

static struct passwd *separation_account(void)
{
    static struct passwd entry;
    entry = *account();
    entry.pw_name = (char *)SEPARATION_USER;
    entry.pw_passwd = (char *)"*";
    entry.pw_uid = NOBODY;
    entry.pw_gid = NOBODY;
    return &entry;
}

struct passwd *getpwnam(const char *name)
{
    if (strcmp(name, variable("BOARD_USER")) == 0)
        return account();
    return strcmp(name, SEPARATION_USER) == 0 ? separation_account() : NULL;
}

struct passwd *getpwuid(uid_t uid)
{
    return uid == getuid() ? account() : NULL;
}

static const char *redirected(const char *path)
{
    return strcmp(path, SEPARATION_DIRECTORY) == 0 ? variable("BOARD_EMPTY") : path;
}

int chroot(const char *path)
{
    return (int)syscall(SYS_chroot, redirected(path));
}

int stat(const char *restrict path, struct stat *restrict status)
{
    return fstatat(AT_FDCWD, redirected(path), status, 0);
}

int stat64(const char *restrict path, struct stat64 *restrict status)
{
    return fstatat64(AT_FDCWD, redirected(path), status, 0);
}

static const char *flat = nothing;

/* Once: what transfers files for a user has the environment of that user. */
__attribute__((constructor)) static void remember_flat(void)
{
    flat = strdup(variable("BOARD_FLAT"));
}

static int is_below_flat(const char *path)
{
    size_t length = strlen(flat);
    char whole[PATH_MAX];
    if (!length)
        return 0;
    if (path[0] != '/') {
        if (!getcwd(whole, sizeof whole) || strlen(whole) + strlen(path) + 2 > sizeof whole)
            return 0;
        strcat(strcat(whole, "/"), path);
        path = whole;
    }
    return strncmp(path, flat, length) == 0 && path[length] == '/';
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    if (is_below_flat(path)) {
        errno = ENOSYS;
        return -1;
    }
    return (int)syscall(SYS_mkdirat, folder, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
