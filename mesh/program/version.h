// The version of millrace, of every program.
#ifndef MILLRACE_MESH_PROGRAM_VERSION_H
#define MILLRACE_MESH_PROGRAM_VERSION_H

#define MILLRACE_VERSION "0.1.0"

#endif
