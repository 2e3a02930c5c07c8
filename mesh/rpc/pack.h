// mesh_message_pack, mesh_message_unpack: protobuf-c messages to bytes and back. The only place
// that calls protobuf-c for either, so that no message is written into room that was guessed, and
// none that came from outside takes more memory than is written here. Text is UTF-8 on both sides,
// whatever it was before: a damaged byte becomes '?'. (A request with such text is refused before
// it is unpacked, see server.h; this is for what a host says, and what a store holds.) Any thread.
#ifndef MILLRACE_MESH_RPC_PACK_H
#define MILLRACE_MESH_RPC_PACK_H

#include <protobuf-c/protobuf-c.h>

#include "mesh/runtime/bytes.h"
#include "mesh/runtime/status.h"

enum {
  MESH_UNPACK_FREE = 1 << 20,  // bytes that any message may take once it is unpacked
  MESH_UNPACK_TIMES = 16,      // and this many for each byte of it
  MESH_UNPACK_LEVELS = 4,      // of a message within others of its own type
};

// The message as bytes; the caller frees out->data. Never fails (out of memory aborts).
mesh_bytes mesh_message_pack(const ProtobufCMessage *message);

// The same of a message that is long: go_on(arg) is asked before each MiB. False: it said no, and
// *out is empty.
MESH_NODISCARD bool mesh_message_pack_while(const ProtobufCMessage *message,
                                            bool (*go_on)(void *arg), void *arg, mesh_bytes *out);

// Packs `message` into `room`. False: it needs more than `room_bytes`, and nothing was written.
// Only where the room is somebody else's struct; else mesh_message_pack().
MESH_NODISCARD bool mesh_message_pack_into(const ProtobufCMessage *message, void *room,
                                           size_t room_bytes, size_t *size_bytes);

// The message in `bytes`, as protobuf-c makes it; release it with its __free_unpacked(message,
// NULL). NULL: they are no `type`, or would take more than MESH_UNPACK_FREE + MESH_UNPACK_TIMES *
// size_bytes once they are unpacked (two bytes can announce a message of a hundred). protobuf-c's
// recursion has no bound of its own: a `type` that holds messages of its own type in a field is
// taken MESH_UNPACK_LEVELS deep, and no other way to hold itself may be added (messages_fuzz
// looks).
void *mesh_message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes,
                          size_t size_bytes);

#endif
