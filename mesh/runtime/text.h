// mesh_text: text from outside: is it UTF-8, where may it be cut, how can it be shown. Our own
// strings are UTF-8 and end with a NUL; what a peer, a file or a person gave is bytes until it was
// looked at here. Pure functions; any thread.
#ifndef MILLRACE_MESH_RUNTIME_TEXT_H
#define MILLRACE_MESH_RUNTIME_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- what it is ----

// The size in bytes (1 to 4) of the character that text[0 .. size_bytes) begins with, and its
// number in *character (may be NULL). 0 where no whole, well-formed one begins there: RFC 3629, so
// only the shortest form, no surrogates, nothing above U+10FFFF.
size_t mesh_text_character(const char *text, size_t size_bytes, uint32_t *character);

// How many bytes at the front are UTF-8: `size_bytes` where all of them are, else the place of the
// first that is not. A NUL is a character as any other.
size_t mesh_text_valid_bytes(const char *text, size_t size_bytes);

// True for a character that steers a terminal or a reader instead of being seen: C0, DEL, C1, line
// and paragraph separators, what turns the direction of writing round, a byte order mark.
bool mesh_text_is_control(uint32_t character);

// NULL if `text` can be a name: 1 to `most_bytes` bytes of UTF-8 and no control character. Else
// what is wrong with it, for behind its name: "is empty", "is no UTF-8". A static string.
const char *mesh_text_name_fault(const char *text, size_t most_bytes);

// NULL if `name` can be a file's name in a folder of ours on any file system: a name (above) that
// is neither "." nor "..", begins with no dot, and holds none of / \ : * ? " < > |. Else what is
// wrong with it, as above.
const char *mesh_text_file_name_fault(const char *name, size_t most_bytes);

// ---- cutting ----

// The most bytes, at most `most_bytes`, at the front of text[0 .. size_bytes) that end between two
// characters.
size_t mesh_text_cut(const char *text, size_t size_bytes, size_t most_bytes);

// The two arguments of a "%.*s" that shows at most `most_bytes` bytes of a string, whole characters
// only: mesh_fail(err, code, "symbol '%.*s' is unknown", MESH_TEXT_SHOWN(symbol, 32)).
#define MESH_TEXT_SHOWN(text, most_bytes) mesh_text_shown(text, most_bytes), (text)
int mesh_text_shown(const char *text, size_t most_bytes);

// As snprintf(), but what comes out is always UTF-8: cut between characters, and damaged bytes of
// an argument become U+FFFD. `capacity` > 0 is that of `out`, with the NUL; no argument may lie in
// `out`. False if something was cut.
bool mesh_text_format(char *out, size_t capacity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool mesh_text_vformat(char *out, size_t capacity, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

// As mesh_text_format(), behind the text that `out` holds already.
bool mesh_text_append(char *out, size_t capacity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Copies `text`, as mesh_text_format() with "%s" does.
bool mesh_text_copy(char *out, size_t capacity, const char *text);

// True if the last bytes of `text` are `end`; always for "".
bool mesh_text_ends_with(const char *text, const char *end);

// ---- mending and showing ----

// Copies text[0 .. size_bytes) as UTF-8 and a NUL: each damaged byte becomes U+FFFD, a NUL byte
// ends nothing and becomes U+FFFD too. Returns the size without the NUL; cut to fit.
size_t mesh_text_mend(char *out, size_t capacity, const char *text, size_t size_bytes);

// Replaces each damaged byte of text[0 .. size_bytes) by '?', where it stands: for what must keep
// its size. Returns how many there were.
size_t mesh_text_mend_in_place(char *text, size_t size_bytes);

// Copies text[0 .. size_bytes) so that it can be written into a line for people, and a NUL: what
// mesh_text_is_control() names becomes \n, \t, \x1b or \u202e, a damaged byte \xff; the rest stays.
// Returns the size without the NUL; cut to fit, between characters and never inside an escape.
size_t mesh_text_escape(char *out, size_t capacity, const char *text, size_t size_bytes);

// Bytes that mesh_text_escape() needs for the worst text of `size_bytes` bytes, with the NUL.
#define MESH_TEXT_ESCAPED_MAX(size_bytes) (4 * (size_bytes) + 1)

#endif
