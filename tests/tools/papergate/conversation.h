// A client's side of a conversation with a gateway in the same thread, without sockets: messages
// are written and shown as text with '|' behind each field, "71|2|7||".
#ifndef MILLRACE_TESTS_TOOLS_PAPERGATE_CONVERSATION_H
#define MILLRACE_TESTS_TOOLS_PAPERGATE_CONVERSATION_H

#include "tests/tools/papergate/files.h"
#include "tools/papergate/query.h"
#include "tools/papergate/session.h"

// A gateway with these flags (at most 15 words) over the sample data; its log goes to a file.
typedef struct conversation {
  pg_gateway gateway;
  char log_path[PATH_MAX];
} conversation;

// The sample data of the product; the directory that holds the test's runfiles is the current one.
#define SAMPLE_MARKET "tools/papergate/market"

void conversation_start(conversation *talk, const char *flags);
void conversation_end(conversation *talk);

// Opens a session and sends it bytes, or one message.
pg_session *conversation_connect(conversation *talk);
void say_bytes(pg_session *session, const char *bytes, size_t size);
void say(pg_session *session, const char *fields);

// A session that has said hello as `client_id`; what the gateway greeted it with is already heard.
pg_session *conversation_login(conversation *talk, int client_id);

// The next message that the gateway sent; "" when there is none. Valid until the next call.
const char *hear(pg_session *session);

// Fails unless the next message matches `pattern`, in which '*' stands for any text.
void expect(pg_session *session, const char *pattern);

// Lets time pass for the gateway's timers, to the end of the test if `ms` is large.
void pass_ms(conversation *talk, int64_t ms);

// How many lines of the log hold `text`.
int logged(const conversation *talk, const char *text);

// Requests, as a client at version 178 writes them.
#define EURUSD_CONTRACT "|EUR|CASH|||||IDEALPRO||USD|||"
#define SPX_CONTRACT "|SPX|IND|||||CBOE||USD|||"
#define SYN_CONTRACT "|SYN1|STK|||||SMART||USD|||"
#define BARS(id, contract, end, size, duration, show, format, live) \
  "20|" #id "|" contract "0|" end "|" size "|" duration "|0|" show "|" #format "|" #live "||"

#endif
