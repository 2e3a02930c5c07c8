// ib_wire: the text form of TWS messages that both ends of a connection share.
// A frame is a 4-byte big-endian length and that many payload bytes; a payload is a row of fields,
// each terminated by NUL. Nothing here knows a message type. Not thread-safe: one owner each.
#ifndef MILLRACE_HOST_IB_WIRE_H
#define MILLRACE_HOST_IB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  IB_FRAME_HEADER_BYTES = 4,
  IB_FRAME_MAX_BYTES = 0xFFFFFF,  // payload; a longer frame is garbage
  IB_UNSET_INT = 2147483647,      // one of the ways to write "no value"; an empty field is another
};

// --- Receiving: a byte stream, cut into messages -------------------------------------------------

// Bytes that arrived and are not taken yet. Start with {0}; release with ib_inbox_fini().
typedef struct ib_inbox {
  char *bytes;  // owned
  size_t head;  // first byte not taken
  size_t tail;  // end of what arrived
  size_t capacity;
} ib_inbox;

// One message, borrowed from the inbox until the next ib_inbox_reserve() or ib_inbox_fini().
typedef struct ib_message {
  const char *payload;
  size_t size_bytes;  // 0 is legal: a message without fields
} ib_message;

typedef enum ib_take {
  IB_TAKE_DONE,    // something was taken
  IB_TAKE_MORE,    // not whole yet: read more bytes
  IB_TAKE_BROKEN,  // this is no TWS stream: close the connection
} ib_take;

// Returns room for `size_bytes` (> 0) more bytes, to be filled by recv(); NULL when memory is out.
char *ib_inbox_reserve(ib_inbox *inbox, size_t size_bytes);

// Says that the first `size_bytes` of the reserved room are filled.
void ib_inbox_filled(ib_inbox *inbox, size_t size_bytes);

// Takes the next whole message. BROKEN when its length is above IB_FRAME_MAX_BYTES.
ib_take ib_inbox_take(ib_inbox *inbox, ib_message *out);

// Takes exactly these raw bytes, such as the "API\0" before the first frame; BROKEN if others came.
ib_take ib_inbox_take_raw(ib_inbox *inbox, const char *bytes, size_t size_bytes);

// Frees the bytes; messages that were taken are gone with them. The inbox can be used again.
void ib_inbox_fini(ib_inbox *inbox);

// --- Reading the fields of one message -----------------------------------------------------------

// Reads fields from left to right and never past the end. After the first missing or malformed
// field every accessor gives the unset value; look at `bad_field` once, when all are read.
typedef struct ib_fields {
  const char *at, *end;
  int taken;      // fields read so far
  int bad_field;  // number of the first field (1 = the first) that was missing or malformed; 0:
                  // none
} ib_fields;

// The fields of a message, none read yet; they borrow it.
ib_fields ib_fields_of(ib_message message);

// The field's text, NUL-terminated, borrowed from the message; "" when missing.
const char *ib_take_text(ib_fields *fields);

// A decimal integer. Empty and 2147483647 give `unset`, which is 0 for most fields.
int64_t ib_take_int(ib_fields *fields, int64_t unset);

// A decimal number, E notation too. Empty and the largest double give `unset`. "Infinity" and "NaN"
// are passed on: whoever uses the value judges it.
double ib_take_double(ib_fields *fields, double unset);

// "1" or "0"; empty is false.
bool ib_take_bool(ib_fields *fields);

// Passes over `count` (0 or more) fields, whatever is in them.
void ib_skip(ib_fields *fields, int count);

// True when no field is left.
bool ib_fields_at_end(const ib_fields *fields);

// Parses the whole of `text` as a number, exactly as strtod() would in the C locale, but quickly
// for what prices look like. False when it is empty or something else is in it.
bool ib_parse_double(const char *text, double *out);

// --- Writing messages ----------------------------------------------------------------------------

// Whole messages, ready to be sent, and at most one that is being built at the end. Start with {0};
// release with ib_outbox_fini(). A failure (memory, a message too long) is kept until ib_end().
typedef struct ib_outbox {
  char *bytes;         // owned
  size_t sent;         // bytes that ib_outbox_sent() removed
  size_t size_bytes;   // end of what is written
  size_t frame_start;  // where the message being built begins
  size_t capacity;
  bool failed;
} ib_outbox;

// Starts a message; every ib_begin() is followed by fields and one ib_end().
void ib_begin(ib_outbox *outbox);

// One field each, copied. A NUL would end a text.
void ib_put_text(ib_outbox *outbox, const char *text);
void ib_put_int(ib_outbox *outbox, int64_t value);    // in decimal digits
void ib_put_bool(ib_outbox *outbox, bool value);      // "1" or "0"
void ib_put_double(ib_outbox *outbox, double value);  // the shortest text that reads back the same
void ib_put_unset(ib_outbox *outbox);                 // an empty field

// `size_bytes` bytes that hold whole fields, each with its NUL.
void ib_put_fields(ib_outbox *outbox, const char *fields, size_t size_bytes);

// Finishes the message. False (and the message is dropped, the earlier ones stay) when memory ran
// out or it is longer than IB_FRAME_MAX_BYTES.
bool ib_end(ib_outbox *outbox);

// Appends raw bytes outside of any frame: the "API\0" and version string of a handshake.
bool ib_put_raw(ib_outbox *outbox, const char *bytes, size_t size_bytes);

// What waits to be sent; valid until the outbox is changed.
const char *ib_outbox_pending(const ib_outbox *outbox, size_t *size_bytes);
// The first `size_bytes` of it were: they are forgotten.
void ib_outbox_sent(ib_outbox *outbox, size_t size_bytes);

// Forgets everything that was written, a failure too, and keeps the memory. Fields may also be
// written without ib_begin(), to be put into a message later with ib_put_fields(); a cleared outbox
// is how such a row starts.
void ib_outbox_clear(ib_outbox *outbox);

// Frees the bytes, sent or not. The outbox can be used again.
void ib_outbox_fini(ib_outbox *outbox);

#endif
