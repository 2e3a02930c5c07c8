// cpu_threads: helpers that take a share of a step: they spin a little for the next one, then
// sleep.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CPU_THREADS_H
#define MILLRACE_HOST_TRAINING_ENGINE_CPU_THREADS_H

typedef struct cpu_threads cpu_threads;

// Starts `count` threads, beside the caller's. Never fails (no thread to be had aborts).
cpu_threads *cpu_threads_create(int count);
void cpu_threads_destroy(cpu_threads *own);

// Calls work(arg, i) for each i below `count`, each once, on this thread and the helpers, and
// returns when all have returned. NULL: on this thread only. One caller at a time.
void cpu_threads_run(cpu_threads *own, int count, void (*work)(void *arg, int index), void *arg);

#endif
