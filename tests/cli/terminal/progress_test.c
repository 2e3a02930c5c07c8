#include "cli/terminal/progress.h"

#include <string.h>

#include "tests/unit.h"

typedef struct row {
  const char *name;
  progress_state state;
  int columns;
  const char *want;
} row;

#define TITLE "EURUSD 1h"

static const row rows[] = {
    {"a total that is unknown", {TITLE, 0, 0, "segments", 0, -1, NULL, 0}, 120, "EURUSD 1h"},
    {"the start",
     {TITLE, 0, 8, "segments", 0, -1, NULL, 0},
     120,
     "EURUSD 1h  ▕                        ▏  0%  0/8 segments"},
    {"the middle",
     {TITLE, 5, 8, "segments", 12345.6, 2.5, "asks for 2017", 3100},
     120,
     "EURUSD 1h  ▕███████████████         ▏ 62%  3,100 bars  5/8 segments  12,346/s  ETA 2.5 s  "
     "asks for 2017"},
    {"eighths of a column",
     {TITLE, 1, 64, "segments", 0, -1, NULL, 0},
     120,
     "EURUSD 1h  ▕▍                       ▏  1%  1/64 segments"},
    {"the end has no ETA",
     {TITLE, 8, 8, "segments", 100, 0, NULL, 5000},
     120,
     "EURUSD 1h  ▕████████████████████████▏100%  5,000 bars  8/8 segments  100/s"},
    {"more done than there is",
     {TITLE, 9, 8, "segments", 0, -1, NULL, 0},
     120,
     "EURUSD 1h  ▕████████████████████████▏100%  9/8 segments"},
    {"a narrow terminal drops what is right",
     {TITLE, 4, 8, "segments", 100, 3, "note", 5000},
     60,
     "EURUSD 1h  ▕████████████            ▏ 50%  5,000 bars  100/s"},
    {"a very narrow one", {TITLE, 4, 8, "segments", 100, 3, "note", 5000}, 8, "EURUSD"},
    {"a note is cut",
     {TITLE, 0, 0, "", 0, -1, "waits for the gateway", 0},
     20,
     "EURUSD 1h  waits for"},
    {"what steers a terminal is shown",
     {TITLE, 0, 0, "", 0, -1, "a\n\033b\xc2\x9b\xff", 0},
     40,
     "EURUSD 1h  a\\n\\x1bb\\u009b\\xff"},
    {"a title too", {"\033[2J", 0, 0, "", 0, -1, NULL, 0}, 40, "\\x1b[2J"},
    {"and a unit",
     {TITLE, 1, 64, "\033[2J", 0, -1, NULL, 0},
     120,
     "EURUSD 1h  ▕▍                       ▏  1%  1/64 \\x1b[2J"},
    {"a note is cut between characters", {TITLE, 0, 0, "", 0, -1, "ääää", 0}, 13, "EURUSD 1h  ää"},
};

static void check(void **state) {
  const row *one = *state;
  char line[PROGRESS_LINE_MAX];
  progress_format(&one->state, one->columns, line);
  assert_string_equal(line, one->want);
}

int main(void) {
  RUN_ROWS("progress_format", rows, check);
}
