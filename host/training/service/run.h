// run: a training as the work of an operation: from the request to the model's file.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_RUN_H
#define MILLRACE_HOST_TRAINING_SERVICE_RUN_H

#include "host/training/model/model.h"
#include "host/training/service/checkpoints.h"
#include "host/training/service/host.h"
#include "host/training/service/series.h"
#include "host/training/trainer/trainer.h"
#include "market/examine.h"
#include "mesh/rpc/message.h"
#include "millrace/v1/training.pb-c.h"

#define TRAINING_PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

enum { TRAINING_TEXT_MAX = 256, TRAINING_LOOK_MAX = 2 * EXAMINE_TEXT_MAX + 96 };

typedef struct training_run {
  struct training_run *next;  // of the host's
  training_host *host;
  Millrace__V1__TrainRequest *request;  // owned, as are the next five and the series
  strategy *strategy;
  dataset *data;
  train_engine *engine;
  trainer *trainer;
  const char *no_gpu;                     // as it was when the run began; "" if there is one
  bool file_failed;                       // what failed was a file, not the device
  bool on_gpu, gpu_failed;                // it had more against the training than too little memory
  bar_columns *series;                    // [symbol * timeframe_count + timeframe]
  series_name *names;                     // theirs
  char resume_from[CHECKPOINT_NAME_MAX];  // the manager's last checkpoint; "": from the beginning
  mesh_operation *operation;
  mesh_cancel_hook hook;  // asks `stop`
  train_stop stop;        // of the pool's work
  int64_t began_ns;
  size_t reported;  // epochs
  bool succeeded;
  // Of the checkpoint policy.
  bool unsaved;    // the last checkpoint found no room on the disk
  bool unwritten;  // nor did the model
  int64_t saved_ns, saved_step;
  int saved_epoch;
  mesh_code save_code;  // of the last one
  mesh_error save_error;
  char checkpoint[CHECKPOINT_NAME_MAX];
  // The end.
  Millrace__V1__TrainResult result;
  char summary[TRAINING_TEXT_MAX], detail[TRAINING_TEXT_MAX];
  char weights_sha256[MESH_SHA256_HEX], sha256[MESH_SHA256_HEX], symbols[TRAINING_TEXT_MAX];
  char timeframes[TRAINING_TEXT_MAX], device[96];
  Millrace__V1__Metrics metrics[2];
  Millrace__V1__ClassMetrics classes[2][TRAIN_CLASSES], *class_lists[2][TRAIN_CLASSES];
  Millrace__V1__LayerStop stop_told, *stops[1];
  Google__Protobuf__Timestamp stopped;
} training_run;

// mesh_hosted_kind.prepare: `self` is the training_host.
mesh_code training_run_prepare(void *self, const Millrace__V1__RunRequest *request, mesh_work *work,
                               mesh_error *err);

// ---- Its parts ----

// On a pool thread: the strategy, as the request overrides it.
mesh_code training_run_read_strategy(training_run *own, mesh_error *err);

// On a pool thread: what is odd in series number `which`, in one line; "" if nothing is.
void training_run_look(const training_run *own, size_t which, char out[TRAINING_LOOK_MAX]);

// On a pool thread: rows, engine and trainer, as the checkpoint (if any) has them.
mesh_code training_run_build(training_run *own, char note[TRAINING_TEXT_MAX], mesh_error *err);

// On a pool thread: a checkpoint's file; its name in own->checkpoint.
mesh_code training_run_save(training_run *own, mesh_error *err);

// On a pool thread, after the end: metrics, own->result, and the model's file.
mesh_code training_run_finish(training_run *own, mesh_error *err);

// Metrics as a message, in the caller's storage.
void training_metrics_message(const trainer_metrics *from, bool classes, Millrace__V1__Metrics *out,
                              Millrace__V1__ClassMetrics storage[TRAIN_CLASSES],
                              Millrace__V1__ClassMetrics *list[TRAIN_CLASSES]);

// An epoch as a message. `out` and what it points to are in the caller's storage.
typedef struct training_epoch_message {
  Millrace__V1__EpochReport report;
  Millrace__V1__Metrics train, validation;
  Millrace__V1__ClassMetrics classes[TRAIN_CLASSES], *list[TRAIN_CLASSES];
} training_epoch_message;

// Fills it; `from` is borrowed for as long as *out is used.
void training_epoch_fill(const training_run *own, const trainer_epoch *from,
                         training_epoch_message *out);

#endif
