#include "mesh/runtime/text.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit.h"

// ---- UTF-8 ----

typedef struct valid_row {
  const char *name, *text;
  size_t size_bytes, valid_bytes;
} valid_row;

#define BYTES(text) text, sizeof text - 1

static const valid_row valid_rows[] = {
    {"nothing is UTF-8", BYTES(""), 0},
    {"ASCII", BYTES("EURUSD"), 6},
    {"a NUL is a character", BYTES("a\0b"), 3},
    {"two bytes", BYTES("\xc3\xbc"), 2},
    {"three bytes", BYTES("\xe7\xad\x96"), 3},
    {"four bytes", BYTES("\xf0\x9f\x93\x88"), 4},
    {"the last one", BYTES("\xf4\x8f\xbf\xbf"), 4},
    {"beyond the last one", BYTES("\xf4\x90\x80\x80"), 0},
    {"Latin-1", BYTES("M\xfcnchen"), 1},
    {"a continuation alone", BYTES("ab\x80"), 2},
    {"a slash in two bytes", BYTES("\xc0\xaf"), 0},
    {"a slash in three bytes", BYTES("\xe0\x80\xaf"), 0},
    {"a surrogate", BYTES("\xed\xa0\x80"), 0},
    {"cut in a character", BYTES("x\xe7\xad"), 1},
    {"0xff", BYTES("a\xff\xfe"), 1},
};

static void check_valid(void **state) {
  const valid_row *row = *state;
  assert_int_equal(mesh_text_valid_bytes(row->text, row->size_bytes), row->valid_bytes);
}

// ---- names ----

typedef struct name_row {
  const char *name, *text, *fault, *file_fault;
} name_row;

static const name_row name_rows[] = {
    {"a word", "momentum", NULL, NULL},
    {"blanks and umlauts",
     "Stra\xc3\x9f"
     "e 7",
     NULL, NULL},
    {"as many bytes as there may be", "0123456789abcdef", NULL, NULL},
    {"one more", "0123456789abcdefg", "is too long", "is too long"},
    {"nothing", "", "is empty", "is empty"},
    {"an escape", "a\x1b[31m", "holds a control character", "holds a control character"},
    {"a line end", "a\nb", "holds a control character", "holds a control character"},
    {"C1, which is an escape too", "a\xc2\x9b", "holds a control character",
     "holds a control character"},
    {"direction turned round", "a\xe2\x80\xae", "holds a control character",
     "holds a control character"},
    {"Latin-1", "M\xfcller", "is no UTF-8", "is no UTF-8"},
    {"the folder above", "..", NULL, "begins with a dot"},
    {"a path", "../../x", NULL, "begins with a dot"},
    {"a path further in", "a/b", NULL, "holds one of / \\ : * ? \" < > |"},
    {"a version", "model:3", NULL, "holds one of / \\ : * ? \" < > |"},
};

static void check_name(void **state) {
  const name_row *row = *state;
  const char *fault = mesh_text_name_fault(row->text, 16);
  const char *file_fault = mesh_text_file_name_fault(row->text, 16);
  assert_string_equal(fault != NULL ? fault : "-", row->fault != NULL ? row->fault : "-");
  assert_string_equal(file_fault != NULL ? file_fault : "-",
                      row->file_fault != NULL ? row->file_fault : "-");
}

// ---- cutting ----

// Every text of characters of 1 to 4 bytes, every capacity: what comes out is UTF-8, the longest
// beginning that fits, and nothing is written behind it.
static void every_cut_is_between_characters(void **state) {
  (void)state;
  static const char text[] = "aü策📈ü📈策a策ü";
  size_t size = strlen(text);
  for (size_t capacity = 1; capacity <= size + 2; capacity++) {
    char formatted[64], copied[64], appended[64] = "";
    memset(formatted, 'x', sizeof formatted);
    memset(copied, 'x', sizeof copied);
    bool whole = mesh_text_format(formatted, capacity, "%s", text);
    assert_int_equal(whole, size < capacity);
    assert_int_equal(mesh_text_copy(copied, capacity, text), whole);
    assert_int_equal(mesh_text_append(appended, capacity, "%s", text), whole);
    size_t length = strlen(formatted);
    assert_true(length < capacity);
    assert_int_equal(length, mesh_text_cut(text, size, capacity - 1));
    assert_int_equal(mesh_text_valid_bytes(formatted, length), length);
    assert_memory_equal(formatted, text, length);
    assert_true(whole || length + 4 >= capacity);  // no more than one character was given up
    assert_string_equal(copied, formatted);
    assert_string_equal(appended, formatted);
    assert_int_equal(formatted[capacity], 'x');
    assert_int_equal(copied[capacity], 'x');
  }
}

static void a_shown_part_ends_between_characters(void **state) {
  (void)state;
  char out[32];
  mesh_text_format(out, sizeof out, "'%.*s'", MESH_TEXT_SHOWN("üüü", 3));
  assert_string_equal(out, "'ü'");
  mesh_text_format(out, sizeof out, "'%.*s'", MESH_TEXT_SHOWN("abc", 20));
  assert_string_equal(out, "'abc'");
}

