// bench: the processes of a measurement. Each ends with the benchmark, whatever happens to it.
// A child that is forked here may use gRPC: the benchmark itself must not have started it by then.
// What fails ends the benchmark with a line that says what.
#ifndef MILLRACE_TESTS_BENCH_CHILD_H
#define MILLRACE_TESTS_BENCH_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_WAIT_S = 60 };  // for what takes milliseconds: the machine may be busy

// Prints "bench: <text>" and ends the program with 1.
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Formats a string that the caller frees.
char *bench_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Runs run(arg) in a new process, which ends when it returns.
pid_t bench_fork(void (*run)(void *arg), void *arg);

// Starts argv[0], a path below the runfiles or an absolute one, with its standard output and
// standard error in the file `log`. The last of `argv` is NULL.
pid_t bench_spawn(const char *const *argv, const char *log);

// Waits until `pid` has ended by itself and returns its exit code; 128 + the signal that ended it.
int bench_wait(pid_t pid);

// Ends `pid` with SIGTERM, after 5 s with SIGKILL, and waits for it. 0 is fine.
void bench_end(pid_t pid);

// The CPU seconds that a running process has used, to 10 ms.
double bench_cpu_s(pid_t pid);

// Zeroed memory that later children share with the benchmark; never freed.
void *bench_shared(size_t size_bytes);

// Waits until somebody accepts connections on the unix socket `path`.
void bench_wait_for_socket(const char *path);

// A new directory; remove it with bench_remove_directory(). The caller frees the path.
char *bench_make_directory(void);
void bench_remove_directory(const char *path);

#endif
