/* Tells the program that every folder lies on the file system of this number: ELSEWHERE=0x6969.
 * Linux only, loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/vfs.h>

#define ELSEWHERE(name, type) \
    int name(const char *path, struct type *found) { \
        int done = ((int (*)(const char *, struct type *))dlsym(RTLD_NEXT, #name))(path, found); \
        const char *number = getenv("ELSEWHERE"); \
        if (done == 0 && number) found->f_type = strtol(number, NULL, 0); \
        return done; \
    }
ELSEWHERE(statfs, statfs)
ELSEWHERE(statfs64, statfs64)
