// model: a trained network with everything that using it needs, as one safetensors file: weights,
// scaling, and, in a note, who made it from what (millrace.v1.Model).
#ifndef MILLRACE_HOST_TRAINING_MODEL_MODEL_H
#define MILLRACE_HOST_TRAINING_MODEL_MODEL_H

#include "host/training/dataset/dataset.h"
#include "mesh/runtime/bytes.h"
#include "millrace/v1/learning.pb-c.h"

enum { MODEL_BYTES_MAX = 1 << 30 };

typedef struct model {
  Millrace__V1__Model *about;  // these are owned
  strategy *strategy;
  float *weights;
  size_t weight_count;
  dataset_scaling scaling;
  bool zero;  // missing values are 0 (warmup)
} model;

// The file: `weights` as the engine has them (network.h). INVALID_ARGUMENT: a text of `about` is no
// UTF-8. On OK the caller frees out->data.
MESH_NODISCARD mesh_code model_pack(const mesh_schema *schema, const Millrace__V1__Model *about,
                                    const train_network *network, const float *weights,
                                    const dataset_scaling *scaling, mesh_bytes *out,
                                    mesh_error *err);

// Reads a file back. DATA_LOSS: it is none, or damaged. CANCELLED: `stop` (may be NULL) was asked
// to. On OK release *out with model_destroy().
MESH_NODISCARD mesh_code model_read(train_stop *stop, const mesh_schema *schema, mesh_view file,
                                    model **out, mesh_error *err);

// Frees what it owns. NULL is fine.
void model_destroy(model *own);

// The model as ONNX (opset 13): input "features" (rows, features) in the order of about->features,
// unscaled; outputs "outputs" (rows, outputs), before softmax, and for classes "probabilities".
// CANCELLED: `stop` (may be NULL) was asked to. On OK the caller frees out->data.
MESH_NODISCARD mesh_code model_to_onnx(train_stop *stop, const model *own, mesh_bytes *out,
                                       mesh_error *err);

#endif
