// steps: trains on standard input's numbers, step by step, for tests/reference/torch_test.py.
// A line "inputs hidden1 hidden2 outputs activation rule rate decay momentum clip batch steps
// rows", then raw: parameters (float), features (float), classes (byte), order (uint32, steps *
// batch). Writes raw: the loss of each step (double), the parameters (float).
#include <stdio.h>
#include <stdlib.h>

#include "host/training/engine/engine.h"

static void *read_array(size_t count, size_t size) {
  void *made = calloc(count + 1, size);
  if (made == NULL || fread(made, size, count, stdin) != count) abort();
  return made;
}

static void must(mesh_code code, const mesh_error *err) {
  if (code == GRPC_STATUS_OK) return;
  fprintf(stderr, "steps: %s\n", err->message);
  exit(1);
}

int main(void) {
  train_setup setup = {.network = {.hidden_count = 2}};
  train_network *network = &setup.network;
  train_optimizer *optimizer = &setup.optimizer;
  int activation, rule, steps, rows;
  float rate, decay, momentum, clip;
  if (scanf("%d %d %d %d %d %d %f %f %f %f %d %d %d", &network->inputs, &network->hidden[0],
            &network->hidden[1], &network->outputs, &activation, &rule, &rate, &decay, &momentum,
            &clip, &setup.batch_rows, &steps, &rows) != 13 ||
      getchar() != '\n')
    return 2;
  network->activation = (train_activation)activation;
  *optimizer = train_optimizer_defaults((train_rule)rule);
  optimizer->weight_decay = decay;
  optimizer->momentum = momentum;
  optimizer->gradient_clip = clip;

  train_state state;
  train_state_init(&state, network, 1);
  free(state.parameters);
  state.parameters = read_array(state.parameter_count, sizeof(float));
  train_rows data = {.count = (size_t)rows};
  float *features = read_array((size_t)rows * (size_t)network->inputs, sizeof(float));
  uint8_t *classes = read_array((size_t)rows, 1);
  uint32_t *order = read_array((size_t)steps * (size_t)setup.batch_rows, sizeof(uint32_t));
  data.features = features;
  data.classes = classes;

  train_engine *engine;
  mesh_error err;
  must(train_cpu_create(&setup, NULL, &engine, &err), &err);
  must(train_engine_attach(engine, &data, &err), &err);
  must(train_engine_load(engine, &state, &err), &err);
  for (int i = 0; i < steps; i++) {
    train_run run = {.order = order + (size_t)i * (size_t)setup.batch_rows,
                     .count = (size_t)setup.batch_rows,
                     .batch_rows = setup.batch_rows,
                     .learning_rate = rate};
    train_ran ran;
    must(train_engine_run(engine, &run, &ran, &err), &err);
    fwrite(&ran.last_loss, sizeof ran.last_loss, 1, stdout);
  }
  must(train_engine_store(engine, &state, &err), &err);
  fwrite(state.parameters, sizeof(float), state.parameter_count, stdout);
  train_engine_destroy(engine);
  train_state_fini(&state);
  free(features);
  free(classes);
  free(order);
  return 0;
}
