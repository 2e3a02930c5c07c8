// The descriptors of every service and message of millrace, as one serialized
// google.protobuf.FileDescriptorSet. For reflection and for JSON. Imports come before the files
// that need them.
#ifndef MILLRACE_PROTOS_DESCRIPTORS_H
#define MILLRACE_PROTOS_DESCRIPTORS_H

extern const unsigned char millrace_descriptors[];
extern const unsigned long millrace_descriptors_size;  // bytes

#endif
