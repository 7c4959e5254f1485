/* Use with LD_PRELOAD: below the folder $LACKING, locks, syncing of folders and shared memory maps are unsupported. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_below(int file) {
    const char *folder = getenv("LACKING");
    char link[40], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = folder ? readlink(link, path, sizeof path - 1) : -1;
    return length > 0 && strncmp(path, folder, strlen(folder)) == 0;
}

static int fail(int number) {
    errno = number;
    return -1;
}

int flock(int file, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    return is_below(file) ? fail(ENOSYS) : real(file, operation);
}

static int lock_or_other(const char *name, int file, int command, void *argument) {
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    int locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK;
    return locks && is_below(file) ? fail(ENOLCK) : real(file, command, argument);
}

#define FORWARD(NAME)                                        \
    int NAME(int file, int command, ...) {                   \
        va_list rest;                                        \
        va_start(rest, command);                             \
        void *argument = va_arg(rest, void *);               \
        va_end(rest);                                        \
        return lock_or_other(#NAME, file, command, argument); \
    }
FORWARD(fcntl)
FORWARD(fcntl64)

int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    struct stat status;
    int is_folder = fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
    return is_folder && is_below(file) ? fail(EIO) : real(file);
}

void *mmap64(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap64");
    if (file >= 0 && (flags & MAP_SHARED) && is_below(file)) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    return real(at, length, protection, flags, file, offset);
}

void *mmap(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    return mmap64(at, length, protection, flags, file, offset);
}
