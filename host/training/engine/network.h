// train_network: a multi-layer perceptron, its loss and its optimiser, as numbers; and the state
// that training changes. Plain values: any thread.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_NETWORK_H
#define MILLRACE_HOST_TRAINING_ENGINE_NETWORK_H

#include "mesh/runtime/status.h"

enum {
  TRAIN_HIDDEN_MAX = 8,     // hidden layers
  TRAIN_WIDTH_MAX = 4096,   // units of a layer, features
  TRAIN_TARGETS_MAX = 16,   // units of the last layer
  TRAIN_BATCH_MAX = 65536,  // rows of a step
};

typedef enum train_activation {
  TRAIN_RELU,
  TRAIN_TANH,
  TRAIN_SIGMOID_UNIT,
  TRAIN_LEAKY_RELU,  // slope 0.01
} train_activation;

typedef enum train_loss {
  TRAIN_CROSS_ENTROPY,  // softmax over the outputs; targets are class ids
  TRAIN_FOCAL,          // (1 - p)^gamma times the cross entropy (Lin et al. 2017)
  TRAIN_HUBER,          // one output; targets are numbers
} train_loss;

// For each hidden size Linear, activation, dropout; then Linear to `outputs`.
typedef struct train_network {
  int inputs, outputs, hidden_count;
  int hidden[TRAIN_HIDDEN_MAX];
  train_activation activation;
  float dropout;         // the probability of a zero, [0, 1); the others are scaled by 1 / (1 - p)
  train_loss loss;       // mean over the batch; with class weights, weighted as torch does it:
                         // sum(w[y] * l) / sum(w[y])
  float loss_parameter;  // focal: gamma (2.0); huber: delta (0.01)
  bool weighted;         // class_weights count
  float class_weights[TRAIN_TARGETS_MAX];
} train_network;

typedef enum train_rule {
  TRAIN_ADAM,     // weight decay added to the gradient (L2), as torch.optim.Adam
  TRAIN_ADAMW,    // decoupled decay, as torch.optim.AdamW
  TRAIN_SGD,      // momentum as torch.optim.SGD: v = m v + g; w -= lr v
  TRAIN_RMSPROP,  // as torch.optim.RMSprop, alpha `beta2`, momentum 0
} train_rule;

// The learning rate is an argument of each step.
typedef struct train_optimizer {
  train_rule rule;
  float weight_decay;
  float momentum;               // sgd
  float beta1, beta2, epsilon;  // adam, adamw 0.9 0.999 1e-8; rmsprop: beta2 0.99
  float gradient_clip;          // largest L2 norm of the whole gradient; 0: no limit
} train_optimizer;

// The usual numbers of a rule: decay 1e-4, clip 1.0, the rest as above.
train_optimizer train_optimizer_defaults(train_rule rule);

// INVALID_ARGUMENT names a number that is out of range, and its range.
MESH_NODISCARD mesh_code train_network_check(const train_network *network, mesh_error *err);

// Parameters of one Linear: `weight` (out, in) row-major, then `bias` (out), at these offsets of
// the flat vector of all parameters, first layer first.
typedef struct train_layer {
  int in, out;
  size_t weight, bias;
} train_layer;

// The layers: hidden_count + 1 of them into `layers`; returns how many.
int train_network_layers(const train_network *network, train_layer layers[TRAIN_HIDDEN_MAX + 1]);

// How many numbers all layers have.
size_t train_network_parameter_count(const train_network *network);

// How many rows to predict at a time (1 or more), so that whoever does may look at its stop
// between them.
size_t train_predict_piece(const train_network *network);

// Fills `parameters` as torch.nn.Linear does it: weights and biases uniform in +-1/sqrt(in), from
// the counter-based generator of `seed` (random.h).
void train_network_initialize(const train_network *network, uint64_t seed, float *parameters);

// Everything that a step changes: with it, training goes on bit for bit. Each array has
// `parameter_count` numbers, owned by whoever made it.
typedef struct train_state {
  int64_t step;  // steps done
  size_t parameter_count;
  float *parameters;
  float *first;   // Adam's m, SGD's velocity, unused by RMSprop
  float *second;  // Adam's and RMSprop's v, unused by SGD
} train_state;

// All zeros but the parameters, which are initialized. Never fails (out of memory aborts).
void train_state_init(train_state *state, const train_network *network, uint64_t seed);

// Frees the arrays of train_state_init().
void train_state_fini(train_state *state);

#endif
