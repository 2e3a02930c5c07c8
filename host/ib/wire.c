#include "host/ib/wire.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What an empty inbox keeps: one very large message is no reason to hold its memory for ever.
enum { KEPT_BYTES = 1 << 20 };

// Grows `*bytes` to hold `needed` bytes; false leaves it as it was.
static bool grow(char **bytes, size_t *capacity, size_t needed) {
  if (needed <= *capacity) return true;
  size_t larger = *capacity < 4096 ? 4096 : *capacity * 2;
  if (larger < needed) larger = needed;
  char *moved = realloc(*bytes, larger);
  if (moved == NULL) return false;
  *bytes = moved;
  *capacity = larger;
  return true;
}

char *ib_inbox_reserve(ib_inbox *inbox, size_t size_bytes) {
  if (inbox->head == inbox->tail) {
    inbox->head = inbox->tail = 0;
    if (inbox->capacity > KEPT_BYTES) ib_inbox_fini(inbox);
  }
  // Move the rest of a message to the front only when that makes the room: each byte moves seldom.
  if (inbox->head > 0 && inbox->tail + size_bytes > inbox->capacity) {
    memmove(inbox->bytes, inbox->bytes + inbox->head, inbox->tail - inbox->head);
    inbox->tail -= inbox->head;
    inbox->head = 0;
  }
  if (!grow(&inbox->bytes, &inbox->capacity, inbox->tail + size_bytes)) return NULL;
  return inbox->bytes + inbox->tail;
}

void ib_inbox_filled(ib_inbox *inbox, size_t size_bytes) {
  inbox->tail += size_bytes;
}

static uint32_t read_length(const char *header) {
  const unsigned char *b = (const unsigned char *)header;
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

ib_take ib_inbox_take(ib_inbox *inbox, ib_message *out) {
  size_t available = inbox->tail - inbox->head;
  if (available < IB_FRAME_HEADER_BYTES) return IB_TAKE_MORE;
  uint32_t length = read_length(inbox->bytes + inbox->head);
  if (length > IB_FRAME_MAX_BYTES) return IB_TAKE_BROKEN;
  if (available - IB_FRAME_HEADER_BYTES < length) return IB_TAKE_MORE;
  out->payload = inbox->bytes + inbox->head + IB_FRAME_HEADER_BYTES;
  out->size_bytes = length;
  inbox->head += IB_FRAME_HEADER_BYTES + length;
  return IB_TAKE_DONE;
}

ib_take ib_inbox_take_raw(ib_inbox *inbox, const char *bytes, size_t size_bytes) {
  size_t available = inbox->tail - inbox->head;
  size_t compared = available < size_bytes ? available : size_bytes;
  if (compared > 0 && memcmp(inbox->bytes + inbox->head, bytes, compared) != 0) {
    return IB_TAKE_BROKEN;
  }
  if (available < size_bytes) return IB_TAKE_MORE;
  inbox->head += size_bytes;
  return IB_TAKE_DONE;
}

void ib_inbox_fini(ib_inbox *inbox) {
  free(inbox->bytes);
  *inbox = (ib_inbox){0};
}

ib_fields ib_fields_of(ib_message message) {
  return (ib_fields){.at = message.payload, .end = message.payload + message.size_bytes};
}

static void mark_bad(ib_fields *fields) {
  if (fields->bad_field == 0) fields->bad_field = fields->taken;
}

const char *ib_take_text(ib_fields *fields) {
  fields->taken++;
  if (fields->bad_field != 0) return "";
  const char *text = fields->at;
  const char *nul = text == fields->end ? NULL : memchr(text, '\0', (size_t)(fields->end - text));
  if (nul == NULL) {  // nothing left, or text without its terminator
    mark_bad(fields);
    return "";
  }
  fields->at = nul + 1;
  return text;
}

int64_t ib_take_int(ib_fields *fields, int64_t unset) {
  const char *text = ib_take_text(fields);
  if (*text == '\0') return unset;
  bool starts_well = (*text >= '0' && *text <= '9') || *text == '-' || *text == '+';
  char *end = NULL;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (!starts_well || *end != '\0' || errno != 0) {
    mark_bad(fields);
    return unset;
  }
  return value == IB_UNSET_INT ? unset : value;
}

double ib_take_double(ib_fields *fields, double unset) {
  const char *text = ib_take_text(fields);
  if (*text == '\0') return unset;
  double value;
  if (!ib_parse_double(text, &value)) {
    mark_bad(fields);
    return unset;
  }
  return value == DBL_MAX ? unset : value;
}

bool ib_take_bool(ib_fields *fields) {
  const char *text = ib_take_text(fields);
  if (*text == '\0') return false;
  if ((*text != '0' && *text != '1') || text[1] != '\0') mark_bad(fields);
  return *text == '1';
}

void ib_skip(ib_fields *fields, int count) {
  for (int i = 0; i < count; i++) {
    ib_take_text(fields);
  }
}

bool ib_fields_at_end(const ib_fields *fields) {
  return fields->at == fields->end;
}

static const double powers_of_ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// Up to 15 digits: they and the power of ten are both exact doubles, so their one division rounds
// once, as strtod() does. Everything else is left to strtod().
static bool parse_plain_decimal(const char *text, double *out) {
  bool negative = *text == '-';
  const char *at = text + negative;
  uint64_t digits = 0;
  int count = 0, decimals = 0;
  bool point = false;
  for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
    if (*at == '.') {
      point = true;
      continue;
    }
    if (++count > 15) return false;
    digits = digits * 10 + (uint64_t)(*at - '0');
    decimals += point;
  }
  if (*at != '\0' || count == 0) return false;
  double value = (double)digits / powers_of_ten[decimals];
  *out = negative ? -value : value;
  return true;
}

