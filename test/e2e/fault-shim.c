/*
 * Loaded by LD_PRELOAD: makes calls on files of a path fail or wait, and moves the wall clock, while a test says so. The
 * test writes struct control into the file FAULT_CONTROL names, in one write; it is mapped here, so no call reads a file.
 */
#include "preload.h"
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, OPEN = 8 };

struct control {
  int64_t clock_seconds; /* added to the wall clock */
  int32_t calls;         /* which calls, as a sum; 0: none */
  int32_t error;         /* errno of a call that fails; 0: it only waits */
  int32_t delay_ms;
  char pattern[256]; /* of the whole path, as of a shell; '*' takes '/', too */
};

static const volatile struct control *control;

__attribute__((constructor)) static void map_control(void) {
  const char *file = getenv("FAULT_CONTROL");
  int fd = file ? open(file, O_RDONLY) : -1;
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) control = mapped;
}

/* Waits if it is to wait; gives whether the call is to fail, and sets errno. */
static int fails(int call, const char *path) {
  if (!control || !(control->calls & call)) return 0;
  if (fnmatch((const char *)control->pattern, path, 0) != 0) return 0;
  int error = control->error;
  if (control->delay_ms > 0) usleep(1000 * (useconds_t)control->delay_ms);
  if (error == 0) return 0;
  errno = error;
  return 1;
}

static int fails_on(int call, int fd) {
  char path[PATH_MAX];
  if (!control || !(control->calls & call)) return 0;
  return path_of(fd, path) && fails(call, path);
}

#define FORWARD(call, name, fd, arguments)             \
  {                                                    \
    static __typeof__(&name) real;                     \
    if (!real) real = REAL(name);                      \
    return fails_on(call, fd) ? -1 : real arguments;   \
  }

ssize_t write(int fd, const void *bytes, size_t size) FORWARD(WRITE, write, fd, (fd, bytes, size))
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
  FORWARD(WRITE, pwrite64, fd, (fd, bytes, size, at))
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
  FORWARD(WRITE, pwrite, fd, (fd, bytes, size, at))
int fsync(int fd) FORWARD(SYNC, fsync, fd, (fd))
int fdatasync(int fd) FORWARD(SYNC, fdatasync, fd, (fd))
int ftruncate64(int fd, off64_t size) FORWARD(TRUNCATE, ftruncate64, fd, (fd, size))
int ftruncate(int fd, off_t size) FORWARD(TRUNCATE, ftruncate, fd, (fd, size))

/* Only opening for writing fails: a file system that is read-only can be read. */
static int fails_to_open(const char *path, int flags) {
  char folder[PATH_MAX], whole[PATH_MAX + 256];
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) == 0) return 0;
  if (path[0] == '/') return fails(OPEN, path);
  if (!getcwd(folder, sizeof folder)) return 0;
  snprintf(whole, sizeof whole, "%s/%s", folder, path);
  return fails(OPEN, whole);
}

int open64(const char *path, int flags, ...) {
  static __typeof__(&open64) real;
  if (!real) real = REAL(open64);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails_to_open(path, flags) ? -1 : real(path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
  static __typeof__(&mkdir) real;
  if (!real) real = REAL(mkdir);
  return fails_to_open(path, O_CREAT) ? -1 : real(path, mode);
}

static int64_t clock_offset(void) { return control ? control->clock_seconds : 0; }

int gettimeofday(struct timeval *time, void *zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(time, zone);
  time->tv_sec += clock_offset();
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static __typeof__(&clock_gettime) real;
  if (!real) real = REAL(clock_gettime);
  int result = real(clock, time);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += clock_offset();
  return result;
}