static void what_is_appended_stays_in_its_place(void **state) {
  (void)state;
  char out[12] = "";
  assert_true(mesh_text_append(out, sizeof out, "%d, ", 12));
  assert_true(mesh_text_append(out, sizeof out, "%s", "345678"));
  assert_false(mesh_text_append(out, sizeof out, "%s", "9ü"));
  assert_string_equal(out, "12, 3456789");
  assert_false(mesh_text_append(out, sizeof out, "x"));
  assert_string_equal(out, "12, 3456789");
}

static void what_is_formatted_is_always_utf8(void **state) {
  (void)state;
  char out[32];
  assert_true(mesh_text_format(out, sizeof out, "in %s, %d", "M\xfcnchen", 7));
  assert_string_equal(out, "in M\xef\xbf\xbdnchen, 7");
  assert_false(mesh_text_format(out, 8, "%s", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
  assert_string_equal(out, "\xef\xbf\xbd\xef\xbf\xbd");
}

// ---- mending and showing ----

typedef struct shown_row {
  const char *name, *text;
  size_t size_bytes;
  const char *mended, *escaped;
} shown_row;

static const shown_row shown_rows[] = {
    {"what is fine stays", BYTES("Zürich 策 📈"), "Zürich 策 📈", "Zürich 策 📈"},
    {"escapes", BYTES("\x1b]0;owned\x07"), "\x1b]0;owned\x07", "\\x1b]0;owned\\x07"},
    {"a forged line", BYTES("a\r\nERROR b\tc"), "a\r\nERROR b\tc", "a\\r\\nERROR b\\tc"},
    {"C1 and DEL",
     BYTES("\xc2\x9b"
           "2J\x7f"),
     "\xc2\x9b"
     "2J\x7f",
     "\\u009b2J\\x7f"},
    {"turned round",
     BYTES("a\xe2\x80\xae"
           "b"),
     "a\xe2\x80\xae"
     "b",
     "a\\u202eb"},
    {"Latin-1", BYTES("M\xfcnchen"), "M\xef\xbf\xbdnchen", "M\\xfcnchen"},
    {"a NUL", BYTES("a\0b"),
     "a\xef\xbf\xbd"
     "b",
     "a\\x00b"},
    {"cut in a character", BYTES("a\xe7\xad"), "a\xef\xbf\xbd\xef\xbf\xbd", "a\\xe7\\xad"},
};

static void check_shown(void **state) {
  const shown_row *row = *state;
  char out[128];
  assert_int_equal(mesh_text_mend(out, sizeof out, row->text, row->size_bytes),
                   strlen(row->mended));
  assert_string_equal(out, row->mended);
  assert_int_equal(mesh_text_escape(out, sizeof out, row->text, row->size_bytes),
                   strlen(row->escaped));
  assert_string_equal(out, row->escaped);
}

// Too little room: the front of what would be there, nothing behind it, no half escape.
static void little_room_is_respected(void **state) {
  (void)state;
  static const char text[] = "ü\x1b\xff策\xe2\x80\xae";
  char whole[64];
  size_t wanted = mesh_text_escape(whole, sizeof whole, text, strlen(text));
  assert_true(wanted < MESH_TEXT_ESCAPED_MAX(sizeof text - 1));
  for (size_t capacity = 1; capacity <= wanted + 1; capacity++) {
    char escaped[64], mended[64];
    memset(escaped, 'x', sizeof escaped);
    memset(mended, 'x', sizeof mended);
    size_t size = mesh_text_escape(escaped, capacity, text, strlen(text));
    assert_int_equal(size, strlen(escaped));
    assert_true(size < capacity);
    assert_memory_equal(escaped, whole, size);
    assert_true(size == wanted || whole[size] != 'x');
    assert_int_equal(escaped[capacity], 'x');
    size = mesh_text_mend(mended, capacity, text, strlen(text));
    assert_int_equal(mesh_text_valid_bytes(mended, size), size);
    assert_int_equal(mended[capacity], 'x');
  }
}

int main(void) {
  enum {
    VALID = sizeof valid_rows / sizeof *valid_rows,
    NAMES = sizeof name_rows / sizeof *name_rows,
    SHOWN = sizeof shown_rows / sizeof *shown_rows
  };
  struct CMUnitTest tests[VALID + NAMES + SHOWN];
  for (int i = 0; i < VALID; i++) {
    tests[i] = (struct CMUnitTest){.name = valid_rows[i].name,
                                   .test_func = check_valid,
                                   .initial_state = (void *)&valid_rows[i]};
  }
  for (int i = 0; i < NAMES; i++) {
    tests[VALID + i] = (struct CMUnitTest){
        .name = name_rows[i].name, .test_func = check_name, .initial_state = (void *)&name_rows[i]};
  }
  for (int i = 0; i < SHOWN; i++) {
    tests[VALID + NAMES + i] = (struct CMUnitTest){.name = shown_rows[i].name,
                                                   .test_func = check_shown,
                                                   .initial_state = (void *)&shown_rows[i]};
  }
  const struct CMUnitTest more[] = {
      cmocka_unit_test(every_cut_is_between_characters),
      cmocka_unit_test(a_shown_part_ends_between_characters),
      cmocka_unit_test(what_is_appended_stays_in_its_place),
      cmocka_unit_test(what_is_formatted_is_always_utf8),
      cmocka_unit_test(little_room_is_respected),
  };
  int failed = cmocka_run_group_tests_name("what text is", tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name("cutting and showing", more, NULL, NULL);
}
