/* Counts what a process does to the disk, and lets one of these calls go wrong.
 *
 * Preloaded (LD_PRELOAD) into the process under test; see disk.py for the words. Only calls on
 * paths below FAULT_ROOT count, whoever makes them: Python, Arrow, a codec.
 *
 *   FAULT_ROOT   the folder whose calls count
 *   FAULT_KINDS  which kinds count, such as "rename,fsync"; without it all do
 *   FAULT_PATH   only calls on paths that hold this text count
 *   FAULT_AT     the number of the call that goes wrong, from 1
 *   FAULT_DO     "kill": SIGKILL before the call; "tear": a write is done by half, then SIGKILL;
 *                a number: the call fails with this errno
 *   FAULT_LAST   the last call that fails, 0 for all from FAULT_AT on; without it FAULT_AT alone
 *   FAULT_ROOM   bytes that may be written in all; then the disk is full, ENOSPC
 *   FAULT_FLOCK  set: everybody is given every lock, as by some network file systems
 *   FAULT_LOG    a file to which each counted call is appended: "<number> <kind> <path>\n"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))

static const char *root, *kinds, *part, *deed;
static long at = -1, last = -1, room = -1;
static int log_fd = -1;
static atomic_long calls, written;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static long number(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value ? atol(value) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    root = getenv("FAULT_ROOT");
    kinds = getenv("FAULT_KINDS");
    part = getenv("FAULT_PATH");
    deed = getenv("FAULT_DO");
    at = number("FAULT_AT", -1);
    last = number("FAULT_LAST", at);
    room = number("FAULT_ROOM", -1);
    const char *path = getenv("FAULT_LOG");
    if (path)
        log_fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* The path of an open file, or of a name in an open folder. */
static void path_of(int fd, const char *name, char *path) {
    char link[64];
    path[0] = 0;
    if (name && (name[0] == '/' || fd == AT_FDCWD)) {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    path[size < 0 ? 0 : size] = 0;
    if (name && size > 0)
        snprintf(path + size, PATH_MAX - size, "/%s", name);
}

static int is_listed(const char *kind) {
    if (!kinds)
        return 1;
    size_t size = strlen(kind);
    for (const char *found = kinds; (found = strstr(found, kind)); found += size)
        if ((found == kinds || found[-1] == ',') && (!found[size] || found[size] == ','))
            return 1;
    return 0;
}

/* What is to become of a call: 0 nothing, -1 to be torn, above 0 an errno. */
static int judge(const char *kind, int fd, const char *name) {
    char path[PATH_MAX], line[PATH_MAX + 64];
    if (!root || !is_listed(kind))
        return 0;
    int kept = errno;
    path_of(fd, name, path);
    errno = kept;
    if (strncmp(path, root, strlen(root)) || (part && !strstr(path, part)))
        return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (log_fd >= 0) {
        int size = snprintf(line, sizeof line, "%ld %s %s\n", call, kind, path);
        syscall(SYS_write, log_fd, line, size);
        errno = kept;
    }
    if (!deed || at < 0 || call < at || (last && call > last))
        return 0;
    if (!strcmp(deed, "tear") && !strcmp(kind, "write"))
        return -1;
    if (!strcmp(deed, "kill") || !strcmp(deed, "tear"))
        end();
    return atoi(deed);
}

/* Judge a call that takes a name, and let it fail or pass on. */
#define NAMED(kind, fd, name, call)                                                                \
    do {                                                                                           \
        int verdict = judge(kind, fd, name);                                                       \
        if (verdict > 0) {                                                                         \
            errno = verdict;                                                                       \
            return -1;                                                                             \
        }                                                                                          \
        return call;                                                                               \
    } while (0)

static int is_below(int fd) {
    char path[PATH_MAX];
    path_of(fd, NULL, path);
    return root && !strncmp(path, root, strlen(root));
}

/* How many of `size` bytes there is room for; -1 when the disk is full. */
static ssize_t fitting(int fd, size_t size) {
    if (room < 0 || !is_below(fd))
        return size;
    long before = atomic_fetch_add(&written, size);
    if (before + (long)size <= room)
        return size;
    atomic_fetch_sub(&written, size);
    if (before < room) {
        atomic_fetch_add(&written, room - before);
        return room - before;
    }
    errno = ENOSPC;
    return -1;
}

#define WRITE(fd, size, call)                                                                      \
    do {                                                                                           \
        int verdict = judge("write", fd, NULL);                                                    \
        if (verdict > 0) {                                                                         \
            errno = verdict;                                                                       \
            return -1;                                                                             \
        }                                                                                          \
        if (verdict < 0) {                                                                         \
            size /= 2;                                                                             \
            (void)!call;                                                                           \
            end();                                                                                 \
        }                                                                                          \
        ssize_t fits = fitting(fd, size);                                                          \
        if (fits < 0)                                                                              \
            return -1;                                                                             \
        size = fits;                                                                               \
        return call;                                                                               \
    } while (0)

ssize_t write(int fd, const void *data, size_t size) { WRITE(fd, size, REAL(write)(fd, data, size)); }

ssize_t pwrite(int fd, const void *data, size_t size, off_t where) {
    WRITE(fd, size, REAL(pwrite)(fd, data, size, where));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t where) {
    WRITE(fd, size, REAL(pwrite64)(fd, data, size, where));
}

static int open_kind(int dir, const char *path, int flags) {
    return judge(flags & (O_WRONLY | O_RDWR | O_CREAT) ? "open" : "read", dir, path);
}

#define OPEN(dir, call)                                                                            \
    do {                                                                                           \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        int verdict = open_kind(dir, path, flags);                                                 \
        if (verdict > 0) {                                                                         \
            errno = verdict;                                                                       \
            return -1;                                                                             \
        }                                                                                          \
        return call;                                                                               \
    } while (0)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, REAL(open)(path, flags, mode)); }

