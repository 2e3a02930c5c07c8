#include <dlfcn.h>
#include <dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/training/engine/cpu_gemm.h"
#include "mesh/runtime/text.h"

// oneDNN's functions, as its header names them.
#define FUNCTIONS(each)                                                                          \
  each(engine_create) each(stream_create) each(stream_wait) each(stream_destroy)                 \
      each(memory_desc_init_by_strides) each(matmul_desc_init) each(primitive_attr_create)       \
          each(primitive_attr_destroy) each(primitive_attr_set_post_ops) each(post_ops_create)   \
              each(post_ops_destroy) each(post_ops_append_sum) each(primitive_desc_create)       \
                  each(primitive_desc_destroy) each(primitive_desc_query) each(primitive_create) \
                      each(primitive_destroy) each(primitive_execute) each(memory_create)        \
                          each(memory_destroy)

static struct {
#define DECLARE(name) __typeof__(&dnnl_##name) name;
  FUNCTIONS(DECLARE)
#undef DECLARE
  void (*set_num_threads)(int);  // OpenMP's, of the thread that calls
  dnnl_engine_t engine;
  pthread_key_t stream;
  cpu_gemm table;
  mesh_code code;
  mesh_error err;
} dnn;

// A failure here is a bug of ours, or no memory.
static void must(dnnl_status_t status) {
  if (status == dnnl_success) return;
  fprintf(stderr, "oneDNN: status %d\n", (int)status);
  abort();
}

// ---- one shape of product ----

static dnnl_memory_desc_t describe(int rows, int columns, int stride, bool transposed,
                                   dnnl_data_type_t type) {
  dnnl_memory_desc_t made;
  dnnl_dims_t dims = {rows, columns}, strides = {transposed ? 1 : stride, transposed ? stride : 1};
  must(dnn.memory_desc_init_by_strides(&made, 2, dims, type, strides));
  return made;
}

typedef struct shape {
  dnnl_memory_desc_t a, b, c;
  dnnl_primitive_desc_t desc;
} shape;

static shape describe_product(const cpu_gemm_product *p) {
  shape made = {.a = describe(p->m, p->k, p->a.stride, p->a.transposed, dnnl_bf16),
                .b = describe(p->k, p->n, p->b.stride, p->b.transposed, dnnl_bf16),
                .c = describe(p->m, p->n, p->c_stride, false, dnnl_f32)};
  dnnl_matmul_desc_t desc;
  dnnl_primitive_attr_t attributes;
  dnnl_post_ops_t after;
  must(dnn.matmul_desc_init(&desc, &made.a, &made.b, NULL, &made.c));
  must(dnn.primitive_attr_create(&attributes));
  must(dnn.post_ops_create(&after));
  if (p->add) must(dnn.post_ops_append_sum(after, 1));
  must(dnn.primitive_attr_set_post_ops(attributes, after));
  must(dnn.primitive_desc_create(&made.desc, &desc, attributes, dnn.engine, NULL));
  dnn.post_ops_destroy(after);
  dnn.primitive_attr_destroy(attributes);
  return made;
}

// ---- a product ----

// A stream a thread, while it lives: oneDNN's are not for several at a time.
static void destroy_stream(void *stream) {
  dnn.stream_destroy(stream);
}

static dnnl_stream_t stream_of_thread(void) {
  dnnl_stream_t stream = pthread_getspecific(dnn.stream);
  if (stream != NULL) return stream;
  must(dnn.stream_create(&stream, dnn.engine, dnnl_stream_default_flags));
  if (pthread_setspecific(dnn.stream, stream) != 0) abort();
  return stream;
}

// oneDNN keeps the code that it made for a shape, so that making the same one again is cheap.
static void multiply(const cpu_gemm_product *p) {
  dnnl_primitive_t primitive;
  dnnl_memory_t a, b, c;
  dnn.set_num_threads(1);
  dnnl_stream_t stream = stream_of_thread();
  shape shape = describe_product(p);
  must(dnn.primitive_create(&primitive, shape.desc));
  must(dnn.memory_create(&a, &shape.a, dnn.engine, (void *)p->a.at));
  must(dnn.memory_create(&b, &shape.b, dnn.engine, (void *)p->b.at));
  must(dnn.memory_create(&c, &shape.c, dnn.engine, p->c));
  dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
  must(dnn.primitive_execute(primitive, stream, 3, args));
  must(dnn.stream_wait(stream));
  dnn.memory_destroy(a);
  dnn.memory_destroy(b);
  dnn.memory_destroy(c);
  dnn.primitive_destroy(primitive);
  dnn.primitive_desc_destroy(shape.desc);
}

// ---- the library ----

static mesh_code load(mesh_error *err) {
  void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "oneDNN is not here: %s", dlerror());
  }
#define FIND(name)                                                                     \
  *(void **)&dnn.name = dlsym(library, "dnnl_" #name);                                 \
  if (dnn.name == NULL) {                                                              \
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "libdnnl.so.2 has no dnnl_" #name); \
  }
  FUNCTIONS(FIND)
#undef FIND
  // Its OpenMP, which it brings with it.
  *(void **)&dnn.set_num_threads = dlsym(library, "omp_set_num_threads");
  if (dnn.set_num_threads == NULL) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "libdnnl.so.2 comes without OpenMP");
  }
  if (pthread_key_create(&dnn.stream, destroy_stream) != 0) abort();
  if (dnn.engine_create(&dnn.engine, dnnl_cpu, 0) == dnnl_success) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "oneDNN has no engine for this processor");
}

// Which of its kernels a product of some size gets: "brg:avx512_core_bf16".
static void name_kernels(void) {
  const char *name = "";
  cpu_gemm_product some = {
      .m = 128, .n = 512, .k = 512, .a = {.stride = 512}, .b = {.stride = 512}, .c_stride = 512};
  shape shape = describe_product(&some);
  must(dnn.primitive_desc_query(shape.desc, dnnl_query_impl_info_str, 0, &name));
  mesh_text_format(dnn.table.name, sizeof dnn.table.name, "oneDNN %.*s", MESH_TEXT_SHOWN(name, 36));
  dnn.primitive_desc_destroy(shape.desc);
}

static bool has_bf16(void) {
#if defined(__x86_64__)
  unsigned eax = 7, ebx, ecx = 0, edx;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  bool amx = edx >> 22 & 1, most = eax >= 1;
  eax = 7, ecx = 1;
  if (most) __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return __builtin_cpu_supports("avx512bw") && (amx || (most && (eax >> 5 & 1)));
#else
  return false;
#endif
}

static void open_library(void) {
  if (!has_bf16()) {
    dnn.code = mesh_fail(&dnn.err, GRPC_STATUS_UNAVAILABLE,
                         "this processor has neither AMX nor AVX512_BF16");
    return;
  }
  dnn.code = load(&dnn.err);
  if (dnn.code != GRPC_STATUS_OK) return;
  name_kernels();
  dnn.table.halves = true;
  dnn.table.multiply = multiply;
}

mesh_code cpu_gemm_bf16(const cpu_gemm **out, mesh_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  *out = dnn.code == GRPC_STATUS_OK ? &dnn.table : NULL;
  if (dnn.code != GRPC_STATUS_OK && err != NULL) *err = dnn.err;
  return dnn.code;
}
