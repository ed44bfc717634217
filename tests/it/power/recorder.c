/* Stands between the program and the system, and writes down in one order what reaches a folder's
 * disk and what leaves through sockets, so that a power cut can be played after any of it.
 *
 * RECORD_ROOT=FOLDER (absolute, without links) says what is watched, RECORD_LOG=FILE where it is
 * written. Nothing is really synced: the log knows what would have been. Linux only, loaded with
 * LD_PRELOAD.
 *
 * A record is a line, `KIND numbers… path`, and for W and N as many bytes as the line says:
 *   C ino path      a file is made            M path          a folder is made
 *   W ino at n      n bytes are written       T ino size      a file is cut or stretched
 *   S ino           a file is synced          D path          a folder is synced
 *   R from\tto      a name moves              L from\tto      a name is added
 *   U path          a name goes               N n             n bytes may leave by a socket */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name, type, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_length;
static int record = -1;

__attribute__((constructor)) static void start(void) {
    const char *file = getenv("RECORD_LOG");
    root = getenv("RECORD_ROOT");
    if (!root || !file) return;
    root_length = strlen(root);
    record = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length) {
    const char *rest = bytes;
    while (length > 0) {
        long written = syscall(SYS_write, record, rest, length);
        if (written <= 0) abort();
        rest += written;
        length -= (size_t)written;
    }
}

static void say(const char *format, ...) {
    char line[3 * PATH_MAX];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    put(line, (size_t)length);
}

static int inside(const char *path) {
    return record >= 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

/* The path in full; whether it is watched. */
static int full(int folder, const char *path, char *into) {
    char base[PATH_MAX];
    if (record < 0) return 0;
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
    } else {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length <= 0) return 0;
            base[length] = 0;
        }
        if (strcmp(path, ".") == 0 || path[0] == 0) {
            snprintf(into, PATH_MAX, "%s", base);
        } else {
            if (snprintf(into, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
        }
    }
    return inside(into);
}

