// users: whether an operation uses a series, by its kind and the request that it was started with.
// Pure; any thread; linear in the size of the request.
#ifndef MILLRACE_BACKEND_DATA_USERS_H
#define MILLRACE_BACKEND_DATA_USERS_H

#include "backend/data/choice.h"

// True if it may: a load of the series, whatever it says nothing of; a training whose strategy
// file, or whose request instead of it, has the instrument and the timeframe among its words.
// `texts` are what the instrument of `key` is called. A request that cannot be read uses it; what
// is neither a load nor a training uses none.
bool users_may_use(const series_defaults *defaults, const series_key *key, const char *const *texts,
                   size_t count, const char *kind, mesh_view request);

#endif
