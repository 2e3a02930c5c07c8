"""What Debian's grpc source package holds and its binary packages do not: upb's headers, and grpc_cli."""

# Prints nothing but errors. Uses whatever Debian archive this machine is set up with.
_UNPACK = r"""
set -eu
ver=$(dpkg-query -W -f '${source:Version}' libgrpc-dev)
mkdir -p etc lists/partial cache/archives/partial src
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN) $(IDENTIFIER)' |
  awk '$NF == "Packages" && $4 == "Debian" {print "deb-src", $1, $2, $3}' | sort -u > etc/sources.list
test -s etc/sources.list || { echo 'no Debian package lists on this machine: run apt-get update first' >&2; exit 1; }
set -- -q -o Dir::Etc::sourcelist=$PWD/etc/sources.list -o Dir::Etc::sourceparts=- \
  -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache -o APT::Sandbox::User=
apt-get "$@" update
(cd src && apt-get "$@" source --download-only "grpc=$ver" && dpkg-source --no-check -x grpc_*.dsc tree)

mkdir -p third_party gen/google cli/test/cpp/util cli/src/proto/grpc/reflection
mv src/tree/third_party/upb/upb .
mv src/tree/third_party/upb/third_party/utf8_range third_party/
mv src/tree/src/core/ext/upb-generated/google/protobuf gen/google/
mv src/tree/test/cpp/util/*.h src/tree/test/cpp/util/*.cc cli/test/cpp/util/
mv src/tree/src/proto/grpc/reflection/v1alpha cli/src/proto/grpc/reflection/
(cd src/tree && find src/core -name '*.h' | tar cf - -T -) | tar xf - -C cli
rm -rf src lists etc cache
find . \( -name BUILD -o -name BUILD.bazel \) -exec rm {} +

one() { # FILE OLD NEW: replaces a line that must be there exactly once
  test "$(grep -cxF -- "$2" "$1")" = 1 || { echo "$1: not exactly one line '$2'" >&2; exit 1; }
  OLD="$2" NEW="$3" awk '$0 == ENVIRON["OLD"] { $0 = ENVIRON["NEW"] } { print }' "$1" > edited; mv edited "$1"
}
# Faults in this version that hostile input reaches:
# a map entry with an unknown field near the buffer's end copies a huge length;
one upb/decode.c '  if (size != 0) {' '  if (0) {'
# a string cut short reads past the end (callers also keep a NUL after the text);
one upb/json_decode.c '        if ((unsigned char)*d->ptr < 0x20) {' '        if ((unsigned char)ch < 0x20) {'
# an error after an Any leaks its arena.
one upb/json_encode.c '  if (setjmp(e.err)) return -1;' '  if (setjmp(e.err)) { if (e.arena) upb_Arena_Free(e.arena); return -1; }'
# A message that decodes has JSON, too: one odd detail in it must not hide all others. What is no
# time is null, and so is a Value without one; an Any that is not readable here, or four deep, shows
# its bytes; a field mask shows its paths as they are.
one upb/json_encode.c '  if (seconds < -62135596800) {' \
  '  if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999) {
    jsonenc_putstr(e, "null");
    return;
  }
  if (seconds < -62135596800) {'
# (a negative duration of whole seconds, or of less than one, is none of them)
one upb/json_encode.c '      (seconds < 0) != (nanos < 0)) {' \
  '      (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0) || nanos < -999999999 ||
      nanos > 999999999) {'
one upb/json_encode.c '    jsonenc_err(e, "bad duration");' '    jsonenc_putstr(e, "null");
    return;'
one upb/json_encode.c '    nanos = -nanos;' '    nanos = -nanos;
    if (seconds == 0) {
      jsonenc_putstr(e, "\"-0");
      jsonenc_nanos(e, nanos);
      jsonenc_putstr(e, "s\"");
      return;
    }'
one upb/json_encode.c '  if (type_url.size == 0) goto badurl;' '  if (type_url.size == 0) return NULL;'
one upb/json_encode.c '    jsonenc_errf(e, "Couldn'"'"'t find Any type: %.*s", (int)(end - ptr), ptr);' '    return NULL;'
one upb/json_encode.c '  jsonenc_errf(e, "Bad type URL: " UPB_STRINGVIEW_FORMAT,' '  return NULL;'
one upb/json_encode.c '               UPB_STRINGVIEW_ARGS(type_url));' ''
one upb/json_encode.c '  const upb_MiniTable* any_layout = upb_MessageDef_MiniTable(any_m);' \
  '  if (!any_m || e->indent_depth == 4) {
    jsonenc_rawany(e, type_url, value);
    return;
  }
  const upb_MiniTable* any_layout = upb_MessageDef_MiniTable(any_m);'
one upb/json_encode.c '    jsonenc_err(e, "Error decoding message in Any");' '    jsonenc_rawany(e, type_url, value);
    return;'
one upb/json_encode.c '    jsonenc_msgfields(e, any, any_m, false);' '    e->indent_depth++;
    jsonenc_msgfields(e, any, any_m, false);
    e->indent_depth--;'
one upb/json_encode.c '    jsonenc_msgfield(e, any, any_m);' '    e->indent_depth++;
    jsonenc_msgfield(e, any, any_m);
    e->indent_depth--;'
one upb/json_encode.c '  e.arena = NULL;' '  e.arena = NULL;
  e.indent_depth = 0;'
one upb/json_encode.c 'static void jsonenc_any(jsonenc* e, const upb_Message* msg,' \
  'static void jsonenc_rawany(jsonenc* e, upb_StringView type_url, upb_StringView value) {
  jsonenc_putstr(e, "{\"@type\":");
  jsonenc_string(e, type_url);
  jsonenc_putstr(e, ",\"value\":");
  jsonenc_bytes(e, value);
  jsonenc_putstr(e, "}");
}

static void jsonenc_any(jsonenc* e, const upb_Message* msg,'
one upb/json_encode.c '      jsonenc_err(e, "Field mask element may not have upper-case letter.");' \
  '      jsonenc_putbytes(e, ptr++, 1);
      continue;'
one upb/json_encode.c '        jsonenc_err(e, "Underscore must be followed by a lowercase letter.");' \
  '        jsonenc_putbytes(e, ptr++, 1);
        continue;'
one upb/json_encode.c '    jsonenc_putbytes(e, &ch, 1);' \
  '    jsonenc_stringbody(e, (upb_StringView){&ch, 1});'
one upb/json_encode.c '    jsonenc_err(e, "No value set in Value proto");' '    jsonenc_putstr(e, "null");
    return;'
# Not a fault, but what every reader of our lines expects: a whole number that a double holds
# exactly is a number.
one upb/json_encode.c '      jsonenc_printf(e, "\"%" PRId64 "\"", val.int64_val);' \
  '      jsonenc_printf(e, val.int64_val > -(1ll << 53) && val.int64_val < 1ll << 53 ? "%" PRId64 : "\"%" PRId64 "\"", val.int64_val);'
one upb/json_encode.c '      jsonenc_printf(e, "\"%" PRIu64 "\"", val.uint64_val);' \
  '      jsonenc_printf(e, val.uint64_val < 1ull << 53 ? "%" PRIu64 : "\"%" PRIu64 "\"", val.uint64_val);'
"""

def _source_impl(ctx):
    result = ctx.execute(["sh", "-c", _UNPACK], timeout = 300)
    if result.return_code != 0:
        fail("could not unpack Debian's grpc source package:\n" + result.stdout + result.stderr)
    ctx.file("BUILD.bazel", ctx.read(ctx.attr.build_file))

grpc_source_repository = repository_rule(
    implementation = _source_impl,
    attrs = {"build_file": attr.label(mandatory = True, allow_single_file = True)},
)

def _alias_impl(ctx):
    ctx.file("BUILD.bazel", """
alias(name = %r, actual = %r, visibility = ["//visibility:public"])
""" % (ctx.attr.name, ctx.attr.actual))

alias_repository = repository_rule(
    implementation = _alias_impl,
    attrs = {"actual": attr.string(mandatory = True)},
)
