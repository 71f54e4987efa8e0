/*
 * Loaded by LD_PRELOAD: ends the process by SIGKILL at the n-th call of one kind on a file whose path ends as given, in
 * the middle of a write (half of its bytes are written), or just before a sync or a removal.
 * KILL_CALL: write, fsync or unlink; KILL_FILE: the end of the path; KILL_PASS: n.
 */
#include "preload.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *wanted_call, *wanted_end;
static int wanted_pass;
static atomic_int passes;

__attribute__((constructor)) static void read_wishes(void) {
  const char *pass = getenv("KILL_PASS");
  wanted_call = getenv("KILL_CALL");
  wanted_end = getenv("KILL_FILE");
  wanted_pass = pass ? atoi(pass) : 1;
}

static int is_call(const char *call) {
  return wanted_call && wanted_end && strcmp(call, wanted_call) == 0;
}

static int is_last_pass(const char *path) {
  size_t length = strlen(path), end = strlen(wanted_end);
  if (length < end || strcmp(path + length - end, wanted_end) != 0) return 0;
  return atomic_fetch_add(&passes, 1) + 1 == wanted_pass;
}

static int is_last_pass_of(int fd) {
  char path[PATH_MAX];
  return path_of(fd, path) && is_last_pass(path);
}

static void end_here(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

ssize_t write(int fd, const void *bytes, size_t size) {
  static __typeof__(&write) real;
  if (!real) real = REAL(write);
  if (is_call("write") && is_last_pass_of(fd)) {
    real(fd, bytes, size / 2);
    end_here();
  }
  return real(fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  static __typeof__(&pwrite64) real;
  if (!real) real = REAL(pwrite64);
  if (is_call("write") && is_last_pass_of(fd)) {
    real(fd, bytes, size / 2, at);
    end_here();
  }
  return real(fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  return pwrite64(fd, bytes, size, at);
}

int fsync(int fd) {
  static __typeof__(&fsync) real;
  if (!real) real = REAL(fsync);
  if (is_call("fsync") && is_last_pass_of(fd)) end_here();
  return real(fd);
}

int fdatasync(int fd) {
  static __typeof__(&fdatasync) real;
  if (!real) real = REAL(fdatasync);
  if (is_call("fsync") && is_last_pass_of(fd)) end_here();
  return real(fd);
}

int unlink(const char *path) {
  static __typeof__(&unlink) real;
  if (!real) real = REAL(unlink);
  if (is_call("unlink") && is_last_pass(path)) end_here();
  return real(path);
}
