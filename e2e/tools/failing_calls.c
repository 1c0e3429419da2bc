/* A library to preload: it lets calls about files fail, as a broken disk or a machine that is short of something would.
 *
 *   FAIL_WHILE   calls fail while a file of this name exists
 *   FAIL_CALLS   which ones: `sync`, `open`, `write`, `rename`, separated by commas
 *   FAIL_BELOW   only about paths that contain this text
 *   FAIL_WITH    the number of the error, as in errno(3); EIO if it is not given
 *   FAIL_LATE    if it is set, the call does its work all the same before it reports the error
 *   FAIL_LOG     each failure adds a line here: the call and the path
 *
 * cc -shared -fPIC -o failing_calls.so failing_calls.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whether `wanted` is one of the names in FAIL_CALLS. */
static int is_chosen(const char *wanted)
{
    const char *names = getenv("FAIL_CALLS");
    size_t length = strlen(wanted);

    while (names != NULL && *names != '\0') {
        if (strncmp(names, wanted, length) == 0 && (names[length] == ',' || names[length] == '\0'))
            return 1;
        names = strchr(names, ',');
        names = names == NULL ? NULL : names + 1;
    }
    return 0;
}

/* System calls, not functions: those of this library would ask themselves. */
static void note(const char *call, const char *path)
{
    const char *log = getenv("FAIL_LOG");
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    long fd = log == NULL ? -1 : syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (fd < 0)
        return;
    syscall(SYS_write, fd, line, length);
    syscall(SYS_close, fd);
}

static int fails_at(const char *call, const char *path)
{
    const char *while_there = getenv("FAIL_WHILE"), *below = getenv("FAIL_BELOW");

    if (while_there == NULL || below == NULL || path == NULL || strstr(path, below) == NULL || !is_chosen(call))
        return 0;
    if (syscall(SYS_faccessat, AT_FDCWD, while_there, F_OK) != 0)
        return 0;
    note(call, path);
    return 1;
}

static int fails_on(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return fails_at(call, path);
}

static int is_late(void) { return getenv("FAIL_LATE") != NULL; }

static int failure(void)
{
    const char *number = getenv("FAIL_WITH");

    errno = number == NULL ? EIO : atoi(number);
    return -1;
}

/* The function that this one stands before. */
#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

#define SYNC(name) \
    int name(int fd) \
    { \
        int fails = fails_on("sync", fd), result = 0; \
        if (!fails || is_late()) \
            result = NEXT(int (*)(int), #name)(fd); \
        return fails ? failure() : result; \
    }

SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

/* A file that was opened late stays open: the caller never learns its number. */
#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list more; \
        mode_t mode; \
        int fails = fails_at("open", path), result = 0; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
        if (!fails || is_late()) \
            result = NEXT(int (*)(const char *, int, ...), #name)(path, flags, mode); \
        return fails ? failure() : result; \
    }

OPEN(open)
OPEN(open64)

#define WRITE_AT(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) \
    { \
        int fails = fails_on("write", fd); \
        ssize_t result = 0; \
        if (!fails || is_late()) \
            result = NEXT(ssize_t (*)(int, const void *, size_t, offset_type), #name)(fd, bytes, length, offset); \
        return fails ? failure() : result; \
    }

WRITE_AT(pwrite, off_t)
WRITE_AT(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length)
{
    int fails = fails_on("write", fd);
    ssize_t result = 0;

    if (!fails || is_late())
        result = NEXT(ssize_t (*)(int, const void *, size_t), "write")(fd, bytes, length);
    return fails ? failure() : result;
}

int rename(const char *from, const char *to)
{
    int fails = fails_at("rename", from), result = 0;

    if (!fails || is_late())
        result = NEXT(int (*)(const char *, const char *), "rename")(from, to);
    return fails ? failure() : result;
}
