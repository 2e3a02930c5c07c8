// Symbols from a file as people and their programs write it.
#include "cli/symbols.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit.h"

typedef struct row {
  const char *name, *text;
  size_t size;            // 0: as the text
  const char *want;       // each with a blank behind it
  const char *complaint;  // what is told begins with this, behind the path; NULL: nothing is
  size_t broken;
} row;

#define BYTES(text) text, sizeof text - 1

static const row rows[] = {
    {"lines", "AAPL\nmsft\n", 0, "AAPL MSFT ", NULL, 0},
    {"no end of the last line", "AAPL\nMSFT", 0, "AAPL MSFT ", NULL, 0},
    {"the same again", "EURUSD\nEUR.USD\n", 0, "EURUSD ", NULL, 0},
    {"a table", "symbol,name\nAAPL,Apple\n\nMSFT;x\nSPX\ty\n", 0, "AAPL MSFT SPX ", NULL, 0},
    {"lines of Windows", "AAPL\r\nMSFT\r\n", 0, "AAPL MSFT ", NULL, 0},
    {"a remark", "# of today\nAAPL # and this\n", 0, "AAPL ", NULL, 0},
    {"a byte order mark",
     "\xef\xbb\xbf"
     "AAPL\nMSFT\n",
     0, "AAPL MSFT ", NULL, 0},
    {"a byte order mark before a head",
     "\xef\xbb\xbf"
     "Ticker\nMSFT\n",
     0, "MSFT ", NULL, 0},
    {"a byte order mark alone", "\xef\xbb\xbf\n", 0, "", NULL, 0},
    {"one in the middle", "AAPL\n\xef\xbb\xbfMSFT\n", 0, "AAPL ", ":2: ", 1},
    {"a broken line", "AAPL\nA:B:C\nMSFT\n", 0, "AAPL MSFT ", ":2: ", 1},
    {"a NUL in a line", BYTES("AAPL\nMS\0FT\nSPX\n"), "AAPL SPX ", ":2: a NUL byte", 1},
    {"a NUL at the beginning", BYTES("AAPL\n\0MSFT\nSPX\n"), "AAPL SPX ", ":2: a NUL byte", 1},
    {"a NUL in a remark", BYTES("AAPL # \0\nSPX\n"), "SPX ", ":1: a NUL byte", 1},
    {"UTF-16",
     BYTES("\xff\xfe"
           "A\0\n\0"),
     "", ":1: a NUL byte", 2},
};

static void check(void **state) {
  const row *one = *state;
  char path[] = "/tmp/mr-symbols-XXXXXX", got[256] = "", *said = NULL;
  size_t said_size, size = one->size > 0 ? one->size : strlen(one->text);
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, one->text, size), size);
  close(fd);
  FILE *complaints = open_memstream(&said, &said_size);
  symbols found = {0};
  mesh_error err;
  assert_int_equal(symbols_read(&found, path, complaints, &err), GRPC_STATUS_OK);
  fclose(complaints);
  unlink(path);
  for (size_t i = 0; i < found.count; i++) {
    strcat(got, found.items[i]);
    strcat(got, " ");
  }
  assert_string_equal(got, one->want);
  assert_int_equal(found.broken, one->broken);
  const char *told = said_size > strlen(path) ? said + strlen(path) : said;
  if (one->complaint != NULL && strncmp(told, one->complaint, strlen(one->complaint)) != 0) {
    fail_msg("%s", said);
  }
  if (one->complaint == NULL) assert_string_equal(said, "");
  free(said);
  symbols_clear(&found);
}

static void the_rest_of_a_long_line_is_left_out(void **state) {
  (void)state;
  char path[] = "/tmp/mr-symbols-XXXXXX";
  FILE *file = fdopen(mkstemp(path), "w");
  fprintf(file, "AAPL,%0*d\nMSFT\n", 100000, 0);
  fclose(file);
  symbols found = {0};
  mesh_error err;
  assert_int_equal(symbols_read(&found, path, stderr, &err), GRPC_STATUS_OK);
  unlink(path);
  assert_int_equal(found.count, 2);
  assert_string_equal(found.items[1], "MSFT");
  symbols_clear(&found);
}

static int check_rows(void) {
  RUN_ROWS("symbols_read", rows, check);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_rest_of_a_long_line_is_left_out)};
  return check_rows() + cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
