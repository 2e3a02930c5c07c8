#include "tests/tools/papergate/conversation.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 20, MESSAGE_MAX = 4 << 20 };

void conversation_start(conversation *talk, const char *flags) {
  char directory[PATH_MAX], words[512];
  make_directory(directory);
  snprintf(talk->log_path, sizeof talk->log_path, "%.4000s/log", directory);
  snprintf(words, sizeof words, "%s", flags);
  char *argv[WORDS_MAX] = {(char[]){"papergate"}, (char[]){"--log"}, talk->log_path,
                           (char[]){"--market"}, (char[]){SAMPLE_MARKET}};
  int argc = 5;
  for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
    assert_true(argc < WORDS_MAX);
    argv[argc++] = word;
  }
  pg_options options;
  mesh_error err = {0};
  if (pg_options_parse(argc, argv, &options, &err) != GRPC_STATUS_OK ||
      pg_gateway_open(&talk->gateway, &options, &err) != GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
  if (strstr(flags, "--now") != NULL)
    talk->gateway.clock.speed = 0;  // a slow machine sees the same time
}

void conversation_end(conversation *talk) {
  while (talk->gateway.sessions != NULL) {
    pg_session_close(talk->gateway.sessions);
  }
  pg_gateway_close(&talk->gateway);
}

pg_session *conversation_connect(conversation *talk) {
  pg_session *session = pg_session_open(&talk->gateway);
  assert_non_null(session);
  return session;
}

void say_bytes(pg_session *session, const char *bytes, size_t size) {
  char *room = ib_inbox_reserve(&session->in, size);
  assert_non_null(room);
  memcpy(room, bytes, size);
  ib_inbox_filled(&session->in, size);
  pg_session_receive(session);
}

void say(pg_session *session, const char *fields) {
  ib_outbox message = {0};
  char text[1024];
  size_t size = strlen(fields);
  assert_true(size < sizeof text);
  for (size_t i = 0; i < size; i++) {
    text[i] = fields[i];
    if (text[i] == '|') text[i] = '\0';
  }
  ib_begin(&message);
  ib_put_fields(&message, text, size);
  assert_true(ib_end(&message));
  const char *bytes = ib_outbox_pending(&message, &size);
  say_bytes(session, bytes, size);
  ib_outbox_fini(&message);
}

pg_session *conversation_login(conversation *talk, int client_id) {
  static const char hello[] = "API\0\0\0\0\x09v157..178";
  char start[32];
  pg_session *session = conversation_connect(talk);
  say_bytes(session, hello, sizeof hello - 1);
  snprintf(start, sizeof start, "71|2|%d||", client_id);
  say(session, start);
  while (*hear(session) != '\0')
    continue;
  return session;
}

const char *hear(pg_session *session) {
  static char shown[MESSAGE_MAX];
  size_t size;
  const unsigned char *bytes = (const unsigned char *)ib_outbox_pending(&session->out, &size);
  if (size < IB_FRAME_HEADER_BYTES) return "";
  size_t length =
      (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
  assert_true(length <= size - IB_FRAME_HEADER_BYTES && length < sizeof shown);
  for (size_t i = 0; i < length; i++) {
    char byte = (char)bytes[IB_FRAME_HEADER_BYTES + i];
    shown[i] = byte == '\0' ? '|' : byte;
  }
  shown[length] = '\0';
  ib_outbox_sent(&session->out, IB_FRAME_HEADER_BYTES + length);
  return shown;
}

void expect(pg_session *session, const char *pattern) {
  const char *heard = hear(session);
  if (fnmatch(pattern, heard, FNM_NOESCAPE) != 0) fail_msg("heard %s\nnot %s", heard, pattern);
}

void pass_ms(conversation *talk, int64_t ms) {
  pg_timers_run(&talk->gateway.timers, pg_monotonic_ns() + ms * 1000000);
}

int logged(const conversation *talk, const char *text) {
  FILE *file = fopen(talk->log_path, "r");
  assert_non_null(file);
  char line[4096];
  int count = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    count += strstr(line, text) != NULL;
  }
  fclose(file);
  return count;
}