int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, REAL(open64)(path, flags, mode)); }

int openat(int dir, const char *path, int flags, ...) {
    OPEN(dir, REAL(openat)(dir, path, flags, mode));
}

int openat64(int dir, const char *path, int flags, ...) {
    OPEN(dir, REAL(openat64)(dir, path, flags, mode));
}

int fsync(int fd) { NAMED("fsync", fd, NULL, REAL(fsync)(fd)); }

int syncfs(int fd) { NAMED("syncfs", fd, NULL, REAL(syncfs)(fd)); }

int fdatasync(int fd) { NAMED("fsync", fd, NULL, REAL(fdatasync)(fd)); }

int flock(int fd, int deed) { return getenv("FAULT_FLOCK") ? 0 : REAL(flock)(fd, deed); }

int rename(const char *from, const char *to) {
    NAMED("rename", AT_FDCWD, to, REAL(rename)(from, to));
}

int renameat(int one, const char *from, int other, const char *to) {
    NAMED("rename", other, to, REAL(renameat)(one, from, other, to));
}

int renameat2(int one, const char *from, int other, const char *to, unsigned flags) {
    NAMED("rename", other, to, REAL(renameat2)(one, from, other, to, flags));
}

int unlink(const char *path) { NAMED("unlink", AT_FDCWD, path, REAL(unlink)(path)); }

int unlinkat(int dir, const char *path, int flags) {
    NAMED("unlink", dir, path, REAL(unlinkat)(dir, path, flags));
}

int rmdir(const char *path) { NAMED("unlink", AT_FDCWD, path, REAL(rmdir)(path)); }

int mkdir(const char *path, mode_t mode) { NAMED("mkdir", AT_FDCWD, path, REAL(mkdir)(path, mode)); }

int symlink(const char *to, const char *path) {
    NAMED("symlink", AT_FDCWD, path, REAL(symlink)(to, path));
}

int link(const char *from, const char *to) { NAMED("link", AT_FDCWD, to, REAL(link)(from, to)); }

int linkat(int one, const char *from, int other, const char *to, int flags) {
    NAMED("link", other, to, REAL(linkat)(one, from, other, to, flags));
}
