// longrunning_message: google.longrunning.Operation, made of a millrace.v1.Operation. Any thread.
#ifndef MILLRACE_BACKEND_OPERATIONS_LONGRUNNING_MESSAGE_H
#define MILLRACE_BACKEND_OPERATIONS_LONGRUNNING_MESSAGE_H

#include "google/longrunning/operations.pb-c.h"
#include "millrace/v1/operation.pb-c.h"

// Makes the standard message: `operation` is its metadata, the outcome its result. It owns all that
// it points to; release it with google__longrunning__operation__free_unpacked().
Google__Longrunning__Operation *longrunning_message_of(const Millrace__V1__Operation *operation);

#endif
