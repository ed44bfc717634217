/* Gives names addresses of the test's: NAMES="cdn.example=10.0.0.1 api.example=127.0.0.1".
 * Linux only, loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
                struct addrinfo **found) {
    look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *names = getenv("NAMES");
    size_t length = name ? strlen(name) : 0;
    for (const char *at = names; name && at && (at = strstr(at, name)); at += length) {
        char address[64];
        int whole = (at == names || at[-1] == ' ') && at[length] == '=';
        if (whole && sscanf(at + length + 1, "%63[^ ]", address) == 1) {
            return real(address, port, hints, found);
        }
    }
    return real(name, port, hints, found);
}
