// segments: gaps cut into what a gateway answers in one reply of a few thousand bars.
#ifndef MILLRACE_BACKEND_DATA_SEGMENTS_H
#define MILLRACE_BACKEND_DATA_SEGMENTS_H

#include "market/interval.h"
#include "market/timeframe.h"

// The longest segment of a timeframe, in seconds.
int64_t segments_limit_s(const timeframe *frame);

// Adds to `out` segments whose union is the gaps, without overlap, none longer than the limit,
// oldest first. Cuts lie between two bars, on multiples of the limit, so that the same window is
// always cut in the same places. `gaps` is normalized. OUT_OF_RANGE if there would be more than
// 100,000.
MESH_NODISCARD mesh_code segments_plan(const timeframe *frame, const intervals *gaps,
                                       intervals *out, mesh_error *err);

#endif
