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
