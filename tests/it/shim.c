/* Stands between the program and the system, to stop the one at any call of the other.
 *
 * Counts the calls that change a file or send bytes. SHIM_KILL_AT=N kills the process in the
 * place of the N-th of them; SHIM_FAIL_SYNC_AT=N lets every fsync from the N-th call on fail;
 * SHIM_COUNT=FILE gets the number of calls when the process ends. SHIM_SLOW=TEXT lets files whose
 * path has the text in it take SHIM_SLOW_MS to be opened, as a disk that has to spin up first. Linux
 * only, loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long kill_at = -1, fail_sync_at = -1;
static const char *count, *slow;
static long slow_ms = 0;

__attribute__((constructor)) static void start(void) {
    const char *number;
    if ((number = getenv("SHIM_KILL_AT"))) kill_at = atol(number);
    if ((number = getenv("SHIM_FAIL_SYNC_AT"))) fail_sync_at = atol(number);
    if ((number = getenv("SHIM_SLOW_MS"))) slow_ms = atol(number);
    count = getenv("SHIM_COUNT");
    slow = getenv("SHIM_SLOW");
}

__attribute__((destructor)) static void end(void) {
    FILE *file;
    if (count && (file = fopen(count, "w"))) {
        fprintf(file, "%ld\n", atomic_load(&calls));
        fclose(file);
    }
}

/* Wake-ups between threads go through pipes and eventfds: they change nothing that lasts. */
static int lasts(int fd) {
    struct stat stat;
    return fstat(fd, &stat) == 0 && (S_ISREG(stat.st_mode) || S_ISSOCK(stat.st_mode));
}

static long step(void) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (number == kill_at) {
        kill(getpid(), SIGKILL);
        pause();
    }
    return number;
}

#define REAL(name, type, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *bytes, size_t length) {
    if (lasts(fd)) step();
    return REAL("write", ssize_t, int, const void *, size_t)(fd, bytes, length);
}
ssize_t writev(int fd, const struct iovec *parts, int length) {
    if (lasts(fd)) step();
    return REAL("writev", ssize_t, int, const struct iovec *, int)(fd, parts, length);
}
ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    if (lasts(fd)) step();
    return REAL("send", ssize_t, int, const void *, size_t, int)(fd, bytes, length, flags);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t place) {
    step();
    return REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t)(fd, bytes, length, place);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t place) {
    step();
    return REAL("pwrite", ssize_t, int, const void *, size_t, off_t)(fd, bytes, length, place);
}
int ftruncate64(int fd, off64_t length) {
    step();
    return REAL("ftruncate64", int, int, off64_t)(fd, length);
}
int ftruncate(int fd, off_t length) {
    step();
    return REAL("ftruncate", int, int, off_t)(fd, length);
}
int unlink(const char *path) {
    step();
    return REAL("unlink", int, const char *)(path);
}
int rename(const char *from, const char *to) {
    step();
    return REAL("rename", int, const char *, const char *)(from, to);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    if (slow && strstr(path, slow)) usleep(slow_ms * 1000);
    return REAL("open64", int, const char *, int, ...)(path, flags, mode);
}

static int sync_fails(void) {
    long number = step();
    if (fail_sync_at < 0 || number < fail_sync_at) return 0;
    errno = EIO;
    return 1;
}
int fsync(int fd) {
    return sync_fails() ? -1 : REAL("fsync", int, int)(fd);
}
int fdatasync(int fd) {
    return sync_fails() ? -1 : REAL("fdatasync", int, int)(fd);
}
