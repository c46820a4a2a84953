/* failing.c: system calls that fail when a test says so.
 *
 * A library for LD_PRELOAD. fail_call("write", k) lets the k-th call of write() from now on fail, and all after it, as
 * on a full disk; fail_call("write", 0) ends that. Only the thread that asked is concerned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

static __thread const char *chosen; /* NULL: no call fails */
static __thread long left;

void fail_call(const char *name, long k) {
    chosen = k ? name : NULL;
    left = k;
}

static int fails(const char *name) {
    if (!chosen || strcmp(chosen, name)) return 0;
    if (left > 0) left--;
    return left == 0;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int file, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = REAL(ssize_t, "write", int, const void *, size_t);
    if (chosen && !strcmp(chosen, "short write")) { /* the disk becomes full within a write */
        if (left > 0) left--;
        if (left == 0) {
            fail_call("write", 1);
            return size > 1 ? real(file, data, size / 2) : (errno = ENOSPC, -1);
        }
    }
    return fails("write") ? (errno = ENOSPC, -1) : real(file, data, size);
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = REAL(int, "fsync", int);
    return fails("fsync") ? (errno = EIO, -1) : real(file);
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (!real) real = REAL(int, "rename", const char *, const char *);
    return fails("rename") ? (errno = ENOSPC, -1) : real(from, to);
}

static int open_file(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = REAL(int, name, const char *, int, ...);
    return fails("open") ? (errno = EMFILE, -1) : real(path, flags, mode);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
        va_end(arguments); \
        return open_file(#name, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

/* dlsym may allocate, so the C library's own names are used. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *malloc(size_t size) { return fails("malloc") ? (errno = ENOMEM, NULL) : __libc_malloc(size); }
void *calloc(size_t count, size_t size) {
    return fails("malloc") ? (errno = ENOMEM, NULL) : __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) { return fails("malloc") ? (errno = ENOMEM, NULL) : __libc_realloc(old, size); }

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real) real = REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
    return fails("malloc") ? (errno = ENOMEM, MAP_FAILED) : real(address, size, protection, flags, file, offset);
}
