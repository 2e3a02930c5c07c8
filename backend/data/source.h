// source: whose series is meant, where a request does not say.
#ifndef MILLRACE_BACKEND_DATA_SOURCE_H
#define MILLRACE_BACKEND_DATA_SOURCE_H

#include "backend/store/store.h"

// Writes into `out` the source that is asked for; where that is "", the only one that has bars of
// the symbol and timeframe, or else the only one of which anything is known; "" where there is
// none. FAILED_PRECONDITION names them where there are several. Blocks: on a pool thread.
MESH_NODISCARD mesh_code source_choose(store *store, const char *symbol, const char *timeframe,
                                       const char *asked, char out[SERIES_SOURCE_MAX],
                                       mesh_error *err);

#endif
