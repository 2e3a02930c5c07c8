// mesh_standard: the three descriptors that every program expects to be there.
#ifndef MILLRACE_MESH_PROGRAM_STANDARD_H
#define MILLRACE_MESH_PROGRAM_STANDARD_H

// Takes the numbers of standard descriptors that are closed, so that nothing that is opened later
// becomes standard error and gets the log. Reading or writing them fails as before. First in
// main().
void mesh_standard_hold(void);

#endif
