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

// Title, done, total, unit, rate, time left, key, note, bars.
#define STATE(...) \
  { TITLE, __VA_ARGS__ }

static const row rows[] = {
    {"a total that is unknown", STATE(0, 0, "segments", 0, -1, NULL, NULL, 0, false, false), 120,
     TITLE},
    {"the start", STATE(0, 8, "segments", 0, -1, NULL, NULL, 0, false, false), 120,
     "EURUSD 1h  ▕                        ▏  0%  0/8 segments"},
    {"the middle", STATE(5, 8, "segments", 12345.6, 2.5, NULL, "asks for 2017", 3100, false, false),
     120,
     "EURUSD 1h  ▕███████████████         ▏ 62%  3,100 bars  5/8 segments  12,346/s  ETA 2.5 s  "
     "asks for 2017"},
    {"without UTF-8", STATE(5, 8, "segments", 12345.6, 2.5, NULL, NULL, 3100, false, true), 120,
     "EURUSD 1h  [###############         ] 62%  3,100 bars  5/8 segments  12,346/s  ETA 2.5 s"},
    {"eighths of a column", STATE(1, 64, "segments", 0, -1, NULL, NULL, 0, false, false), 120,
     "EURUSD 1h  ▕▍                       ▏  1%  1/64 segments"},
    {"the end has no ETA", STATE(8, 8, "segments", 100, 0, NULL, NULL, 5000, false, false), 120,
     "EURUSD 1h  ▕████████████████████████▏100%  5,000 bars  8/8 segments  100/s"},
    {"more done than there is", STATE(9, 8, "segments", 0, -1, NULL, NULL, 0, false, false), 120,
     "EURUSD 1h  ▕████████████████████████▏100%  9/8 segments"},
    {"80 columns keep percent, rate and time left",
     {"a title that is much longer than a terminal is wide, as those of trainings are, ü and all",
      50, 100, "segments", 1234, 754, NULL, "asks for 2017", 31000, false, false},
     80,
     "a title that is much longer than a te…  ▕████    ▏ 50%  1,234/s  ETA 12 min 34 s"},
    {"80 columns keep the epoch, the loss and the time left",
     {"my_strategy on EURUSD, GBPUSD, USDJPY 1h, 4h", 50000, 100000, "rows", 1234567, 754,
      "epoch 117 of 300, loss 0.6931", "accuracy 51.0 %", 0, false, false},
     80,
     "my_strategy …  50%  epoch 117 of 300, loss 0.6931  1,234,567/s  ETA 12 min 34 s"},
    {"40 columns drop the title first",
     STATE(4, 8, "segments", 100, 3, NULL, "note", 5000, false, false), 24,
     "50%  100/s  ETA 3.0 s"},
    {"a bar that has little room", STATE(4, 8, "segments", 100, 3, NULL, NULL, 0, false, false), 46,
     "EURUSD 1h  ▕█████▌     ▏ 50%  100/s  ETA 3.0 s"},
    {"a very narrow one", STATE(4, 8, "segments", 100, 3, NULL, "note", 5000, false, false), 8,
     "50%"},
    {"a title alone is cut", STATE(0, 0, "", 0, -1, NULL, NULL, 0, false, false), 7, "EURUSD…"},
    {"a note is cut", STATE(0, 0, "", 0, -1, NULL, "waits for the gateway", 0, false, false), 22,
     "EURUSD 1h  waits for …"},
    {"what steers a terminal is shown",
     STATE(0, 0, "", 0, -1, NULL, "a\n\033b\xc2\x9b\xff", 0, false, false), 40,
     "EURUSD 1h  a\\n\\x1bb\\u009b\\xff"},
    {"a title too", {"\033[2J", 0, 0, "", 0, -1, NULL, NULL, 0, false, false}, 40, "\\x1b[2J"},
    {"and a unit", STATE(1, 64, "\033[2J", 0, -1, NULL, NULL, 0, false, false), 120,
     "EURUSD 1h  ▕▍                       ▏  1%  1/64 \\x1b[2J"},
    {"a note is cut between characters",
     STATE(0, 0, "", 0, -1, NULL, "ääääääääää", 0, false, false), 19, "EURUSD 1h  äääääää…"},
    {"a note that has no room for a word", STATE(0, 0, "", 0, -1, NULL, "waiting", 0, false, false),
     14, TITLE},
    {"a rate beyond all counting", STATE(1, 2, "rows", 1e300, -1, NULL, NULL, 0, false, false), 60,
     "EURUSD 1h  ▕████    ▏ 50%  1/2 rows  1,000,000,000,000,000/s"},
};

static void no_width_is_passed(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    for (int columns = 1; columns <= 200; columns++) {
      char line[PROGRESS_LINE_MAX];
      progress_format(&rows[i].state, columns, line);
      int used = 0;
      for (const char *at = line; *at != '\0'; at++)
        used += ((unsigned char)*at & 0xc0) != 0x80;
      if (used > columns) fail_msg("%s at %d: '%s'", rows[i].name, columns, line);
    }
  }
}

static void check(void **state) {
  const row *one = *state;
  char line[PROGRESS_LINE_MAX];
  progress_format(&one->state, one->columns, line);
  assert_string_equal(line, one->want);
}

static int run_rows(void) {
  RUN_ROWS("progress_format", rows, check);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_width_is_passed)};
  return run_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