/* What a descriptor stands for, if it is watched: 'f' a file, 'd' a folder, 's' a socket. */
static char kind(int fd, struct stat *stat, char *path) {
    char link[64];
    if (record < 0 || fd == record || fstat(fd, stat) != 0) return 0;
    if (S_ISSOCK(stat->st_mode)) return 's';
    if (!S_ISREG(stat->st_mode) && !S_ISDIR(stat->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (!inside(path)) return 0;
    return S_ISDIR(stat->st_mode) ? 'd' : 'f';
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    struct stat stat;
    int watched = (flags & (O_CREAT | O_TRUNC)) && full(folder, path, whole);
    pthread_mutex_lock(&order);
    int was = watched && lstat(whole, &stat) == 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (watched && fd >= 0 && fstat(fd, &stat) == 0) {
        if (!was) say("C %lu %s\n", stat.st_ino, whole);
        else if (flags & O_TRUNC) say("T %lu 0\n", stat.st_ino);
    }
    pthread_mutex_unlock(&order);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list values; \
        va_start(values, flags); \
        mode = va_arg(values, mode_t); \
        va_end(values); \
    }
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return opened(folder, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

static off_t place(int fd, const struct stat *stat) {
    return fcntl(fd, F_GETFL) & O_APPEND ? stat->st_size : lseek(fd, 0, SEEK_CUR);
}

static ssize_t written(int fd, const struct iovec *parts, int count, off_t at, long call, int flags) {
    char path[PATH_MAX];
    struct stat stat;
    pthread_mutex_lock(&order);
    char what = kind(fd, &stat, path);
    if (what == 'f' && at < 0) at = place(fd, &stat);
    if (what == 's') {
        size_t all = 0;
        for (int n = 0; n < count; n++) all += parts[n].iov_len;
        say("N %zu\n", all);
        for (int n = 0; n < count; n++) put(parts[n].iov_base, parts[n].iov_len);
    }
    ssize_t done;
    if (call == SYS_pwrite64) done = syscall(call, fd, parts->iov_base, parts->iov_len, at);
    else if (call == SYS_writev) done = syscall(call, fd, parts, count);
    else if (call == SYS_sendto) done = syscall(call, fd, parts->iov_base, parts->iov_len, flags, 0, 0);
    else done = syscall(call, fd, parts->iov_base, parts->iov_len);
    if (what == 'f' && done > 0) {
        say("W %lu %ld %zd\n", stat.st_ino, at, done);
        size_t left = (size_t)done;
        for (int n = 0; n < count && left > 0; n++) {
            size_t some = parts[n].iov_len < left ? parts[n].iov_len : left;
            put(parts[n].iov_base, some);
            left -= some;
        }
    }
    pthread_mutex_unlock(&order);
    return done;
}

#define ONE struct iovec part = {(void *)bytes, length}
ssize_t write(int fd, const void *bytes, size_t length) { ONE; return written(fd, &part, 1, -1, SYS_write, 0); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, -1, SYS_writev, 0); }
ssize_t send(int fd, const void *bytes, size_t length, int flags) { ONE; return written(fd, &part, 1, -1, SYS_sendto, flags); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { ONE; return written(fd, &part, 1, at, SYS_pwrite64, 0); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { ONE; return written(fd, &part, 1, at, SYS_pwrite64, 0); }

static int cut(int fd, off_t size) {
    char path[PATH_MAX];
    struct stat stat;
    pthread_mutex_lock(&order);
    char what = kind(fd, &stat, path);
    int done = (int)syscall(SYS_ftruncate, fd, size);
    if (what == 'f' && done == 0) say("T %lu %ld\n", stat.st_ino, size);
    pthread_mutex_unlock(&order);
    return done;
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int synced(int fd, long call) {
    char path[PATH_MAX];
    struct stat stat;
    pthread_mutex_lock(&order);
    char what = kind(fd, &stat, path);
    int done = what ? 0 : (int)syscall(call, fd);
    if (what == 'f') say("S %lu\n", stat.st_ino);
    if (what == 'd') say("D %s\n", path);
    pthread_mutex_unlock(&order);
    return done;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int mkdir(const char *path, mode_t mode) {
    char whole[PATH_MAX];
    int watched = full(AT_FDCWD, path, whole);
    pthread_mutex_lock(&order);
    int done = REAL("mkdir", int, const char *, mode_t)(path, mode);
    if (watched && done == 0) say("M %s\n", whole);
    pthread_mutex_unlock(&order);
    return done;
}

static int removed(int folder, const char *path, int flags) {
    char whole[PATH_MAX];
    int watched = full(folder, path, whole);
    pthread_mutex_lock(&order);
    int done = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (watched && done == 0) say("U %s\n", whole);
    pthread_mutex_unlock(&order);
    return done;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

static int named(const char *letter, const char *from, const char *to, const char *call) {
    char whole_from[PATH_MAX], whole_to[PATH_MAX];
    int watched = full(AT_FDCWD, from, whole_from) | full(AT_FDCWD, to, whole_to);
    pthread_mutex_lock(&order);
    int done = REAL(call, int, const char *, const char *)(from, to);
    if (watched && done == 0) say("%s %s\t%s\n", letter, whole_from, whole_to);
    pthread_mutex_unlock(&order);
    return done;
}
static int moved(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char whole_from[PATH_MAX], whole_to[PATH_MAX];
    int watched = full(from_folder, from, whole_from) | full(to_folder, to, whole_to);
    pthread_mutex_lock(&order);
    int done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (watched && done == 0) say("R %s\t%s\n", whole_from, whole_to);
    pthread_mutex_unlock(&order);
    return done;
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return moved(from_folder, from, to_folder, to, flags);
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return moved(from_folder, from, to_folder, to, 0);
}
int rename(const char *from, const char *to) { return named("R", from, to, "rename"); }
int link(const char *from, const char *to) { return named("L", from, to, "link"); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char whole_from[PATH_MAX], whole_to[PATH_MAX];
    int watched = full(from_folder, from, whole_from) | full(to_folder, to, whole_to);
    pthread_mutex_lock(&order);
    int done = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (watched && done == 0) say("L %s\t%s\n", whole_from, whole_to);
    pthread_mutex_unlock(&order);
    return done;
}