bool ib_parse_double(const char *text, double *out) {
  if (parse_plain_decimal(text, out)) return true;
  if (*text == '\0' || *text == ' ' || (*text >= '\t' && *text <= '\r')) return false;
  if (strpbrk(text, "xX") != NULL) return false;  // strtod() would read hexadecimal
  char *end = NULL;
  *out = strtod(text, &end);
  return *end == '\0' && end != text;
}

static void put_bytes(ib_outbox *outbox, const char *bytes, size_t size_bytes) {
  if (outbox->failed) return;
  if (!grow(&outbox->bytes, &outbox->capacity, outbox->size_bytes + size_bytes)) {
    outbox->failed = true;
    return;
  }
  memcpy(outbox->bytes + outbox->size_bytes, bytes, size_bytes);
  outbox->size_bytes += size_bytes;
}

// Gives back the room of what was sent, when that is most of the buffer: each byte moves seldom.
static void compact(ib_outbox *outbox) {
  size_t waiting = outbox->size_bytes - outbox->sent;
  if (outbox->sent <= waiting) return;
  memmove(outbox->bytes, outbox->bytes + outbox->sent, waiting);
  outbox->sent = 0;
  outbox->size_bytes = waiting;
}

void ib_begin(ib_outbox *outbox) {
  compact(outbox);
  outbox->failed = false;
  outbox->frame_start = outbox->size_bytes;
  put_bytes(outbox, "\0\0\0\0", IB_FRAME_HEADER_BYTES);  // ib_end() writes the length here
}

void ib_put_text(ib_outbox *outbox, const char *text) {
  put_bytes(outbox, text, strlen(text) + 1);
}

void ib_put_int(ib_outbox *outbox, int64_t value) {
  char text[24];
  char *at = text + sizeof text;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  *--at = '\0';
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (value < 0) *--at = '-';
  put_bytes(outbox, at, (size_t)(text + sizeof text - at));
}

void ib_put_bool(ib_outbox *outbox, bool value) {
  ib_put_text(outbox, value ? "1" : "0");
}

// Writes `digits` before `end`, with a point in front of the last `decimals`; returns the start.
static char *print_decimal(uint64_t digits, int decimals, char *end) {
  for (int written = 0; digits > 0 || written <= decimals; written++) {
    if (decimals > 0 && written == decimals) *--end = '.';
    *--end = (char)('0' + digits % 10);
    digits /= 10;
  }
  return end;
}

// The inverse of parse_plain_decimal(): the fewest decimals whose one division gives `value` back.
static bool put_plain_decimal(ib_outbox *outbox, double value) {
  char text[24];
  char *end = text + sizeof text - 1;
  *end = '\0';
  double magnitude = fabs(value);
  for (int decimals = 0; decimals <= 15; decimals++) {
    double scaled = magnitude * powers_of_ten[decimals];
    if (!(scaled < 1e15)) return false;  // too many digits, or not a number
    uint64_t digits = (uint64_t)(scaled + 0.5);
    if ((double)digits / powers_of_ten[decimals] != magnitude) continue;
    char *start = print_decimal(digits, decimals, end);
    if (signbit(value)) *--start = '-';
    put_bytes(outbox, start, (size_t)(end + 1 - start));
    return true;
  }
  return false;
}

void ib_put_double(ib_outbox *outbox, double value) {
  if (put_plain_decimal(outbox, value)) return;
  char text[32];
  for (int digits = 15; digits <= 17; digits++) {  // 17 always read back; most need 15 or fewer
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  ib_put_text(outbox, text);
}

void ib_put_unset(ib_outbox *outbox) {
  ib_put_text(outbox, "");
}

void ib_put_fields(ib_outbox *outbox, const char *fields, size_t size_bytes) {
  put_bytes(outbox, fields, size_bytes);
}

bool ib_end(ib_outbox *outbox) {
  size_t length = outbox->size_bytes - outbox->frame_start - IB_FRAME_HEADER_BYTES;
  if (outbox->failed || length > IB_FRAME_MAX_BYTES) {
    outbox->size_bytes = outbox->frame_start;
    return false;
  }
  unsigned char *header = (unsigned char *)outbox->bytes + outbox->frame_start;
  for (int i = 0; i < IB_FRAME_HEADER_BYTES; i++) {
    header[i] = (unsigned char)(length >> (24 - 8 * i));
  }
  return true;
}

bool ib_put_raw(ib_outbox *outbox, const char *bytes, size_t size_bytes) {
  outbox->failed = false;
  put_bytes(outbox, bytes, size_bytes);
  return !outbox->failed;
}

const char *ib_outbox_pending(const ib_outbox *outbox, size_t *size_bytes) {
  *size_bytes = outbox->size_bytes - outbox->sent;
  return outbox->bytes == NULL ? NULL : outbox->bytes + outbox->sent;
}

void ib_outbox_sent(ib_outbox *outbox, size_t size_bytes) {
  outbox->sent += size_bytes;
  if (outbox->sent == outbox->size_bytes) outbox->sent = outbox->size_bytes = 0;
}

void ib_outbox_clear(ib_outbox *outbox) {
  outbox->sent = outbox->size_bytes = outbox->frame_start = 0;
  outbox->failed = false;
}

void ib_outbox_fini(ib_outbox *outbox) {
  free(outbox->bytes);
  *outbox = (ib_outbox){0};
}
